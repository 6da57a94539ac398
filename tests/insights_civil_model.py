"""A second opinion on civil time: buckets and anomalies, see insights_model.

Buckets are runs of quarters of an hour for which `zoneinfo` shows the same hour, day, week or month.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from statistics import median
from typing import NamedTuple
from zoneinfo import ZoneInfo

from tests.insights_model import EVERYTHING, Chosen, History, Slice, nearest_rank

QUARTER_S = 900


class Civil(NamedTuple):
    start_s: int
    end_s: int
    label: str


def civil_buckets(start_s: int, end_s: int, interval: str, zone: str) -> list[Civil]:
    """The whole buckets that a range touches."""
    name, margin_s = _NAMES[interval], _MARGINS_S[interval]
    quarters = range(start_s - margin_s, end_s + margin_s, QUARTER_S)
    runs = []
    for label, run in groupby(quarters, lambda at_s: name(_local(at_s, zone))):
        found = list(run)
        runs.append(Civil(found[0], found[-1] + QUARTER_S, label))
    return [one for one in runs if one.end_s > start_s and one.start_s < end_s]


def _local(at_s: int, zone: str) -> datetime:
    return datetime.fromtimestamp(at_s, UTC).astimezone(ZoneInfo(zone))


def _hour(local: datetime) -> str:
    return local.replace(minute=_first_minute(local)).isoformat(timespec="minutes")


def _first_minute(local: datetime) -> int:
    """Zero, but where clocks were changed by half an hour, into the same hour."""
    minute = local.minute
    while minute and _same_offset(local, minute - 15):
        minute -= 15
    return minute


def _same_offset(local: datetime, minute: int) -> bool:
    earlier = local.astimezone(UTC) - timedelta(minutes=local.minute - minute)
    return earlier.astimezone(local.tzinfo).utcoffset() == local.utcoffset()


def _week(local: datetime) -> str:
    year, week, _ = local.isocalendar()
    return f"{year}-W{week:02}"


_NAMES: dict[str, Callable[[datetime], str]] = {
    "HOUR": _hour,
    "DAY": lambda local: f"{local:%Y-%m-%d}",
    "WEEK": _week,
    "MONTH": lambda local: f"{local:%Y-%m}",
}
_MARGINS_S = {"HOUR": 7_200, "DAY": 2 * 86_400, "WEEK": 9 * 86_400, "MONTH": 33 * 86_400}


# --- anomalies ---


class Odd(NamedTuple):
    """An hour that stands out."""

    workflow: str
    start_s: int
    measure: str
    value: float
    median: float
    mad: float
    scale: float
    score: float
    baseline: list[float]


class Judgement(NamedTuple):
    odd: list[Odd]
    judged: int
    not_judged: int


VALUES: dict[str, Callable[[Slice], float | None]] = {
    "FAILED_JOBS": lambda one: one.count_results(failed=True),
    "MEDIAN_DURATION": lambda one: nearest_rank([job.seconds for job in one.jobs], 50) if one.jobs else None,
    "JOBS": lambda one: len(one.jobs),
    "LOG_LINES": lambda one: len(one.lines),
}


def judge(
    history: History,
    hours: Iterable[Civil],
    zone: str,
    workflows: Sequence[str],
    weeks: int,
    threshold: float,
) -> Judgement:
    """Compare hours with the same hour of earlier weeks; no workflows: all of them together."""
    odd, judged, not_judged = [], 0, 0
    for hour in hours:
        for workflow in workflows or [""]:
            chosen = Chosen(workflows=[workflow]) if workflow else EVERYTHING
            for measure, value_of in VALUES.items():
                value = value_of(history.within(hour.start_s, hour.end_s, chosen))
                if value is None:
                    continue
                found = (value_of(one) for one in _earlier(history, hour, zone, weeks, chosen))
                baseline = [one for one in found if one is not None]
                if len(baseline) < 4:
                    not_judged += 1
                    continue
                judged += 1
                one = _odd(workflow, hour.start_s, measure, value, baseline)
                if abs(one.score) >= threshold:
                    odd.append(one)
    return Judgement(odd, judged, not_judged)


def _earlier(history: History, hour: Civil, zone: str, weeks: int, chosen: Chosen) -> Iterator[Slice]:
    """The hours that the clock called the same, the newest first, from the day on which data begins."""
    begun_s = (
        min(one.at_s for one in history.events if history.chosen(chosen)(one.workflow)) // 86_400 * 86_400
    )
    face = _local(hour.start_s, zone).replace(tzinfo=None)
    for number in range(1, weeks + 1):
        wanted = face - timedelta(days=7 * number)
        around_s = hour.start_s - number * 7 * 86_400
        near = range(around_s - 7_200, around_s + 7_201, QUARTER_S)
        starts = [at_s for at_s in near if _local(at_s, zone).replace(tzinfo=None) == wanted]
        if starts and starts[0] >= begun_s:
            (like, *_) = civil_buckets(starts[0], starts[0] + QUARTER_S, "HOUR", zone)
            if like.start_s == starts[0]:  # else the hour to be judged was cut short by a change of clocks
                yield history.within(like.start_s, like.end_s, chosen)


def _odd(workflow: str, start_s: int, measure: str, value: float, baseline: list[float]) -> Odd:
    middle = float(median(baseline))
    mad = float(median(abs(one - middle) for one in baseline))
    least = max(1.0, 0.02 * middle) if measure == "MEDIAN_DURATION" else max(1.0, math.sqrt(middle))
    scale = max(1.4826 * mad, least)
    return Odd(workflow, start_s, measure, value, middle, mad, scale, (value - middle) / scale, baseline)
