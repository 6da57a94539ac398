"""Hours that stand out: what the command `anomalies` does."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import click

from analytics.cli.anomaly_tables import anomalies_view
from analytics.cli.connection import Connection
from analytics.cli.endings import explained
from analytics.cli.notes import json_of, moment, range_words
from analytics.cli.options import When
from analytics.cli.paging import pages_of
from analytics.cli.questions import ANOMALIES, range_of
from analytics.cli.screen import screen
from analytics.cli.subjects import subject_of
from analytics.insights_pb2 import ListAnomaliesRequest, TimeRange

_MOST_ROWS: Final = 1_000
_START: Final = "7d"


@dataclass(frozen=True, kw_only=True)
class Judging:
    """What is judged, and how strictly; 0: as the service does by default."""

    workflow_ids: tuple[str, ...]
    measures: tuple[str, ...]
    weeks: int
    threshold: float
    limit: int


def anomalies(
    connection: Connection, user_id: str | None, when: When, judging: Judging, *, as_json: bool
) -> None:
    """Print hours that stand out from the same hour of earlier weeks."""
    with explained(connection), connection.client() as client:
        request = ListAnomaliesRequest(
            user_id=subject_of(connection, user_id).user_id,
            workflow_ids=judging.workflow_ids,
            range=range_of(when, datetime.now(UTC), start=_START),
            time_zone=when.zone.key,
            baseline_weeks=judging.weeks,
            threshold=judging.threshold,
            measures=[ANOMALIES[one] for one in judging.measures],
        )
        request.page_size = min(judging.limit, _MOST_ROWS)
        pages = list(pages_of(client.anomalies(request).pages(), lambda page: page.anomalies, judging.limit))
    if as_json:
        for page in pages:
            click.echo(json_of(page))
        return
    rows = [row for page in pages for row in page.anomalies]
    left = len(rows) == judging.limit and bool(pages[-1].next_page_token)
    title = f"hours that stand out, {_range(request.range, when)}"
    screen().print(anomalies_view(title, pages[-1], rows, left=left, zone=when.zone))


def _range(asked: TimeRange, when: When) -> str:
    if asked.HasField("end_time"):
        return range_words(asked, when.zone)
    return f"since {moment(asked.start_time, when.zone)} {when.zone.key}"
