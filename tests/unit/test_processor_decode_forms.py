"""What is taken in bulk, by its form, is what the slower readers make of the same bytes."""

import json
from itertools import islice

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from processor.decode import analytics, job_logs, workflows
from processor.decode.events import RESULT
from processor.decode.forms import Buffer, Pattern, id_halves, numbers, utc_seconds
from processor.decode.gather import Gathering
from processor.decode.times import parse_time_s
from sandbox.generate.flood import TOPICS, Flood
from tests.examples import examples
from tests.processor_world import FakeRecord, finished_job, gathered_of, log_line, some_id, step

KINDS = ("jobs", "job_logs", "results")
TOPIC_OF = TOPICS | {"results": "workflows"}
FAILURES = [("USER", "Aborted"), ("SYSTEM", "Internal"), ("USER", "DeadlineExceeded")]


def as_jsonb(event):
    """As Postgres prints it: keys by their length."""
    return json.dumps(dict(sorted(event.items(), key=lambda field: (len(field[0]), field[0])))).encode()


def result(number, *, compact):
    """The result of a job as Postgres prints JSONB, or as Go prints it; every fifth one failed."""
    kind, code = FAILURES[number % 3] if number % 5 == 0 else ("", "")
    action = "JOB_FAILED" if kind else "JOB_COMPLETED"
    event = step(
        action, generation=0, EventKey=f"workflow:job:{some_id(number)}:{action}", JobID=some_id(number),
        ID=some_id(5000 + number % 20), UserID=some_id(6000), FailureKind=kind, ErrorCode=code,
        ErrorMessage=f"rpc error: code = {code}" if code else "",
    )  # fmt: skip
    if compact:
        return json.dumps(event, separators=(",", ":")).encode()
    return as_jsonb(event)


FLOODS = {
    kind: [value for _, value, _ in islice(Flood(kind, 300, workflow_count=20, parallel=5), 200)]
    for kind in TOPICS
} | {"results": [result(number, compact=number % 2 == 0) for number in range(200)]}
GO_JOBS = [
    json.dumps(finished_job(number, seconds=number % 3000), separators=(",", ":")).encode()
    for number in range(20)
]
DETAILED_JOBS = [
    as_jsonb(finished_job(number, Data={"kind": "x", "status": status, "job_execution_duration": number}))
    for number, status in enumerate(["COMPLETED", "FAILED", "", "completed", None, 5, ["FAILED"]])
]
TIMES = {kind: [time_ms for _, _, time_ms in islice(Flood(kind, 300), 200)] for kind in TOPICS}
TIMES["results"] = TIMES["jobs"]

octets = st.one_of(
    st.sampled_from(list(b'"\\{}[]:,.-+ 0189aAfFgGzZT\n\x00\x7f\x80\xc3\xa9')), st.integers(0, 255)
)
places = st.integers(0, 10_000)
edits = st.one_of(
    st.tuples(st.just("set"), places, octets),
    st.tuples(st.just("insert"), places, octets),
    st.tuples(st.just("delete"), places, st.integers(1, 40)),
    st.tuples(st.just("copy"), places, places, st.integers(1, 60)),
)


def edited(value, changes):
    """The value after some damage."""
    result = bytearray(value)
    for what, at, *rest in changes:
        at %= max(len(result), 1)
        if what == "set":
            result[at : at + 1] = bytes(rest)
        elif what == "insert":
            result[at:at] = bytes(rest)
        elif what == "delete":
            del result[at : at + rest[0]]
        else:
            start = rest[0] % max(len(result), 1)
            result[at:at] = result[start : start + rest[1]]
    return bytes(result)


