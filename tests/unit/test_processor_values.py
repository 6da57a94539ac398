"""Values of records for property tests: valid in many spellings, spoiled in many ways. Other tests draw from here.

A value is put together from JSON tokens, so that it may hold what no JSON library writes. Hypothesis draws a seed a
value, not every token: a hundred times faster, and a failing log still shrinks to the few records that matter.
Left out are the forms about which processor and reference model differ on purpose; they have tests of their own.
"""

import json
from random import Random

import pytest
from hypothesis import strategies as st

from processor.decode.events import Keyed
from processor.decode.gather import TOPICS
from tests.processor_world import NIL, gathered, some_id

USERS = [some_id(1), some_id(2)]
WORKFLOWS = [some_id(10), "8a6e0804-2bd0-4672-b79d-d97027f9071a", some_id(12)]  # one is no UUIDv7
JOBS = [some_id(20), some_id(21), "0b0e8a53-5a4d-4ea4-9a0b-f6f4e6b7c5d2"]

TIMES = [
    "2026-03-01T10:00:00Z",
    "2026-03-01T09:00:00Z",
    "2026-03-01T08:59:59.999999999Z",
    "2026-03-01T10:05:00.000000000Z",
    "2026-03-01T10:05:00.000000001Z",
    "2026-03-01T15:29:59.5+05:30",
    "2026-02-28T23:30:00.123456-10:30",
    "2026-03-01T23:59:59.999999999+23:59",
    "2024-02-29T00:00:00-00:00",
    "1969-12-31T23:59:59.25Z",
    "2105-12-31T23:59:59Z",
]  # fmt: skip
NO_TIMES = [
    "yesterday", "2026-03-01T24:00:00Z", "2026-03-01T10:00:60Z", "2026-03-01t10:00:00Z", "2026-03-01T10:00:00z",
    "2026-03-01T10:00:00", "2026-03-01 10:00:00Z", "2026-02-30T10:00:00Z", "2026-03-01T10:00:00.0123456789Z",
    "2026-03-01T10:00:00.Z", "2026-03-01T10:00:00+0100", "2026-03-01T10:00:00+24:00", "\u0662026-03-01T10:00:00Z",
]  # fmt: skip
NO_IDS = [
    "", " ", NIL, NIL.replace("0", "g"), USERS[0][:-1], USERS[0] + "\n", USERS[0].replace("-", ""),
    "{" + USERS[0] + "}", USERS[0].replace("-", "_"), "\uff10" + USERS[0][1:], "internal/jobs-worker",
]  # fmt: skip

ANY_TYPE = [
    "null", "true", "false", "0", "-0", "1", "7", "-1", "1.5", "12.0", "0.0", "1e3", "1E-2", "1e400", "4294967296",
    "31622400", "31622401", "9223372036854775807", "9223372036854775808", "18446744073709551616", "9" * 40, "-" + "9" * 40,
    '""', '"x"', '"12"', '"\\u00e9"', '"\u00e9\U0001f600"', '"\\u0000"', '"\\ud83d\\ude00"', '"\\"\\\\\\/"',
    "[]", "[[1],{}]", "{}", '{"kind":null}', '{"job_execution_duration":"5"}', "[" * 200 + "]" * 200,
    '{"a":' * 200 + "1" + "}" * 200,
]  # fmt: skip
BROKEN = [
    "NaN", "-Infinity", "01", "1.", ".5", "+1", "0x1", "tru", "'x'", '"\\x"', '"\\u00zz"', '"a\nb"', '"', "[1,]", "[", "",
    '"\udcff"', '"\udced\udca0\udc80"', '"\udcc3"', "[" * 100_000 + "]" * 100_000,
]  # fmt: skip
NO_OBJECTS = [None, b"", b" ", b"null", b"[]", b'"x"', b"5", b"{", b"{}", b"\xff", b"{}{}", b"not json"]

SPELLINGS = [str, str, str.upper, str.capitalize, lambda one: one[:9] + one[9:].upper()]

Tokens = dict[str, str | None]
"""Fields by name, as JSON tokens; None: absent."""


def quoted(chance: Random, texts: list[str]) -> str:
    """The token of one of the texts, as one of two JSON libraries writes it."""
    return json.dumps(chance.choice(texts), ensure_ascii=chance.random() < 0.5)


def spelled_id(chance: Random, *pool: str) -> str:
    return f'"{chance.choice(SPELLINGS)(chance.choice(pool))}"'


