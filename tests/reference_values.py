"""Values and fields of records as the contract reads them: the lower half of `reference.py`."""

import base64
import json
import re
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

YEAR_S = 366 * 86400
NS = 1_000_000_000
UUID_TEXT = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))", re.ASCII
)

Json = Any  # what json.loads gives back; the checks below are the whole point of this file


class Malformed(Exception):  # the contract's word
    """The record belongs into the dead-letter topic; the argument is the reason, in the corpus's words."""


def value_of(record: Json) -> bytes | None:
    if "value_b64" in record:
        return base64.b64decode(record["value_b64"])
    value: str | None = record["value"]
    return None if value is None else value.encode("utf-8")


def _refuse_constant(text: str) -> None:
    raise Malformed("duration_not_a_number" if text in ("NaN", "Infinity", "-Infinity") else "not_json")


_JSON = json.JSONDecoder(parse_constant=_refuse_constant)


def parse(value: bytes | None) -> Json:
    """The JSON object in a value."""
    if value is None:
        raise Malformed("null_value")
    if value == b"":
        raise Malformed("empty_value")
    try:
        parsed = _JSON.decode(value.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise Malformed("invalid_utf8") from error
    except RecursionError as error:
        raise Malformed("deep_nesting") from error
    except ValueError as error:
        raise Malformed("not_json") from error
    if not isinstance(parsed, dict):
        raise Malformed("not_an_object")
    return parsed


def uuid_of(payload: Json, field: str, name: str) -> UUID:
    text = payload.get(field)
    if text is None or text == "":
        raise Malformed(f"missing_{name}")
    if not isinstance(text, str):
        raise Malformed("deep_nesting" if isinstance(text, list) else "wrong_type")
    found = _uuid(text)
    if found is None:
        raise Malformed(f"invalid_{name}")
    return found


@lru_cache(maxsize=100_000)  # a corpus has few users and workflows, and names them in every record
def _uuid(text: str) -> UUID | None:
    """The UUID that a text spells; None: it spells none, or the one of zeros only."""
    found = UUID(text) if UUID_TEXT.fullmatch(text) else None
    return found if found and found.int else None


@lru_cache(maxsize=10_000)
def _day_s(text: str) -> int:
    """Unix time at the beginning of a day."""
    return (date.fromisoformat(text).toordinal() - date(1970, 1, 1).toordinal()) * 86400


def text_of(payload: Json, field: str) -> str:
    """A string; absent and null are the empty one, as in Go."""
    text = payload.get(field)
    if text is None:
        return ""
    if not isinstance(text, str):
        raise Malformed("wrong_type")
    return text


def integer_of(payload: Json, field: str, low: int, high: int, reason: str = "wrong_type") -> int:
    """An integer written as one; absent and null are 0, as in Go."""
    number = payload.get(field)
    if number is None:
        return 0
    if not isinstance(number, int) or isinstance(number, bool) or not low <= number <= high:
        raise Malformed(reason)
    return number


def time_ns(text: str) -> int:
    """Unix time in nanoseconds of an RFC 3339 text."""
    match = RFC3339.fullmatch(text)
    if match is None:
        raise Malformed("invalid_time")
    day, hour, minute, second, fraction, sign, off_h, off_m = match.groups()
    try:
        day_s = _day_s(day)
    except ValueError as error:
        raise Malformed("invalid_time") from error
    if int(hour) > 23 or int(minute) > 59 or int(second) > 59 or int(off_h or 0) > 23 or int(off_m or 0) > 59:
        raise Malformed("invalid_time")
    offset_s = (int(off_h or 0) * 3600 + int(off_m or 0) * 60) * (-1 if sign == "-" else 1)
    seconds = day_s + int(hour) * 3600 + int(minute) * 60 + int(second) - offset_s
    return seconds * NS + int((fraction or "").ljust(9, "0"))


def utc_day(ns: int) -> str:
    return _day_text(ns // NS // 86400)


@lru_cache(maxsize=10_000)
def _day_text(day: int) -> str:
    return datetime.fromtimestamp(day * 86400, UTC).date().isoformat()


def duration_of(data: Json) -> int:
    duration = data.get("job_execution_duration")
    if duration is None:
        raise Malformed("missing_duration")
    if isinstance(duration, str):
        raise Malformed("duration_is_string")
    if isinstance(duration, float):
        raise Malformed("fractional_duration")
    seconds = integer_of(data, "job_execution_duration", -(10**18), 2**64 - 1, "number_beyond_uint64")
    if seconds < 0:
        raise Malformed("negative_duration")
    if seconds > YEAR_S:
        raise Malformed("absurd_duration")
    return seconds
