"""From options to the messages of the contract. Pure but for a file of rates; the service says what breaks its rules."""

import tomllib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import click

from analytics.cli.options import Terms, When, Which
from analytics.cli.times import parse_period, utc
from analytics.insights_pb2 import (
    ANOMALY_MEASURE_FAILED_JOBS,
    ANOMALY_MEASURE_JOBS,
    ANOMALY_MEASURE_LOG_LINES,
    ANOMALY_MEASURE_MEDIAN_DURATION,
    COMPARISON_PREVIOUS_PERIOD,
    COMPARISON_UNSPECIFIED,
    COMPARISON_YEAR_AGO,
    GROUP_BY_ERROR_CODE,
    GROUP_BY_FAILURE_KIND,
    GROUP_BY_KIND,
    GROUP_BY_RESULT,
    GROUP_BY_UNSPECIFIED,
    GROUP_BY_WORKFLOW,
    INTERVAL_DAY,
    INTERVAL_HOUR,
    INTERVAL_MONTH,
    INTERVAL_WEEK,
    WORKFLOW_STATE_ACTIVE,
    WORKFLOW_STATE_DELETED,
    WORKFLOW_STATE_TERMINATED,
    CostRates,
    GetAnalyticsSummaryRequest,
    TimeRange,
    WorkflowFilter,
)

STATES: Final = {
    "active": WORKFLOW_STATE_ACTIVE,
    "terminated": WORKFLOW_STATE_TERMINATED,
    "deleted": WORKFLOW_STATE_DELETED,
}
INTERVALS: Final = {
    "hour": INTERVAL_HOUR,
    "day": INTERVAL_DAY,
    "week": INTERVAL_WEEK,
    "month": INTERVAL_MONTH,
}
GROUPS: Final = {
    None: GROUP_BY_UNSPECIFIED,
    "workflow": GROUP_BY_WORKFLOW,
    "kind": GROUP_BY_KIND,
    "result": GROUP_BY_RESULT,
    "failure-kind": GROUP_BY_FAILURE_KIND,
    "error-code": GROUP_BY_ERROR_CODE,
}
COMPARISONS: Final = {
    None: COMPARISON_UNSPECIFIED,
    "previous": COMPARISON_PREVIOUS_PERIOD,
    "year": COMPARISON_YEAR_AGO,
}
ANOMALIES: Final = {
    "failed-jobs": ANOMALY_MEASURE_FAILED_JOBS,
    "median-duration": ANOMALY_MEASURE_MEDIAN_DURATION,
    "jobs": ANOMALY_MEASURE_JOBS,
    "log-lines": ANOMALY_MEASURE_LOG_LINES,
}


def range_of(when: When, now: datetime, *, start: str | None = None) -> TimeRange | None:
    """Return the range; `start` is for one whose begin was not said. None: all time. Raises BadParameter."""
    asked = TimeRange()
    begin = when.start or start
    if begin is not None:
        asked.start_time.FromDatetime(utc(_period("--from", begin, when, now)[0]))
    if when.end is not None:
        asked.end_time.FromDatetime(utc(_period("--to", when.end, when, now)[1]))
    return asked if begin is not None or when.end is not None else None


def filter_of(which: Which) -> WorkflowFilter | None:
    """Return the filter; None: all workflows. Raises UsageError."""
    if which == Which():
        return None
    if not "".join(which.workflow_ids).isascii():  # maybe no text at all, which could not be sent
        raise click.UsageError("an id must be a UUID")
    return WorkflowFilter(
        workflow_ids=which.workflow_ids,
        kinds=which.kinds,
        states=[STATES[one] for one in which.states],
    )


def rates_of(terms: Terms) -> CostRates | None:
    """Return prices, None when none was given; options win over the file. Raises BadParameter."""
    names = [field.name for field in CostRates.DESCRIPTOR.fields]
    prices = {} if terms.rates is None else _prices(terms.rates)
    said = {name: getattr(terms, name) for name in names if getattr(terms, name) is not None}
    if unknown := prices.keys() - {*names, "currency"}:
        raise click.BadParameter(
            f"{terms.rates}: {min(unknown)} is no price; there are currency, {', '.join(names[1:])}",
            param_hint="'--rates'",
        )
    if "currency" in prices:
        prices["currency_code"] = prices.pop("currency")
    return CostRates(**prices | said) if prices or said else None


def summary_request(
    user_id: str, asked: tuple[When, Which, Terms], ranks: tuple[float, ...], now: datetime
) -> GetAnalyticsSummaryRequest:
    """Return the question of a summary. Raises UsageError."""
    when, which, terms = asked
    return GetAnalyticsSummaryRequest(
        user_id=user_id,
        range=range_of(when, now),
        filter=filter_of(which),
        percentile_ranks=ranks,
        comparison=COMPARISONS[terms.compare],
        time_zone=when.zone.key,
        rates=rates_of(terms),
    )


def _period(option: str, text: str, when: When, now: datetime) -> tuple[float, float]:
    try:
        return parse_period(text, now, when.zone)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} {error}", param_hint=f"'{option}'") from None


def _prices(path: Path) -> dict[str, str]:
    """Return the file's keys and values; numbers as they are written, which no float could keep."""
    try:
        read: Mapping[str, Any] = tomllib.loads(path.read_text(), parse_float=str)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise click.BadParameter(f"{path}: {error}", param_hint="'--rates'") from None
    return {name: str(value) for name, value in read.items()}
