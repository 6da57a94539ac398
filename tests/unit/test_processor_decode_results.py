"""What is read of how jobs ended: results of topic `workflows`, and the status that the event of a job may have."""

import pytest

from processor.decode.events import COMPLETED, FAILED, NO_STATUS, RESULT, Keyed
from processor.decode.keys import hashed_key, result_key
from tests.processor_world import ABSENT, JOB, finished_job, gathered, step

# --- the status of a job ---


@pytest.mark.parametrize(
    ("status", "detail"),
    [("COMPLETED", COMPLETED), ("FAILED", FAILED), ("failed", NO_STATUS), ("CANCELED", NO_STATUS), ("", NO_STATUS),
     (None, NO_STATUS)],
)  # fmt: skip
def test_the_event_of_a_job_may_tell_its_result(status, detail):
    event = finished_job()
    event["Data"]["status"] = status
    (keyed,) = gathered("analytics", event).keyed
    assert keyed.detail.tolist() == [detail]


def test_statuses_stay_with_their_jobs():
    events = [finished_job(number) for number in range(5)]
    events[1]["Data"]["status"], events[3]["Data"]["status"] = "FAILED", 5
    events[4]["Data"]["status"] = "COMPLETED"
    keyed = Keyed.concatenate(gathered("analytics", *events).keyed)
    found = dict(zip(keyed.offset.tolist(), keyed.detail.tolist(), strict=True))
    assert found == {0: NO_STATUS, 1: FAILED, 2: NO_STATUS, 3: NO_STATUS, 4: COMPLETED}


# --- results of jobs ---


def results_of(*events):
    """The way in which each job failed, "" for one that was completed; in the order of the log."""
    batch = gathered("workflows", *events)
    assert (batch.rejected, batch.facts) == ([], {})
    keyed = Keyed.concatenate(batch.keyed)
    assert set(keyed.event.tolist()) == {RESULT}
    ways = ["", *(" ".join(one) for one in batch.failures)]
    found = dict(zip(keyed.offset.tolist(), keyed.detail.tolist(), strict=True))
    return [ways[found[offset]] for offset in sorted(found)]


def test_results_tell_how_a_job_failed():
    failed = [
        step("JOB_FAILED", FailureKind=kind, ErrorCode=code)
        for kind, code in (("USER", "Aborted"), ("SYSTEM", "Internal"), ("USER", "Aborted"), (None, ABSENT))
    ]
    assert results_of(step("JOB_COMPLETED"), *failed) == [
        "",
        "USER Aborted",
        "SYSTEM Internal",
        "USER Aborted",
        " ",
    ]


def test_a_completed_job_has_not_failed_whatever_else_it_says():
    assert results_of(step("JOB_COMPLETED", FailureKind="USER", ErrorCode="Aborted")) == [""]


@pytest.mark.parametrize("text", ["it went wrong", "\u00e9", "a'b", "x" * 65, "a\n", "{}", "%s"])
@pytest.mark.parametrize("field", ["FailureKind", "ErrorCode"])
def test_a_kind_or_code_that_is_no_name_is_counted_as_another_one(field, text):
    (way,) = results_of(step("JOB_FAILED", **{field: text}))
    assert way.strip() == "OTHER"


def test_more_ways_to_fail_than_a_statement_can_name_are_counted_as_another_one():
    failed = [step("JOB_FAILED", FailureKind="USER", ErrorCode=f"Code{number}") for number in range(600)]
    ways = results_of(*failed)
    assert ways[:500] == [f"USER Code{number}" for number in range(500)]
    assert ways[500:] == ["OTHER OTHER"] * 100


@pytest.mark.parametrize("event_key", ["", None, ABSENT])
@pytest.mark.parametrize("job", [JOB, JOB.upper()])
def test_the_event_key_of_a_result_can_be_built_from_its_fields(event_key, job):
    (keyed,) = gathered("workflows", step("JOB_FAILED", EventKey=event_key, JobID=job)).keyed
    assert (keyed.key_hi[0], keyed.key_lo[0]) == result_key(f"workflow:job:{JOB}:JOB_FAILED")
    assert keyed.has_key.all()


def test_a_result_with_an_event_key_is_known_by_it():
    (keyed,) = gathered("workflows", step("JOB_FAILED", EventKey="anything")).keyed
    assert (keyed.key_hi[0], keyed.key_lo[0]) == hashed_key("anything")