def decoded(kind, values):
    """All that was made of records, in a form that does not depend on the way."""
    records = [FakeRecord(value, at, TIMES[kind][at]) for at, value in enumerate(values)]
    batch = gathered_of(TOPIC_OF[kind], records)
    ids = list(zip(batch.owners.users, batch.owners.workflows, strict=True))
    failures = ["", *batch.failures]
    keyed, lines = (
        sorted(row for part in parts for row in zip(*(one.tolist() for one in part), strict=True))
        for parts in (batch.keyed, batch.lines)
    )
    return {
        "keyed": sorted(
            (ids[owner], at_s, event, amount, failures[detail] if event == RESULT else detail, *rest)
            for owner, at_s, event, amount, detail, *rest in keyed
        ),
        "lines": sorted((*rest, ids[owner], batch.streams[of]) for owner, *rest, of, _ in lines),
        "sequence": sorted((offset, sequence) for _, _, _, _, offset, _, sequence in lines),
        "refused": sorted((one.record.offset(), one.reason) for one in batch.rejected),
        "skipped": batch.skipped,
        "named": {flow: one[1:] for flow, one in batch.named.items()},
    }


def refused(value):
    """In place of a faster reader."""
    raise ValueError


def decoded_slowly(kind, values):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(analytics, "_FORMS", ())
        patch.setattr(job_logs, "SHORTEST", 1 << 30)
        patch.setattr(workflows, "_COMPLETED", ())
        patch.setattr(workflows, "_read_plain", refused)
        return decoded(kind, values)


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_records_are_read_as_the_slower_readers_read_them(kind):
    whole = st.integers(0, 199).map(FLOODS[kind].__getitem__)
    if kind == "jobs":
        whole = st.one_of(whole, st.sampled_from(GO_JOBS), st.sampled_from(DETAILED_JOBS))
    damaged = st.builds(edited, whole, st.lists(edits, min_size=1, max_size=3))

    @given(st.lists(st.one_of(whole, damaged), min_size=1, max_size=12))
    @settings(max_examples=examples(150, soak=5_000), deadline=None)
    def check(values):
        assert decoded(kind, values) == decoded_slowly(kind, values)

    check()


@pytest.mark.parametrize("place", range(0, 700, 7))
@pytest.mark.parametrize("kind", KINDS)
def test_no_byte_may_be_another_one(kind, place):
    values = [edited(FLOODS[kind][at], [("set", place + at, octet)]) for at, octet in enumerate(b'"\\}x0F 9')]
    assert decoded(kind, values) == decoded_slowly(kind, values)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("jobs", FLOODS["jobs"]),
        ("jobs", GO_JOBS),
        ("jobs", DETAILED_JOBS[:4]),
        ("job_logs", FLOODS["job_logs"]),
        ("results", [value for value in FLOODS["results"] if b"JOB_COMPLETED" in value]),
    ],
)
def test_records_of_a_known_form_need_no_slower_reader(kind, values, monkeypatch):
    for module, name in (
        (analytics, "read_analytics"),
        (job_logs, "read_job_logs"),
        (job_logs, "_decode_line"),
        (workflows, "_decode_result"),
        (workflows, "read_workflows"),
    ):
        monkeypatch.setattr(module, name, None)
    records = [FakeRecord(value, at, TIMES[kind][at]) for at, value in enumerate(values)]
    batch = gathered_of(TOPIC_OF[kind], records)
    assert sum(len(part.owner) for part in batch.keyed + batch.lines) == len(values)


def test_failed_jobs_need_no_careful_reader(monkeypatch):
    monkeypatch.setattr(workflows, "read_workflows", None)
    records = [FakeRecord(value, at) for at, value in enumerate(FLOODS["results"])]
    assert sum(len(part.owner) for part in gathered_of("workflows", records).keyed) == 200


def test_a_result_of_another_job_than_its_event_key_names_is_read_slowly():
    """Whatever it says beside its EventKey: the EventKey decides."""
    value = FLOODS["results"][2].replace(
        b'"JobID":"' + some_id(2).encode(), b'"JobID":"' + some_id(3).encode()
    )
    assert value != FLOODS["results"][2]
    assert decoded("results", [value]) == decoded_slowly("results", [value])


def test_a_hole_cannot_smuggle_in_fields():
    """36 bytes that are no id, but end the string and begin another field."""
    forged = b'x","Forged":"0123456789012345678901"'[:36].ljust(36, b"0")
    value = GO_JOBS[0].replace(some_id(0).encode(), forged, 1)
    assert decoded("jobs", [value, GO_JOBS[1]]) == decoded_slowly("jobs", [value, GO_JOBS[1]])


