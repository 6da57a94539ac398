"""How Chronoverse writes things: JSON as Go and as Postgres print it, ids, times."""

from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from random import Random
from typing import Any

import msgspec

Payload = dict[str, Any]
_encode = msgspec.json.Encoder().encode
_GO_ESCAPES = (
    (b"<", rb"\u003c"),
    (b">", rb"\u003e"),
    (b"&", rb"\u0026"),
    ("\u2028".encode(), rb"\u2028"),
    ("\u2029".encode(), rb"\u2029"),
)
_VERSION_7 = 7 << 76
_VERSION_4 = 4 << 76
_VARIANT = 2 << 62
_KEEP_7 = ~(0xFFFFFFFFFFFF << 80 | 0xF << 76 | 3 << 62)
_KEEP_4 = ~(0xF << 76 | 3 << 62)


def go_json(payload: Payload) -> bytes:
    """Return the object as Go writes it: fields in the order given, `<`, `>` and `&` escaped."""
    text = _encode(payload)
    for plain, escaped in _GO_ESCAPES:
        if plain in text:
            text = text.replace(plain, escaped)
    return text


def jsonb(payload: Payload) -> bytes:
    """Return the object as Postgres prints JSONB: keys by length, then by bytes; `": "` and `", "`."""
    return msgspec.json.format(_encode(_by_key_length(payload)), indent=0)


def _by_key_length(value: Any) -> Any:
    if isinstance(value, list):
        return [_by_key_length(item) for item in value]
    if not isinstance(value, dict):
        return value
    keys = sorted(value, key=lambda key: (len(key.encode()), key.encode()))
    return {key: _by_key_length(value[key]) for key in keys}


def uuid7(random: Random, created_ms: int) -> str:
    """Return a UUIDv7: the first 48 bits are the Unix milliseconds."""
    return _canonical(created_ms << 80 | _VERSION_7 | _VARIANT | random.getrandbits(128) & _KEEP_7)


def uuid7s(random: Random, created_ms: list[int]) -> list[bytes]:
    """Return a UUIDv7 for each of the times, faster than one by one: 72 bits are random."""
    digits = random.randbytes(9 * len(created_ms)).hex().encode()
    ids = []
    for at, ms in zip(range(0, len(digits), 18), created_ms, strict=True):
        time = b"%012x" % ms
        tail = digits[at + 6 : at + 18]
        groups = time[:8], time[8:], digits[at : at + 3], digits[at + 3 : at + 6], tail
        ids.append(b"%b-%b-7%b-a%b-%b" % groups)
    return ids


def uuid4(random: Random) -> str:
    """Return a UUIDv4: it says nothing about its time."""
    return _canonical(_VERSION_4 | _VARIANT | random.getrandbits(128) & _KEEP_4)


def _canonical(number: int) -> str:
    digits = f"{number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


@lru_cache(maxsize=4096)
def _seconds(unix_s: int, offset_min: int) -> str:
    zone = timezone(timedelta(minutes=offset_min))
    return datetime.fromtimestamp(unix_s, UTC).astimezone(zone).strftime("%Y-%m-%dT%H:%M:%S")


def rfc3339(unix_ns: int, offset_min: int = 0) -> str:
    """Return the time as Go prints RFC3339Nano: without trailing zeros, `Z` for UTC, else the offset."""
    seconds, fraction = divmod(unix_ns, 1_000_000_000)
    digits = f".{fraction:09d}".rstrip("0") if fraction else ""
    return f"{_seconds(seconds, offset_min)}{digits}{_offset(offset_min)}"


def _offset(offset_min: int) -> str:
    if offset_min == 0:
        return "Z"
    hours, minutes = divmod(abs(offset_min), 60)
    return f"{'-' if offset_min < 0 else '+'}{hours:02d}:{minutes:02d}"


def utc_day(day: int) -> str:
    """Return the date of a count of days since 1970-01-01."""
    return datetime.fromtimestamp(day * 86_400, UTC).date().isoformat()
