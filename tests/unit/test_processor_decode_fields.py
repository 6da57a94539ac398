"""What a reader of records must know: fields and their forms, what is not needed, what is unknown."""

import json
from uuid import UUID

import pytest

from processor.decode.events import JOB as FINISHED
from processor.decode.events import NO_STATUS, NONE_YET, Keyed
from processor.decode.gather import Gathering
from tests.processor_world import (
    ABSENT,
    JOB,
    NOW_MS,
    USER,
    WORKFLOW,
    FakeRecord,
    as_value,
    built,
    estimate,
    finished_job,
    gathered,
    gathered_of,
    log_line,
    records,
    step,
)

FLOW, OWNER = UUID(WORKFLOW).int, UUID(USER).int
NOW_S = NOW_MS // 1000
BUILDERS = {"analytics": finished_job, "workflows": step, "job_logs": log_line}
ALL_EVENTS = [
    ("analytics", finished_job), ("analytics", built), ("analytics", estimate), ("workflows", step),
    ("workflows", lambda **fields: step("JOB_FAILED", **fields)), ("job_logs", log_line),
]  # fmt: skip
ANYTHING = [None, True, 5, 1.5, 10**40, "text", "\u00e9", [], [[1]], {}, {"kind": 5}]

NO_EVENTS = {
    "tombstone": (None, "null_value"), "empty": (b"", "empty_value"), "null": (b"null", "not_an_object"),
    "list": (b"[]", "not_an_object"), "string": (b'"x"', "not_an_object"), "number": (b"5", "not_an_object"),
    "cut off": (b"{", "not_json"), "trailing": (b"{}x", "not_json"), "BOM": (b"\xef\xbb\xbf{}", "not_json"),
    "quotes": (b"{'a':1}", "not_json"), "no UTF-8": (b"\xff", "invalid_utf8"), "deep": (b'{"a":' * 100_000, "deep_nesting"),
}  # fmt: skip

topics = pytest.mark.parametrize("topic", BUILDERS)
all_events = pytest.mark.parametrize(("topic", "builder"), ALL_EVENTS)


def reasons(topic, *events):
    return [one.reason for one in gathered(topic, *events).rejected]


def end_s(completed_at, time_ms=NOW_MS):
    """The second in which a job ended."""
    (keyed,) = gathered("analytics", finished_job(completed_at=completed_at), time_ms=time_ms).keyed
    return keyed.at_s.tolist()


def facts_of(topic, *given):
    """What is known of the workflow after events at (offset, time)."""
    batch = gathered_of(
        topic, [FakeRecord(as_value(event), offset, time_ms) for event, offset, time_ms in given]
    )
    return batch.facts[OWNER, FLOW]


# --- values that are no events ---


@topics
@pytest.mark.parametrize(("value", "why"), NO_EVENTS.values(), ids=NO_EVENTS.keys())
def test_a_value_is_a_json_object(topic, value, why):
    assert reasons(topic, value) == [why]


