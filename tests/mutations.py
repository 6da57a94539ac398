"""Values of records that nobody writes on purpose: valid ones, damaged as no program would damage them."""

from itertools import islice
from random import Random

from processor.decode.careful import Malformed, Unknown, read_analytics, read_job_logs, read_workflows
from processor.decode.gather import Gathering
from sandbox.generate.flood import Flood
from tests.processor_world import NOW_MS, FakeRecord
from tests.unit.test_processor_values import value_of

_READ = {"analytics": read_analytics, "workflows": read_workflows, "job_logs": read_job_logs}
_OF_A_FORM = {
    topic: [value for _, value, _ in islice(Flood(kind, 300, workflow_count=20, parallel=5), 100)]
    for topic, kind in (("analytics", "jobs"), ("job_logs", "job_logs"))
}
_OCTETS = b'"\\{}[]:,.-+ 0189aAfFgGzZeEtT\n\x00\x7f\x80\xc3\xa9'
_SNIPPETS = [
    rb"\ud800", rb"\udc00", rb"\u0000", rb"\ud83d\ude00", b"\\", b"\\u", b'"', b"0", b"null", b"true", b"NaN", b"Infinity",
    b"1e400", b"9" * 4400, b"-" + b"9" * 20, b"[" * 3000, b'{"a":' * 3000, b'"' + b"x" * 100_000 + b'"',
    b"\xed\xa0\x80", b"\xff", b"\xef\xbb\xbf", "\U0001f600".encode(), b',"Data":{}', b',"UserID":5', b',"EventKey":null',
]  # fmt: skip
TIMES_MS = [NOW_MS, NOW_MS, NOW_MS, -1, 0, 2**62, 2**63 - 1, -(2**63)]
"""Record timestamps; -1: there is none."""


def mutated(topic: str, seed: int) -> bytes | None:
    """A value: of a common form, or of any other, or just bytes; mostly damaged, in up to six places."""
    chance = Random(seed)
    if chance.random() < 0.03:
        return chance.randbytes(chance.randrange(60))
    if topic in _OF_A_FORM and chance.random() < 0.4:
        value: bytes | None = chance.choice(_OF_A_FORM[topic])
    else:
        value = value_of(topic, chance.randrange(2**32))
    if value is None or chance.random() < 0.2:
        return value
    result = bytearray(value)
    for _ in range(chance.choice([1, 1, 2, 3, 6])):
        _damage(chance, result)
    return bytes(result)


def _damage(chance: Random, value: bytearray) -> None:
    at, snippet = chance.randrange(len(value) + 1), chance.choice(_SNIPPETS)
    match chance.randrange(7):
        case 0 if value:
            value[at % len(value)] ^= 1 << chance.randrange(8)
        case 1:
            value.insert(at, chance.choice(_OCTETS))
        case 2:
            del value[at : at + chance.randrange(1, 40)]
        case 3:
            del value[at:]
        case 4:
            start = chance.randrange(len(value) + 1)
            value[at:at] = value[start : start + chance.randrange(60)]
        case 5:
            value[at : at + chance.randrange(12)] = snippet
        case _:
            value[at:at] = snippet


def check_decoding(topic: str, records: list[FakeRecord]) -> None:
    """Decode records. Raises AssertionError unless each becomes exactly the one thing that the careful reader says."""
    gathering = Gathering(topic, records[0].offset())
    gathering.add(records)
    batch = gathering.batch
    verdicts = {record.offset(): verdict(topic, record.value()) for record in records}
    counted = [offset for part in (*batch.keyed, *batch.lines) for offset in part.offset.tolist()]
    assert sorted(counted) == [at for at, one in verdicts.items() if one in ("Job", "Result", "Line")]
    refused = {one.record.offset(): one.reason for one in batch.rejected}
    assert refused == {at: one for at, one in verdicts.items() if one.islower()}
    assert len(refused) == len(batch.rejected)
    skipped = [one for one in verdicts.values() if one in ("Unknown", "Estimate")]
    assert batch.skipped.total() == len(skipped)
    facts = [one for one in verdicts.values() if one in ("Built", "Lifecycle")]
    assert bool(batch.facts) == bool(facts)
    assert (batch.records, batch.end) == (len(records), records[-1].offset() + 1)


def verdict(topic: str, value: bytes | None) -> str:
    """What the careful reader says: a reason, in lower case, or what kind of event it is."""
    try:
        return type(_READ[topic](value)).__name__
    except Malformed as error:
        return error.reason
    except Unknown:
        return "Unknown"
