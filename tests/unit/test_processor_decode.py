"""What a reader of records must know: the rules of the contract, one by one, for all three topics."""

import json
from uuid import UUID

import pytest

from processor.decode.events import LINE, Keyed, Lines, Named, Stream
from processor.decode.gather import Gathering
from processor.decode.keys import hashed_key, job_keys
from tests.processor_world import (
    ABSENT,
    JOB,
    NIL,
    NOW_MS,
    USER,
    WORKFLOW,
    FakeRecord,
    built,
    estimate,
    finished_job,
    gathered,
    gathered_of,
    log_line,
    records,
    some_id,
    step,
)

YEAR_S = 366 * 86_400
FLOW, OWNER, JOB_ID = (UUID(one).int for one in (WORKFLOW, USER, JOB))


def result(**fields):
    """A job that failed."""
    return step("JOB_FAILED", **fields)


BUILDERS = {"analytics": finished_job, "workflows": step, "job_logs": log_line}
NEEDED_IDS = [
    ("analytics", finished_job, "UserID", "user_id"),
    ("analytics", finished_job, "WorkflowID", "workflow_id"),
    ("analytics", built, "UserID", "user_id"),
    ("analytics", built, "WorkflowID", "workflow_id"),
    ("workflows", step, "UserID", "user_id"),
    ("workflows", step, "ID", "workflow_id"),
    ("workflows", result, "UserID", "user_id"),
    ("workflows", result, "ID", "workflow_id"),
    ("job_logs", log_line, "UserID", "user_id"),
    ("job_logs", log_line, "WorkflowID", "workflow_id"),
    ("job_logs", log_line, "JobID", "job_id"),
]

topics = pytest.mark.parametrize("topic", BUILDERS)


def reasons(topic, *events):
    return [one.reason for one in gathered(topic, *events).rejected]


def jobs(*events):
    """The jobs in the events, in one piece."""
    return Keyed.concatenate(gathered("analytics", *events).keyed)


def lines_of(batch):
    return Lines.concatenate(batch.lines)


def raw(event, **tokens):
    """The event with some values written as the given JSON tokens."""
    text = json.dumps(event)
    for name, token in tokens.items():
        text = text.replace(f'"{name}": {json.dumps(_find(event, name))}', f'"{name}": {token}')
    return text.encode("utf-8", "surrogateescape")


def _find(event, name):
    return event[name] if name in event else event["Data"][name]


# --- ids ---


@pytest.mark.parametrize(("topic", "builder", "field", "word"), NEEDED_IDS)
@pytest.mark.parametrize(
    ("text", "what"),
    [(NIL, "invalid"), (USER.replace("-", ""), "invalid"), (f"{{{USER}}}", "invalid"), (USER + "\n", "invalid"),
     ("internal/jobs", "invalid"), ("", "missing"), (None, "missing"), (ABSENT, "missing")],
    ids=["nil", "no hyphens", "braces", "line feed", "no UUID", "empty", "null", "absent"],
)  # fmt: skip
def test_an_id_is_a_uuid_of_36_characters_and_not_nil(topic, builder, field, word, text, what):
    """Also when the record before it had a good one."""
    assert reasons(topic, builder(), builder(**{field: text})) == [f"{what}_{word}"]


@topics
def test_an_id_of_another_type_is_malformed(topic):
    assert reasons(topic, BUILDERS[topic](UserID=5), BUILDERS[topic](UserID=[USER])) == ["wrong_type"] * 2


def test_ids_are_compared_parsed():
    batch = gathered(
        "analytics", finished_job(), finished_job(UserID=USER.upper(), WorkflowID=WORKFLOW.upper())
    )
    assert (set(batch.owners.users), set(batch.owners.workflows)) == ({OWNER}, {FLOW})


def test_ids_that_only_run_together_are_like_known_ones_are_malformed():
    both = USER + WORKFLOW
    forged = finished_job(8, UserID=both[:35], WorkflowID=both[35:])
    assert len(reasons("analytics", finished_job(7), forged)) == 1


def test_ids_of_a_line_that_only_run_together_are_like_known_ones_are_malformed():
    both = USER + WORKFLOW
    forged = log_line(stream="stderr", UserID=both[:35], WorkflowID=both[35:])
    assert len(reasons("job_logs", log_line(), forged)) == 1