@pytest.mark.parametrize("message", ["", "a", "é", '"', "\\", "\x7f", "tab\t", "nul\0", "x" * 5000])
def test_messages_of_all_kinds(message):
    event = log_line(1, Message=message) | {"Retention": True, "LivePublished": False}
    for ensure_ascii in (True, False):
        value = json.dumps(event, separators=(",", ":"), ensure_ascii=ensure_ascii).encode()
        assert decoded("job_logs", [value]) == decoded_slowly("job_logs", [value])


def test_the_portions_of_a_batch_do_not_matter():
    gathering = Gathering("job_logs", 0)
    records = [FakeRecord(value, at, TIMES["job_logs"][at]) for at, value in enumerate(FLOODS["job_logs"])]
    for start in range(0, 200, 33):
        gathering.add(records[start : start + 33])
    assert sum(len(part.owner) for part in gathering.batch.lines) == 200


# --- the parts ---


def between(text):
    """A buffer in which the text stands between others, and where."""
    buffer = Buffer([b"9" + text + b"9"])
    return buffer, buffer.starts + 1, buffer.ends - 1


@given(st.one_of(st.integers(0, 10**9).map(str), st.text("0129 a-", max_size=9)))
@example("0")
@example("00")
@example("99999999")
@example("100000000")
def test_numbers_are_those_of_json_in_up_to_eight_digits(text):
    (value,), _, (valid,) = numbers(*between(text.encode()))
    assert valid == (text.isdecimal() and len(text) <= 8 and text == str(int(text)))
    assert not valid or value == int(text)


@given(st.text("0123456789abcdefABCDEFgG-\"'/:@`", min_size=36, max_size=36))
@example(some_id(5))
@example(some_id(5).upper())
@example(some_id(5).replace("-", "0"))
def test_ids_are_those_in_lower_case(text):
    (hi,), (lo,), (valid,) = id_halves(Buffer([text.encode()]).windows(Buffer([text.encode()]).starts, 36))
    is_id = [at for at, one in enumerate(text) if one == "-"] == [8, 13, 18, 23]
    is_id = is_id and set(text) <= set("0123456789abcdef-")
    assert valid == is_id
    assert not valid or int(hi) << 64 | int(lo) == int(text.replace("-", ""), 16)


@pytest.mark.parametrize("octet", range(256))
def test_every_octet_is_a_digit_of_an_id_or_not(octet):
    text = some_id(5).encode()
    for at in (0, 7, 9, 35):
        value = edited(text, [("set", at, octet)])
        buffer = Buffer([value])
        assert id_halves(buffer.windows(buffer.starts, 36))[2][0] == (chr(octet) in "0123456789abcdef")


@pytest.mark.parametrize(
    "tail", ["Z", ".1Z", ".123456789Z", ".1234567890Z", ".Z", "", "z", "+00:00", ".1", ".1 Z"]
)
@pytest.mark.parametrize(
    "clock", ["2026-03-01T10:00:00", "2026-02-30T10:00:00", "1970-01-01T00:00:00", "2026-03-01 10:00:00"]
)
def test_times_are_rfc_3339_in_utc(clock, tail):
    (second,), (valid,) = utc_seconds(*between(f"{clock}{tail}".encode()))
    try:
        expected = parse_time_s(f"{clock}{tail}")
    except ValueError:
        assert not valid
    else:
        assert second == expected if valid else not tail.endswith("Z")


def test_a_pattern_compares_all_but_its_holes():
    pattern = Pattern(b'{"a":"<id:3>","b":<flag:4>}')
    buffer = Buffer([b'{"a":"xyz","b":true}', b'{"a":"xyz","c":true}', b'{"a":""""","b":}}}}}'])
    found = pattern.at(buffer, buffer.starts)
    assert found.matches.tolist() == [True, False, True]
    assert found.hole("id")[0].tobytes() == b"xyz"
