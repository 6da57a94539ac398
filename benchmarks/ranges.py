"""What the callers ask about ranges of a year, with truths that straight SQL counts in the tables.

Each kind of question is asked for several periods, whose ends lie evenly in the year.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from itertools import cycle, islice
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from google.protobuf.timestamp_pb2 import Timestamp

from analytics.calendar import DAY_S
from analytics.insights_pb2 import (
    INTERVAL_DAY,
    GetAnalyticsSummaryRequest,
    ListAnomaliesRequest,
    ListWorkflowAnalyticsRequest,
    QueryTimeSeriesRequest,
    TimeRange,
    WorkflowFilter,
)
from analytics.store.pool import Connection
from benchmarks.caller import Question, Statement
from benchmarks.echo import SERVICE
from benchmarks.truths import AnomalyTruth, PageTruth, SeriesTruth, SummaryTruth, Sums
from benchmarks.year import END_S

SUMMARY_DAYS: Final = 30
SERIES_DAYS: Final = 90
PAGE_SIZE: Final = 50
BERLIN: Final = "Europe/Berlin"

_NIL: Final = "toUUID('00000000-0000-0000-0000-000000000000')"


class Period(NamedTuple):
    """A half-open range of Unix seconds, in days of a zone."""

    start_s: int
    end_s: int
    zone: str = ""

    def message(self) -> TimeRange:
        """Return it as requests have it."""
        return TimeRange(start_time=Timestamp(seconds=self.start_s), end_time=Timestamp(seconds=self.end_s))

    def parameters(self) -> dict[str, object]:
        """Return it for SQL. Days of UTC are in day rows, everything else is in quarter hours."""
        is_of_days = not self.zone and self.start_s % DAY_S == self.end_s % DAY_S == 0
        resolution = "day" if is_of_days else "quarter"
        return self._asdict() | {"zone": self.zone or "UTC", "resolution": resolution}


def periods(days: int, ends: Iterable[date], *, zone: str = "", hours_before: float = 0.0) -> list[Period]:
    """Return so many days of a zone before each end; with `hours_before`, so much earlier."""
    of_zone, earlier_s = ZoneInfo(zone or "UTC"), round(hours_before * 3600)
    return [
        Period(
            _midnight_s(end - timedelta(days=days), of_zone) - earlier_s,
            _midnight_s(end, of_zone) - earlier_s,
            zone,
        )
        for end in ends
    ]


def ends_of(count: int, quarter_days: int) -> list[date]:
    """Return the days at which periods end, the newest first: before each there is room for the longest period."""
    newest = datetime.fromtimestamp(END_S, ZoneInfo("UTC")).date()
    room = quarter_days - SERIES_DAYS - 1  # a day of another zone begins before that of UTC
    return [newest - timedelta(days=room * number // count) for number in range(count)]


def _midnight_s(day: date, zone: ZoneInfo) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())


class Whose(NamedTuple):
    """Some workflows of the user: the filter of requests, and the condition for their rows in SQL."""

    filter: WorkflowFilter
    condition: str
    workflow_ids: tuple[str, ...] = ()


ALL: Final = Whose(WorkflowFilter(), f"workflow_id = {_NIL}")


def some_of(workflow_ids: Sequence[str]) -> Whose:
    """Return the choice of these workflows."""
    ids = tuple(workflow_ids)
    return Whose(WorkflowFilter(workflow_ids=ids), "workflow_id IN %(workflow_ids)s", ids)


def of_kind(kind: str) -> Whose:
    """Return the choice of the workflows of a kind, which is SQL of our own."""
    named = f"SELECT workflow_id FROM workflows WHERE user_id = %(user_id)s AND kind.kind = '{kind}'"
    return Whose(WorkflowFilter(kinds=[kind]), f"workflow_id IN ({named})")


_SUMS: Final = """
SELECT {label}, sum(jobs), sum(execution_seconds), sum(jobs_failed), sum(log_lines)
FROM analytics
WHERE resolution = %(resolution)s AND user_id = %(user_id)s AND {workflows}
  AND bucket_start >= toDateTime(%(start_s)s, 'UTC') AND bucket_start < toDateTime(%(end_s)s, 'UTC')
GROUP BY 1
ORDER BY 1
"""
_DAY: Final = "toString(toDate(bucket_start, %(zone)s))"
_HOUR: Final = "toUnixTimestamp(toStartOfHour(bucket_start))"
_PAGE: Final = f"""
SELECT toString(workflow_id) AS id, arraySort(groupArray(durations.keys[1]))[toUInt64(ceil(count() * 0.95))] AS p95,
       sum(jobs), sum(execution_seconds), sum(jobs_failed), sum(log_lines)
FROM analytics
WHERE resolution = 'quarter' AND user_id = %(user_id)s AND workflow_id != {_NIL}
  AND bucket_start >= toDateTime(%(start_s)s, 'UTC') AND bucket_start < toDateTime(%(end_s)s, 'UTC')
