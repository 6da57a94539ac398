"""Keys of the duplicate index: 128 bits that are a pure function of the EventKey.

The upper 48 bits are the UUIDv7 time of the id inside the EventKey (0 if it has none), so that what is recent
lies together in the index. Below them there are two disjoint classes, told apart by the lowest half's top bit:

1     `analytics:job:<id>:completed`, `workflow:job:<id>:JOB_COMPLETED` and `workflow:job:<id>:JOB_FAILED` with a
      canonical UUIDv7: the id itself, with a tag in place of its version. No two of these EventKeys share a key.
0     every other EventKey: 79 bits of its xxh3. Two of those share a key once in 2^79 pairs of the same
      millisecond.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple
from uuid import UUID

import numpy as np
import numpy.typing as npt
import xxhash

from processor.decode.forms import id_halves
from processor.ids import UInt64s

_PREFIX: Final = b"analytics:job:"
_SUFFIX: Final = b":completed"
_LENGTH: Final = len(_PREFIX) + 36 + len(_SUFFIX)
_ID: Final = slice(len(_PREFIX), len(_PREFIX) + 36)

JOB_TAG, COMPLETED_TAG, FAILED_TAG = 1 << 12, 2 << 12, 3 << 12
"""In place of the version of a job's id: of its JOBS event, and of either result."""

_VERSION: Final = np.uint64(0xF000)
_V7: Final = np.uint64(0x7000)
_ANY_V7: Final = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE
)
_RESULT: Final = re.compile(
    r"workflow:job:([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}):(JOB_COMPLETED|JOB_FAILED)"
)
_NAMED: Final = "\0named:"  # not `analytics:workflow:`, for that may be the EventKey of another event as well
_HASH_LOW: Final = (1 << 63) - 1
_LOW: Final = (1 << 64) - 1


class Keys(NamedTuple):
    """Index keys, by halves."""

    hi: UInt64s
    lo: UInt64s


@lru_cache(maxsize=1 << 15)
def workflow_key(workflow_id: int) -> tuple[int, int]:
    """Return the key under which a workflow is remembered once it was named; no EventKey has it."""
    return hashed_key(f"{_NAMED}{UUID(int=workflow_id)}")


def hashed_key(event_key: str) -> tuple[int, int]:
    """Return the key of any EventKey that is not of the regular form."""
    found = _ANY_V7.search(event_key)
    time_ms = int(found[0][:8] + found[0][9:13], 16) if found else 0
    hashed = xxhash.xxh3_128_intdigest(event_key.encode("utf-8", "surrogatepass"))
    return time_ms << 16 | hashed >> 64 & 0xFFFF, hashed & _HASH_LOW


def result_key(event_key: str) -> tuple[int, int]:
    """Return the key of the EventKey of a job's result, most of which are of a regular form."""
    match = _RESULT.fullmatch(event_key)
    if match is None:
        return hashed_key(event_key)
    job = int(match[1].replace("-", ""), 16)
    tag = FAILED_TAG if match[2] == "JOB_FAILED" else COMPLETED_TAG
    return job >> 64 & ~0xF000 | tag, job & _LOW


def job_keys(event_keys: Sequence[str]) -> Keys:
    """Return the keys of EventKeys of JOBS events, most of which are of the regular form."""
    if set(map(len, event_keys)) == {_LENGTH} and (joined := "".join(event_keys)).isascii():
        keys, regular = _regular_keys(np.frombuffer(joined.encode(), dtype=np.uint8).reshape(-1, _LENGTH))
        for at in np.flatnonzero(~regular).tolist():
            keys.hi[at], keys.lo[at] = hashed_key(event_keys[at])
        return keys
    return _each_key(event_keys)


def _each_key(event_keys: Sequence[str]) -> Keys:
    pairs = [_one_key(event_key) for event_key in event_keys]
    return Keys(np.array([hi for hi, _ in pairs], np.uint64), np.array([lo for _, lo in pairs], np.uint64))


def _one_key(event_key: str) -> tuple[int, int]:
    if len(event_key) == _LENGTH and event_key.isascii():
        keys, regular = _regular_keys(np.frombuffer(event_key.encode(), dtype=np.uint8).reshape(1, _LENGTH))
        if regular[0]:
            return int(keys.hi[0]), int(keys.lo[0])
    return hashed_key(event_key)


def _regular_keys(characters: npt.NDArray[np.uint8]) -> tuple[Keys, npt.NDArray[np.bool_]]:
    """Return keys and which of them hold, for EventKeys as rows of characters."""
    keys, regular = id_keys(characters[:, _ID])
    for place, text in ((slice(0, _ID.start), _PREFIX), (slice(_ID.stop, _LENGTH), _SUFFIX)):
        regular &= (characters[:, place] == np.frombuffer(text, np.uint8)).all(axis=1)
    return keys, regular


def id_keys(ids: npt.NDArray[np.uint8], tag: int = JOB_TAG) -> tuple[Keys, npt.NDArray[np.bool_]]:
    """Return the keys of regular EventKeys from their ids, as rows of 36 characters, and which are regular."""
    hi, lo, regular = id_halves(ids)
    regular &= (hi & _VERSION == _V7) & (lo >> np.uint64(62) == 2)
    return Keys(hi & ~_VERSION | np.uint64(tag), lo), regular
