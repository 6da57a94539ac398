"""The parts of requests about ranges, validated: each function names the field and the rule that it breaks."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Final, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from analytics import calendar
from analytics.calendar import QUARTER_S, Interval, Span
from analytics.errors import InvalidField
from analytics.insights.cost import Rates
from analytics.insights.model import Range, Scope, State
from analytics.insights_pb2 import (
    INTERVAL_DAY,
    INTERVAL_HOUR,
    INTERVAL_MONTH,
    INTERVAL_WEEK,
    WORKFLOW_STATE_ACTIVE,
    WORKFLOW_STATE_DELETED,
    WORKFLOW_STATE_TERMINATED,
    CostRates,
    TimeRange,
    WorkflowFilter,
)
from analytics.insights_pb2 import Interval as IntervalNumber
from analytics.requests import require_id

STATES: Final = {
    WORKFLOW_STATE_ACTIVE: State.ACTIVE,
    WORKFLOW_STATE_TERMINATED: State.TERMINATED,
    WORKFLOW_STATE_DELETED: State.DELETED,
}
INTERVALS: Final = {
    INTERVAL_HOUR: Interval.HOUR,
    INTERVAL_DAY: Interval.DAY,
    INTERVAL_WEEK: Interval.WEEK,
    INTERVAL_MONTH: Interval.MONTH,
}
MOST_WORKFLOW_IDS: Final = 1_000
DEFAULT_RANKS: Final = (50.0, 95.0, 99.0)

_MOST_KINDS: Final = 20
_LONGEST_KIND: Final = 256
_MOST_RANKS: Final = 10
_LATEST_S: Final = 2**32 // QUARTER_S * QUARTER_S  # a DateTime of ClickHouse ends behind it
_LONGEST_DECIMAL: Final = 20
_LONGEST_CURRENCY: Final = 16
_NANOS: Final = 1_000_000_000


class Asked(NamedTuple):
    """The ends of a range as they were asked for, in Unix seconds."""

    start_s: int | None
    end_s: int | None

    def resolved(self, extent: Span, now_s: float) -> Range:
        """Return the range with both ends; `extent`: the UTC days of the user's data."""
        start_s = extent.start_s if self.start_s is None else self.start_s
        end_s = int(now_s) // QUARTER_S * QUARTER_S + QUARTER_S if self.end_s is None else self.end_s
        return Range(Span(start_s, max(start_s, end_s)), self.start_s is None and self.end_s is None)


def parse_scope(user_id: str, workflows: WorkflowFilter, field: str = "filter") -> Scope:
    """Return whose numbers are asked for. Raises InvalidField."""
    user = require_id("user_id", user_id)
    return Scope(
        user,
        parse_workflow_ids(f"{field}.workflow_ids", workflows.workflow_ids, MOST_WORKFLOW_IDS),
        _kinds(f"{field}.kinds", workflows.kinds),
        _states(f"{field}.states", workflows.states),
    )


def parse_workflow_ids(field: str, texts: Sequence[str], most: int) -> tuple[UUID, ...] | None:
    """Return distinct ids in the order asked for, None for none. Raises InvalidField."""
    if len(texts) > most:
        raise InvalidField(field, f"has {len(texts):,} ids, at most {most:,} are allowed: ask in parts")
    ids = [require_id(f"{field}[{at}]", text) for at, text in enumerate(texts)]
    return tuple(dict.fromkeys(ids)) or None


def parse_range(asked: TimeRange, field: str = "range") -> Asked:
    """Return the ends that were asked for. Raises InvalidField."""
    start_s = _quarter(f"{field}.start_time", asked.start_time) if asked.HasField("start_time") else None
    end_s = _quarter(f"{field}.end_time", asked.end_time) if asked.HasField("end_time") else None
    if start_s is not None and end_s is not None and end_s <= start_s:
        raise InvalidField(f"{field}.end_time", "must be after start_time: ranges are half-open")
    return Asked(start_s, end_s)