GROUP BY workflow_id
ORDER BY p95 DESC, id
LIMIT %(most)s
"""
_STRAIGHT: Final = f"""
SELECT workflow_id, quantileExact(0.95)(execution_seconds) AS p95
FROM analytics.analytics
WHERE resolution = 'quarter' AND user_id = %(user_id)s AND workflow_id != {_NIL}
  AND bucket_start >= toDateTime(%(start_s)s, 'UTC') AND bucket_start < toDateTime(%(end_s)s, 'UTC')
GROUP BY workflow_id
ORDER BY p95 DESC, workflow_id
LIMIT %(most)s
"""
"""One job is in each quarter of an hour of a workflow: its seconds are what is ranked."""


class Asking(NamedTuple):
    """Makes questions about one user, and looks into the tables for what must come back."""

    connection: Connection
    user_id: str

    def summaries(self, spans: Iterable[Period], whose: Sequence[Whose]) -> list[SummaryTruth]:
        """Return summaries of spans; the choices of workflows take turns."""
        return [
            SummaryTruth(self._summary(span, one), self._sums("''", span, one)[0][1])
            for span, one in zip(spans, cycle(whose), strict=False)
        ]

    def series(self, spans: Iterable[Period], whose: Sequence[Whose]) -> list[SeriesTruth]:
        """Return daily series of spans; the choices of workflows take turns."""
        return [
            SeriesTruth(self._series(span, one), tuple(self._sums(_DAY, span, one)))
            for span, one in zip(spans, cycle(whose), strict=False)
        ]

    def pages(self, spans: Iterable[Period]) -> list[PageTruth]:
        """Return first pages of all workflows by p95, the largest first."""
        return [PageTruth(self._page(span), self._ranked(span)) for span in spans]

    def anomalies(self, days: Iterable[Period]) -> list[AnomalyTruth]:
        """Return the anomalies of days. The threshold is low, so that there are some whose numbers can be compared."""
        return [AnomalyTruth(self._anomalies(day), self._hours(day)) for day in days]

    def straight_page(self, span: Period) -> Statement:
        """Return SQL that ranks workflows by p95 from every single job, which no answer of the service does."""
        return Statement(_STRAIGHT, self._parameters(span) | {"most": PAGE_SIZE})

    def _summary(self, span: Period, whose: Whose) -> Question:
        request = GetAnalyticsSummaryRequest(
            user_id=self.user_id, range=span.message(), filter=whose.filter, time_zone=span.zone
        )
        return self._question("GetAnalyticsSummary", request.SerializeToString())

    def _series(self, span: Period, whose: Whose) -> Question:
        request = QueryTimeSeriesRequest(
            user_id=self.user_id, range=span.message(), filter=whose.filter, time_zone=span.zone,
            interval=INTERVAL_DAY,
        )  # fmt: skip
        return self._question("QueryTimeSeries", request.SerializeToString())

    def _page(self, span: Period) -> Question:
        request = ListWorkflowAnalyticsRequest(
            user_id=self.user_id, range=span.message(), order_by="p95 desc", page_size=PAGE_SIZE
        )
        return self._question("ListWorkflowAnalytics", request.SerializeToString())

    def _anomalies(self, day: Period) -> Question:
        request = ListAnomaliesRequest(user_id=self.user_id, range=day.message(), threshold=1.0)
        return self._question("ListAnomalies", request.SerializeToString())

    def _question(self, method: str, message: bytes) -> Question:
        return Question(f"/{SERVICE}/{method}", message, self.user_id)

    def _sums(self, label: str, span: Period, whose: Whose) -> list[tuple[str, Sums]]:
        sql = _SUMS.format(label=label, workflows=whose.condition)
        parameters = self._parameters(span) | {"workflow_ids": whose.workflow_ids}
        return [(name, Sums(*sums)) for name, *sums in self.connection.query(sql, parameters)]

    def _hours(self, day: Period) -> dict[int, Sums]:
        sql = _SUMS.format(label=_HOUR, workflows=ALL.condition)
        parameters = self._parameters(day) | {"resolution": "quarter"}
        return {start_s: Sums(*sums) for start_s, *sums in self.connection.query(sql, parameters)}

    def _ranked(self, span: Period) -> tuple[tuple[str, int, Sums], ...]:
        found = self.connection.query(_PAGE, self._parameters(span) | {"most": PAGE_SIZE})
        return tuple((id_, number, Sums(*sums)) for id_, number, *sums in found)

    def _parameters(self, span: Period) -> dict[str, object]:
        return span.parameters() | {"user_id": self.user_id}


_IDS: Final = f"""
SELECT toString(workflow_id)
FROM analytics
WHERE resolution = 'total' AND user_id = %(user_id)s AND workflow_id != {_NIL}
ORDER BY sipHash64(workflow_id)
LIMIT %(most)s
"""


def tens(connection: Connection, user_id: str, count: int) -> list[Whose]:
    """Return so many choices of ten workflows each, which have none in common."""
    ids = iter([id_ for (id_,) in connection.query(_IDS, {"user_id": user_id, "most": 10 * count})])
    return [some_of(list(islice(ids, 10))) for _ in range(count)]