def spoiled(chance: Random, fields: Tokens, texts: list[str]) -> Tokens:
    """The fields; now and then one or two are of any type, absent, or another text, or one is no JSON."""
    for _ in range(chance.choice([0, 0, 0, 0, 1, 1, 2])):
        other = [
            chance.choice(ANY_TYPE),
            chance.choice(ANY_TYPE),
            None,
            quoted(chance, [*NO_IDS, *NO_TIMES, *texts]),
        ]
        fields = fields | {chance.choice(list(fields)): chance.choice(other)}
    if chance.random() < 0.04:
        fields = fields | {chance.choice([*fields, "Later"]): chance.choice(BROKEN)}
    return fields


def rendered(chance: Random, fields: Tokens) -> str:
    """The fields as Go prints them, as JSONB does, in any order, or escaped; maybe with a field of a later producer."""
    present = [(f'"{name}"', token) for name, token in fields.items() if token is not None]
    if chance.random() < 0.3:
        present.append(('"\u00e9x"', chance.choice(ANY_TYPE)))
    style, comma, colon = chance.choice(["go", "jsonb", "shuffled", "escaped"]), ",", ":"
    if style == "jsonb":
        comma, colon = ", ", ": "
        present.sort(key=lambda one: (len(one[0]), one[0]))
    elif style == "shuffled":
        comma, colon = "\n ,", "\t:\r"
        chance.shuffle(present)
    elif style == "escaped":
        present = [(f'"\\u{ord(name[1]):04x}{name[2:]}', token) for name, token in present]
    return "{" + comma.join(name + colon + token for name, token in present) + "}"


def owner(chance: Random, workflow_field: str) -> Tokens:
    """User and workflow; a workflow belongs to one user."""
    at = chance.randrange(len(WORKFLOWS))
    return {"UserID": spelled_id(chance, USERS[at % 2]), workflow_field: spelled_id(chance, WORKFLOWS[at])}


def analytics_event(chance: Random) -> str:
    event_type = chance.choice(["JOBS"] * 9 + ["WORKFLOWS", "WORKFLOWS", "LOGS", "BILLING", ""])
    data: Tokens = {
        "kind": quoted(chance, ["HEARTBEAT", "CONTAINER", "\u043d\u043e\u0432\u044b\u0439"]),
        "count": chance.choice(["0", "10", "18446744073709551615", "null"]),
        "job_execution_duration": chance.choice([*"015555555", "31622400", "31622401", "-1"]),
        "completed_at": chance.choice([None, None, "null", '""', *[quoted(chance, TIMES) for _ in range(4)]]),
        "job_id": chance.choice([None, chance.choice(ANY_TYPE)]),
        "status": chance.choice([None, '"COMPLETED"', '"FAILED"', chance.choice(ANY_TYPE)]),
    }
    job = f"analytics:job:{chance.choice(SPELLINGS)(chance.choice(JOBS))}:completed"
    some_key = quoted(chance, [job] * 9 + ["", "job \u00e9", "analytics:job:1:completed"])
    event_key = chance.choice([None, "null", *[some_key] * 10])
    fields: Tokens = {"EventType": f'"{event_type}"'}
    if event_type == "JOBS":  # the reference has one identity for events of two types that share an EventKey
        fields["EventKey"] = event_key
    fields |= owner(chance, "WorkflowID") | {"Data": rendered(chance, spoiled(chance, data, []))}
    return rendered(chance, spoiled(chance, fields, ["JOBS", "LOGS"]))


def workflows_event(chance: Random) -> str:
    actions = ["BUILD", "RESCHEDULE", "TERMINATE", "DELETE", "JOB_COMPLETED", "JOB_FAILED", "PAUSE", ""]
    fields: Tokens = {
        "EventKey": result_key(chance),
        "Action": quoted(chance, actions),
        "Generation": chance.choice([None, "null", "0", "1", "7", "-1", "9223372036854775807"]),
        "JobID": chance.choice([None, "5", *[spelled_id(chance, *JOBS)] * 4]),
        "FailureKind": chance.choice([None, quoted(chance, ["USER", "SYSTEM", ""])]),
        "ErrorCode": chance.choice([None, quoted(chance, ["DeadlineExceeded", "not a name", ""])]),
        "ErrorMessage": chance.choice([None, chance.choice(ANY_TYPE)]),
    }
    return rendered(chance, spoiled(chance, fields | owner(chance, "ID"), ["DELETE"]))


