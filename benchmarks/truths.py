"""What answers about ranges must say."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from analytics.histogram import value_s
from analytics.insights_pb2 import (
    ANOMALY_MEASURE_FAILED_JOBS,
    ANOMALY_MEASURE_JOBS,
    ANOMALY_MEASURE_LOG_LINES,
    Anomaly,
    GetAnalyticsSummaryResponse,
    ListAnomaliesResponse,
    ListWorkflowAnalyticsResponse,
    Numbers,
    QueryTimeSeriesResponse,
)
from benchmarks.caller import Question

_JUDGED: Final = 24 * 4
"""Hours of a day, by measure: all have the eight weeks before them that they are compared with."""


class Sums(NamedTuple):
    """What is compared of numbers."""

    jobs: int
    execution_seconds: int
    failed: int
    log_lines: int


def sums_in(numbers: Numbers) -> Sums:
    """Return what is compared."""
    jobs = numbers.jobs
    return Sums(jobs.finished, numbers.durations.total_seconds, jobs.failed, numbers.logs.lines)


class SummaryTruth(NamedTuple):
    """The numbers of a summary."""

    asked: Question
    sums: Sums

    def question(self) -> Question:
        """Ask for them."""
        return self.asked

    def is_in(self, answer: bytes) -> bool:
        """Whether the answer says so."""
        return sums_in(GetAnalyticsSummaryResponse.FromString(answer).summary.numbers) == self.sums


class SeriesTruth(NamedTuple):
    """The numbers of each day, by its name; every day has some."""

    asked: Question
    days: tuple[tuple[str, Sums], ...]

    def question(self) -> Question:
        """Ask for them."""
        return self.asked

    def is_in(self, answer: bytes) -> bool:
        """Whether the answer says so, in one series."""
        found = [
            tuple((one.label, sums_in(one.numbers)) for one in series.buckets)
            for series in QueryTimeSeriesResponse.FromString(answer).series
        ]
        return found == [self.days]


class PageTruth(NamedTuple):
    """The ids of a page in order, each with the bin of its p95 and its numbers."""

    asked: Question
    workflows: tuple[tuple[str, int, Sums], ...]

    def question(self) -> Question:
        """Ask for the page."""
        return self.asked

    def is_in(self, answer: bytes) -> bool:
        """Whether the answer says so; what stands for a bin is cut at the shortest and the longest job."""
        rows = ListWorkflowAnalyticsResponse.FromString(answer).workflows
        found = [(row.workflow_id, _p95_s(row.numbers), sums_in(row.numbers)) for row in rows]
        true = [
            (id_, _within(value_s(number), row.numbers), sums)
            for row, (id_, number, sums) in zip(rows, self.workflows, strict=False)
        ]
        return len(found) == len(self.workflows) and found == true


class AnomalyTruth(NamedTuple):
    """The numbers of each hour of a day, by its first Unix second."""

    asked: Question
    hours: Mapping[int, Sums]

    def question(self) -> Question:
        """Ask for hours that stand out."""
        return self.asked

    def is_in(self, answer: bytes) -> bool:
        """Whether all hours were judged, and those that stand out have their numbers."""
        response = ListAnomaliesResponse.FromString(answer)
        are_true = all(self._is_true(one) for one in response.anomalies)
        return response.judged == _JUDGED and len(response.anomalies) > 0 and are_true

    def _is_true(self, anomaly: Anomaly) -> bool:
        """Medians are not compared."""
        hour = self.hours.get(anomaly.range.start_time.seconds)
        if hour is None:
            return False
        counts = {
            ANOMALY_MEASURE_JOBS: hour.jobs,
            ANOMALY_MEASURE_FAILED_JOBS: hour.failed,
            ANOMALY_MEASURE_LOG_LINES: hour.log_lines,
        }
        return bool(anomaly.value == counts.get(anomaly.measure, anomaly.value))


def _p95_s(numbers: Numbers) -> float:
    (value,) = (one.value for one in numbers.durations.percentiles if one.rank == 95)
    return round(value.seconds + value.nanos / 1e9, 6)


def _within(seconds: float, numbers: Numbers) -> float:
    least, most = numbers.durations.minimum.seconds, numbers.durations.maximum.seconds
    return round(min(max(seconds, least), most), 6)