@all_events
@pytest.mark.parametrize("byte", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xc0\xaf"])
def test_a_value_is_utf_8_in_fields_that_are_not_needed_as_well(topic, builder, byte):
    """Also when everything else is known from an earlier record."""
    value = json.dumps(builder(Later="HERE")).encode().replace(b"HERE", b"x" + byte + b"x")
    gathering = Gathering(topic, 0)
    for first, one in enumerate([value, builder(), value]):
        gathering.add(records(one, first=first))
    assert [one.reason for one in gathering.batch.rejected] == ["invalid_utf8"] * 2


@topics
def test_two_records_are_never_read_as_one(topic):
    """A value that closes its object early must not borrow from its neighbour."""
    whole = json.dumps(BUILDERS[topic]()).encode()
    assert len(reasons(topic, whole[:-1], b"{" + whole[1:-1] + b"},{", whole + b"," + whole)) == 3


# --- fields that are needed ---


@pytest.mark.parametrize(
    ("topic", "event", "why"),
    [
        ("analytics", finished_job(EventType=ABSENT), "missing_event_type"),
        ("analytics", finished_job(EventType=""), "missing_event_type"),
        ("analytics", finished_job(EventType=None), "missing_event_type"),
        ("analytics", finished_job(EventType=5), "wrong_type"),
        ("analytics", finished_job(Data=ABSENT), "missing_data"),
        ("analytics", finished_job(Data=None), "null_data"),
        ("analytics", finished_job(Data=[]), "data_is_no_object"),
        ("analytics", finished_job(Data="{}"), "data_is_no_object"),
        ("analytics", built(Data=None), "null_data"),
        ("analytics", estimate(Data=ABSENT), "missing_data"),
        ("analytics", built(kind=5), "wrong_type"),
        ("workflows", step(Action=ABSENT), "missing_action"),
        ("workflows", step(Action=""), "missing_action"),
        ("workflows", step(Action=["BUILD"]), "wrong_type"),
        ("workflows", step("JOB_FAILED", FailureKind=5), "wrong_type"),
        ("workflows", step("JOB_FAILED", ErrorCode={}), "wrong_type"),
        ("workflows", step("JOB_FAILED", EventKey="", JobID=""), "missing_job_id"),
        ("job_logs", log_line(stream="stdin"), "invalid_stream"),
        ("job_logs", log_line(Stream=ABSENT), "invalid_stream"),
        ("job_logs", log_line(Stream="STDOUT"), "invalid_stream"),
        ("job_logs", log_line(TimeStamp=ABSENT), "invalid_time"),
        ("job_logs", log_line(TimeStamp="yesterday"), "invalid_time"),
        ("job_logs", log_line(TimeStamp=1_772_359_200), "wrong_type"),
    ],
)
def test_what_is_needed_is_there_and_of_its_type(topic, event, why):
    assert reasons(topic, event) == [why]


def test_of_two_fields_with_one_name_the_last_one_counts():
    """As in Go."""
    value = json.dumps(finished_job()).encode()
    twice = [value[:-1] + b',"Data":null}', b'{"EventType":5,' + value[1:]]
    assert reasons("analytics", *twice) == ["null_data"]


# --- fields that are not ---


@all_events
@pytest.mark.parametrize("anything", ANYTHING, ids=str)
def test_a_field_of_a_later_producer_may_be_of_any_type(topic, builder, anything):
    assert reasons(topic, builder(Later=anything)) == []


@pytest.mark.parametrize("anything", ANYTHING, ids=str)
@pytest.mark.parametrize(
    "name", ["job_id", "status", "trigger", "started_at", "job_execution_duration_ms", "error_code"]
)
def test_an_optional_field_of_a_job_may_be_of_any_type(name, anything):
    event = finished_job()
    event["Data"][name] = anything
    (keyed,) = gathered("analytics", event).keyed
    assert (keyed.event.tolist(), keyed.detail.tolist()) == ([FINISHED], [NO_STATUS])


@pytest.mark.parametrize("name", ["ErrorMessage", "JobID"])
@pytest.mark.parametrize("anything", ANYTHING, ids=str)
def test_message_and_job_of_a_result_with_an_event_key_are_not_looked_at(name, anything):
    assert reasons("workflows", step("JOB_FAILED", **{name: anything})) == []


@pytest.mark.parametrize("name", ["Retention", "LivePublished"])
@pytest.mark.parametrize("anything", ANYTHING, ids=str)
def test_how_long_a_line_is_kept_is_not_looked_at(name, anything):
    batch = gathered("job_logs", log_line(**{name: anything}))
    assert (batch.rejected, len(batch.lines[0].owner)) == ([], 1)


@all_events
@pytest.mark.parametrize("token", [b"1e400", b"9" * 5000], ids=["float", "integer"])
def test_a_number_beyond_all_types_in_a_field_that_is_not_needed_does_not_matter(topic, builder, token):
    value = json.dumps(builder(Later="HERE")).encode().replace(b'"HERE"', token)
    assert reasons(topic, value) == []


@pytest.mark.parametrize("token", [b"1e400", b"9" * 5000], ids=["float", "integer"])
def test_in_a_field_that_is_needed_it_is_of_the_wrong_type(token):
    value = json.dumps(step(Generation="HERE")).encode().replace(b'"HERE"', token)
    assert reasons("workflows", value) == ["wrong_type"]


# --- times ---


@pytest.mark.parametrize(("completed_at", "second"), [
    ("2026-03-01T09:00:00Z", NOW_S - 3600), ("2026-03-01T10:30:00.999999999+01:30", NOW_S - 3600),
    (None, NOW_S), ("", NOW_S), (ABSENT, NOW_S), ("2001-01-01T00:00:00Z", 978_307_200),
])  # fmt: skip
def test_a_job_ends_when_it_says_else_when_its_record_was_written(completed_at, second):
    assert end_s(completed_at) == [second]


@pytest.mark.parametrize("completed_at", ["yesterday", "2026-03-01T10:00:00", "2026-03-01T24:00:00Z", "0"])
def test_an_end_that_is_no_time_is_malformed(completed_at):
    assert reasons("analytics", finished_job(completed_at=completed_at)) == ["invalid_time"]


def test_an_end_of_another_type_is_malformed():
    assert reasons("analytics", finished_job(completed_at=5)) == ["wrong_type"]


def test_ends_stay_with_their_jobs():
    ends = [ABSENT, "2026-03-01T09:00:00Z", ABSENT, "2026-03-01T09:00:01Z"]
    batch = gathered(
        "analytics", *(finished_job(number, completed_at=one) for number, one in enumerate(ends))
    )
    assert Keyed.concatenate(batch.keyed).at_s.tolist() == [NOW_S, NOW_S - 3600, NOW_S, NOW_S - 3599]


def test_a_record_time_lies_in_the_second_that_began_before_it():
    assert end_s(ABSENT, time_ms=NOW_MS + 999) == [NOW_S]


@pytest.mark.parametrize(
    ("message", "length"), [("", 0), ("abc", 3), ("\u00e9", 2), ("\U0001f600", 4), (None, 0), (ABSENT, 0)]
)
@pytest.mark.parametrize("event_key", ["", "anything", f"log:{JOB}:stdout:0"])
def test_the_length_of_a_line_is_that_of_its_utf_8(message, length, event_key):
    batch = gathered("job_logs", log_line(Message=message, EventKey=event_key))
    found = [one.line_bytes for one in batch.lines] + [one.amount for one in batch.keyed]
    assert [one.tolist() for one in found] == [[length]]


# --- types of events ---


@pytest.mark.parametrize("event_type", ["BILLING", "jobs", "JOBS ", "WORKFLOW"])
def test_an_unknown_type_of_event_is_skipped_and_counted_whatever_else_is_in_it(event_type):
    batch = gathered("analytics", finished_job(EventType=event_type, UserID=5, Data=None))
    assert (batch.skipped, batch.rejected, batch.keyed) == ({"unknown": 1}, [], [])


@pytest.mark.parametrize("action", ["PAUSE", "build", "JOB_CANCELED"])
def test_an_unknown_action_is_skipped_and_counted(action):
    batch = gathered("workflows", step(action, UserID=None))
    assert (batch.skipped, batch.rejected, batch.facts) == ({"unknown": 1}, [], {})


def test_an_estimate_of_log_lines_is_counted_and_never_added():
    batch = gathered("analytics", estimate(count=10**6))
    assert (batch.skipped, batch.keyed, batch.lines) == ({"estimate": 1}, [], [])


# --- facts of workflows ---


@pytest.mark.parametrize("kind", ["HEARTBEAT", "CONTAINER", "\u043d\u043e\u0432\u044b\u0439", ""])
def test_any_kind_is_kept_as_text(kind):
    assert facts_of("analytics", (built(kind=kind), 7, NOW_MS)).kind == (NOW_MS, 7, kind)


def test_the_last_kind_wins():
    given = [(built(kind="HEARTBEAT"), 7, NOW_MS), (built(kind="CONTAINER"), 8, NOW_MS)]
    assert facts_of("analytics", *given).kind[2] == "CONTAINER"


def test_the_highest_generation_of_each_side_counts():
    given = [("BUILD", 3), ("RESCHEDULE", 2), ("TERMINATE", 1), ("TERMINATE", 0)]
    facts = facts_of(
        "workflows", *((step(a, generation=g), at, NOW_MS + at) for at, (a, g) in enumerate(given))
    )
    assert (facts.build, facts.terminate) == ((3, NOW_MS), (1, NOW_MS + 2))


def test_a_build_without_a_generation_is_the_first_one():
    assert facts_of("workflows", (step(Generation=ABSENT), 0, NOW_MS)).build == (0, NOW_MS)


def test_a_deleted_workflow_is_only_that():
    facts = facts_of("workflows", (step("DELETE", generation=0), 0, NOW_MS))
    assert (facts.deleted_ms, facts.build, facts.terminate) == (NOW_MS, NONE_YET, NONE_YET)


def test_a_workflow_is_seen_first_at_its_earliest_record():
    given = [(step(), 0, NOW_MS), (step(ID=WORKFLOW.upper()), 1, NOW_MS - 5), (step(), 2, NOW_MS + 5)]
    assert facts_of("workflows", *given).first_seen_ms == NOW_MS - 5