def result_key(chance: Random) -> str | None:
    """The token of an EventKey: mostly that of a job's result, sometimes of another form, or absent."""
    job, action = (
        chance.choice(SPELLINGS)(chance.choice(JOBS)),
        chance.choice(["JOB_COMPLETED", "JOB_FAILED"]),
    )
    some_key = quoted(chance, [*[f"workflow:job:{job}:{action}"] * 4, "a", "\u00e9"])
    return chance.choice([None, "null", '""', *[some_key] * 5])


def job_logs_event(chance: Random) -> str:
    job, stream = chance.choice(JOBS), chance.choice(["stdout", "stderr"])
    fields: Tokens = {
        "JobID": spelled_id(chance, job),
        "Stream": f'"{stream}"',
        "SequenceNum": chance.choice([None, "null", "0", "1", "1", "2", "4294967295"]),
        "TimeStamp": quoted(chance, TIMES),
        "Retention": chance.choice([None, chance.choice(ANY_TYPE)]),
    }
    fields = spoiled(chance, fields | owner(chance, "WorkflowID"), ["stdin"])
    message = chance.choice([None, "null", *[quoted(chance, ["", "a", "\u00e9\n"])] * 20, '"\udcff"'])
    event_key = line_key(chance, job, f"{stream}:{chance.choice([0, 1, 1, 2, 4294967295])}")
    return rendered(chance, fields | {"Message": message, "EventKey": event_key})


def line_key(chance: Random, job: str, line: str) -> str | None:
    """The token of an EventKey: mostly regular, sometimes of another form, absent, or of another type."""
    regular = [
        *[f"log:{job}:{line}"] * 4,
        f"log:{job}:attempt:2:{line}",
        f"log:{job}:attempt:4294967295:{line}",
    ]
    irregular = [
        f"log:{job.upper()}:{line}", f"log:{job}:attempt:1:{line}", f"log:{job}:attempt:02:{line}", "line \u00e9", line,
        f"log:{job}:{line}".replace(":1", ":01"), f"log:{job}:attempt:4294967296:{line}", f"log:{job}:attempt:\uff12:{line}",
    ]  # fmt: skip
    others = [None, "null", '""', "5", "[]"]
    return chance.choice(
        [*[quoted(chance, regular)] * 8, *[quoted(chance, irregular)] * 4, chance.choice(others)]
    )


def damaged(chance: Random, text: str) -> bytes:
    """The bytes, now and then cut off or with something before or behind."""
    value = text.encode("utf-8", "surrogateescape")
    others = [
        value[: chance.randrange(len(value))],
        value + b"x",
        b"\xef\xbb\xbf" + value,
        b" \n" + value + b"\t\r",
    ]
    return chance.choice(others) if chance.random() < 0.1 else value


EVENTS = {"analytics": analytics_event, "workflows": workflows_event, "job_logs": job_logs_event}


def value_of(topic: str, seed: int) -> bytes | None:
    chance = Random(seed)
    return chance.choice(NO_OBJECTS) if chance.random() < 0.05 else damaged(chance, EVENTS[topic](chance))


def any_values(topic: str) -> st.SearchStrategy[bytes | None]:
    """Values of records of a topic; None is a tombstone."""
    return st.integers(0, 2**32).map(lambda seed: value_of(topic, seed))


@pytest.mark.parametrize("topic", TOPICS)
def test_these_values_are_neither_all_malformed_nor_all_valid(topic):
    """A property over values of one sort only would prove little."""
    batch = gathered(topic, *(value_of(topic, seed) for seed in range(1000)))
    assert 200 < len(batch.rejected) < 800


def test_these_values_are_read_by_the_fast_decoders_too():
    """Fewer than half of all lines have a key of no regular form."""
    batch = gathered("job_logs", *(value_of("job_logs", seed) for seed in range(1000)))
    assert sum(len(one.owner) for one in batch.lines) > sum(len(one.owner) for one in batch.keyed) > 50


def test_these_values_repeat_each_other():
    batch = gathered("analytics", *(value_of("analytics", seed) for seed in range(1000)))
    keyed = Keyed.concatenate(batch.keyed)
    assert len(set(keyed.key_lo[keyed.has_key].tolist())) < 40 < 100 < keyed.has_key.sum()