def parse_ranks(ranks: Sequence[float]) -> tuple[float, ...]:
    """Return ranks of percentiles, 50, 95 and 99 for none. Raises InvalidField."""
    if len(ranks) > _MOST_RANKS:
        raise InvalidField("percentile_ranks", f"has {len(ranks)} ranks, at most {_MOST_RANKS} are allowed")
    for at, rank in enumerate(ranks):
        if not 0 < rank <= 100:
            raise InvalidField(f"percentile_ranks[{at}]", "must be above 0 and at most 100")
    return tuple(ranks) or DEFAULT_RANKS


def parse_zone(name: str) -> ZoneInfo:
    """Return a time zone. Raises InvalidField."""
    zone = calendar.zone_of(name)
    if zone is None:
        raise InvalidField("time_zone", "must be the name of an IANA time zone, such as Europe/London")
    return zone


def parse_interval(interval: IntervalNumber) -> Interval:
    """Return the length of buckets. Raises InvalidField."""
    if interval not in INTERVALS:
        raise InvalidField(
            "interval", "is required: INTERVAL_HOUR, INTERVAL_DAY, INTERVAL_WEEK or INTERVAL_MONTH"
        )
    return INTERVALS[interval]


def parse_page_size(size: int, *, default: int, most: int) -> int:
    """Return how many rows a page has. Raises InvalidField."""
    if not 0 <= size <= most:
        raise InvalidField("page_size", f"must be from 1 to {most:,}, or 0 for {default}")
    return size or default


def parse_seconds(field: str, duration: Duration, *, least_s: float, most_s: float) -> float:
    """Return the seconds of a duration. Raises InvalidField."""
    seconds = duration.seconds + duration.nanos / _NANOS
    if not least_s <= seconds <= most_s:
        raise InvalidField(field, f"must be from {least_s:g} to {most_s:g} seconds")
    return seconds


def parse_rates(rates: CostRates) -> Rates:
    """Return prices. Raises InvalidField."""
    if len(rates.currency_code) > _LONGEST_CURRENCY:
        raise InvalidField("rates.currency_code", f"must have at most {_LONGEST_CURRENCY} characters")
    prices = (
        _decimal(f"rates.{field}", getattr(rates, field))
        for field in ("per_execution_hour", "per_job", "per_million_log_lines", "per_log_gibibyte")
    )
    return Rates(rates.currency_code, *prices)


def _quarter(field: str, time: Timestamp) -> int:
    """Return Unix seconds that are a multiple of 900."""
    if not 0 <= time.seconds <= _LATEST_S:
        raise InvalidField(field, "must be from 1970-01-01T00:00:00Z to 2106-02-07T06:15:00Z")
    if time.nanos or time.seconds % QUARTER_S:
        before_s = time.seconds // QUARTER_S * QUARTER_S
        nearest = f"{_rfc3339(before_s)} or {_rfc3339(before_s + QUARTER_S)}"
        raise InvalidField(field, f"must lie on a quarter of an hour of UTC; the nearest are {nearest}")
    return time.seconds


def _rfc3339(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _kinds(field: str, kinds: Sequence[str]) -> tuple[str, ...]:
    if len(kinds) > _MOST_KINDS:
        raise InvalidField(field, f"has {len(kinds)} kinds, at most {_MOST_KINDS} are allowed")
    for at, kind in enumerate(kinds):
        if len(kind) > _LONGEST_KIND or "\0" in kind:
            raise InvalidField(
                f"{field}[{at}]", f"must have at most {_LONGEST_KIND} characters, none of them NUL"
            )
    return tuple(dict.fromkeys(kinds))


def _states(field: str, states: Sequence[int]) -> tuple[State, ...]:
    for at, state in enumerate(states):
        if state not in STATES:
            raise InvalidField(f"{field}[{at}]", "must be WORKFLOW_STATE_ACTIVE, _TERMINATED or _DELETED")
    return tuple(dict.fromkeys(STATES[state] for state in states))  # type: ignore[index] # an enum is an int


def _decimal(field: str, text: str) -> Decimal:
    if len(text) > _LONGEST_DECIMAL:
        raise InvalidField(field, f"must have at most {_LONGEST_DECIMAL} characters")
    try:
        number = Decimal(text or "0")
    except InvalidOperation:
        number = Decimal(math.nan)
    if not number.is_finite() or number < 0 or number.adjusted() > _LONGEST_DECIMAL:
        raise InvalidField(field, 'must be a decimal number such as "0.012", not negative')
    return number