# --- who names a workflow ---


@pytest.mark.parametrize("event", [finished_job(), built(), estimate(), finished_job(EventKey="")], ids=str)
def test_any_event_of_topic_analytics_in_canonical_spelling_names_its_workflow(event):
    assert gathered("analytics", event, first=7).named == {FLOW: Named(0, NOW_MS, 7)}


@pytest.mark.parametrize("builder", [finished_job, built, estimate])
def test_an_upper_case_spelling_names_nobody(builder):
    assert gathered("analytics", builder(WorkflowID=WORKFLOW.upper())).named == {}


def test_the_first_record_in_canonical_spelling_names_the_workflow():
    upper = finished_job(WorkflowID=WORKFLOW.upper())
    for first, second in ((finished_job(), built()), (built(), finished_job())):
        assert gathered("analytics", upper, first, second).named[FLOW].offset == 1


def test_the_spelling_of_the_user_does_not_matter_for_that():
    assert FLOW in gathered("analytics", finished_job(UserID=USER.upper())).named


def test_a_malformed_event_and_one_of_unknown_type_name_nobody():
    assert gathered("analytics", finished_job(seconds=-1), finished_job(EventType="BILLING")).named == {}


def test_what_a_batch_has_named_the_next_one_does_not_name_again():
    """It would only be looked up in vain."""
    before = gathered("analytics", finished_job(), finished_job(WorkflowID=some_id(9).upper()))
    behind = Gathering("analytics", 2, before.owners)
    behind.add(records(built(), finished_job(WorkflowID=some_id(9)), first=2))
    assert behind.batch.named.keys() == {UUID(some_id(9)).int}


@pytest.mark.parametrize("topic", ["workflows", "job_logs"])
def test_other_topics_name_nobody(topic):
    assert gathered(topic, BUILDERS[topic]()).named == {}


# --- EventKeys ---


@pytest.mark.parametrize("event_key", ["", None, ABSENT])
def test_a_job_without_an_event_key_has_its_place_in_the_log_only(event_key):
    assert jobs(finished_job(EventKey=event_key)).has_key.tolist() == [False]


def test_a_job_is_known_by_its_event_key():
    event = finished_job(EventKey="dead_letter:x/0@1")
    found = jobs(event)
    assert (found.key_hi[0], found.key_lo[0]) == hashed_key(event["EventKey"])


def test_a_repeated_job_has_the_same_key_however_it_is_printed():
    event = finished_job()
    found = jobs(
        event, json.dumps(event, separators=(",", ":"), sort_keys=True).encode(), finished_job(Later=1.5)
    )
    assert set(found.key_lo.tolist()) == set(job_keys([event["EventKey"]]).lo.tolist())


@pytest.mark.parametrize("event_key", ["", None, ABSENT, f"log:{JOB}:stdout:3"])
def test_the_event_key_of_a_line_can_be_built_from_its_fields(event_key):
    batch = gathered("job_logs", log_line(3, EventKey=event_key))
    assert (batch.streams, batch.lines[0].sequence.tolist()) == ([Stream(JOB_ID, 1, "stdout")], [3])


def test_the_attempt_of_a_line_is_in_its_event_key():
    assert gathered("job_logs", log_line(attempt=3)).streams == [Stream(JOB_ID, 3, "stdout")]


def test_a_line_of_a_job_in_upper_case_is_of_the_same_stream():
    batch = gathered("job_logs", log_line(0), log_line(1, JobID=JOB.upper()))
    assert (batch.streams, batch.lines[0].stream.tolist()) == ([Stream(JOB_ID, 1, "stdout")], [0, 0])


def test_lines_of_one_stream_may_name_two_workflows():
    batch = gathered("job_logs", log_line(0), log_line(1, WorkflowID=some_id(9)))
    assert [batch.owners.workflows[owner] for owner in lines_of(batch).owner] == [FLOW, UUID(some_id(9)).int]


@pytest.mark.parametrize(
    "event_key",
    ["anything", f"log:{JOB.upper()}:stdout:3", f"log:{JOB}:attempt:1:stdout:3", f"log:{JOB}:attempt:02:stdout:3",
     f"log:{JOB}:attempt:4294967296:stdout:3", f"log:{JOB}:stdin:3", f"log:{JOB}:stdout:03", f"log:{JOB}:stdout:4294967296",
     f"log:{JOB}::stdout:3", f"log:{NIL}:stdout:3", f"log:{JOB}:attempt:\uff12:stdout:3", f"log:{JOB}:stdout:3\n"],
)  # fmt: skip
def test_an_event_key_of_any_other_form_is_the_identity_of_its_line(event_key):
    (keyed,) = gathered("job_logs", log_line(2), log_line(3, EventKey=event_key)).keyed
    assert ((keyed.key_hi[0], keyed.key_lo[0]), keyed.event[0]) == (hashed_key(event_key), LINE)


@pytest.mark.parametrize("fields", [{"SequenceNum": 4}, {"Stream": "stderr"}, {"JobID": some_id(9)}], ids=str)
def test_the_event_key_decides_which_line_it_is_not_the_fields(fields):
    batch = gathered("job_logs", log_line(3), log_line(3, **fields))
    assert (batch.streams, sorted(lines_of(batch).sequence)) == ([Stream(JOB_ID, 1, "stdout")], [3, 3])


@topics
@pytest.mark.parametrize("event_key", [5, True, ["x"], {}])
def test_an_event_key_of_another_type_is_malformed(topic, event_key):
    assert reasons(topic, BUILDERS[topic](EventKey=event_key)) == ["wrong_type"]


# --- numbers ---


@pytest.mark.parametrize(
    "token", ["12.0", "1e3", '"12"', "true", "[]", "9" * 40, "1.5", "18446744073709551616"]
)
def test_a_duration_is_an_integer_written_as_one(token):
    assert reasons("analytics", raw(finished_job(), job_execution_duration=token)) == ["invalid_duration"]


@pytest.mark.parametrize(
    ("seconds", "why"),
    [(YEAR_S, []), (YEAR_S + 1, ["absurd_duration"]), (0, []), (-1, ["negative_duration"]), (None, ["missing_duration"]),
     (ABSENT, ["missing_duration"])],
    ids=str,
)  # fmt: skip
def test_a_duration_is_there_and_between_zero_and_366_days(seconds, why):
    assert reasons("analytics", finished_job(seconds=seconds)) == why


@pytest.mark.parametrize(
    ("count", "why"), [(2**64 - 1, []), (2**64, ["invalid_count"]), (-1, ["invalid_count"])]
)
def test_an_estimate_is_a_uint64(count, why):
    assert reasons("analytics", estimate(count=count)) == why


@pytest.mark.parametrize("generation", [2**63 - 1, -(2**63), 0, None, ABSENT])
def test_a_generation_is_an_int64_and_may_be_absent(generation):
    assert reasons("workflows", step(Generation=generation)) == []


@pytest.mark.parametrize("token", ["9223372036854775808", "1.0", '"1"', "true", "1e2"])
@pytest.mark.parametrize("action", ["BUILD", "JOB_FAILED"])
def test_any_other_generation_is_malformed(action, token):
    assert reasons("workflows", raw(step(action), Generation=token)) == ["wrong_type"]


@pytest.mark.parametrize("token", ["0", "4294967295", "null"])
def test_a_sequence_number_is_a_uint32(token):
    assert reasons("job_logs", raw(log_line(), SequenceNum=token)) == []


@pytest.mark.parametrize("token", ["4294967296", "-1", "5.0", '"5"', "false", "1e2"])
def test_any_other_sequence_number_is_malformed(token):
    assert reasons("job_logs", raw(log_line(), SequenceNum=token)) == ["wrong_type"]


# --- a malformed record is kept whole ---


def test_a_malformed_record_keeps_its_place_and_does_not_use_up_its_event_key():
    batch = gathered("analytics", finished_job(seconds=-1), finished_job())
    assert ([one.record.offset() for one in batch.rejected], batch.keyed[0].offset.tolist()) == ([0], [1])


def test_a_batch_of_malformed_records_covers_their_offsets():
    batch = gathered_of("analytics", [FakeRecord(b"x", 5), FakeRecord(None, 9)])
    assert (batch.first, batch.end, batch.records, batch.keyed) == (5, 10, 2, [])


def test_a_batch_knows_the_bytes_of_its_values():
    given = records(finished_job(), finished_job(4))
    assert gathered_of("analytics", given).value_bytes == len(given[0].value()) + len(given[1].value())
