"""Workflows beside each other: what the command `compare` does."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import click
from rich.console import RenderableType

from analytics.cli import listing_tables
from analytics.cli.connection import Connection
from analytics.cli.endings import explained
from analytics.cli.measures import Measure, is_percentile, measure_of
from analytics.cli.notes import json_of
from analytics.cli.options import When, Which
from analytics.cli.paging import pages_of
from analytics.cli.questions import filter_of, range_of
from analytics.cli.screen import screen
from analytics.cli.subjects import subject_of
from analytics.insights_pb2 import ListWorkflowAnalyticsRequest, ListWorkflowAnalyticsResponse, WorkflowRow

_MOST_ROWS: Final = 1_000
Pages = Sequence[ListWorkflowAnalyticsResponse]


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """By what workflows are ordered, and how many of them are asked for."""

    order_by: str
    ascending: bool
    limit: int

    def measure(self) -> Measure:
        """Return the number. Raises BadParameter."""
        found = measure_of(self.order_by)
        if found is None:
            raise click.BadParameter(
                f"{self.order_by!r} is no number of workflows", param_hint="'--order-by'"
            )
        return found

    def with_own_rank(self, ranks: tuple[float, ...]) -> tuple[float, ...]:
        """Return ranks of percentiles, the one that workflows are ordered by among them."""
        own = float(self.order_by[1:]) if is_percentile(self.order_by) else None
        return ranks if own is None or own in ranks else (*ranks, own)


def compare(
    connection: Connection,
    user_id: str | None,
    asked: tuple[When, Which],
    ranking: Ranking,
    *,
    ranks: tuple[float, ...],
    as_json: bool,
) -> None:
    """Print workflows, side by side when they are few and named; else a ranking."""
    (when, which), order = asked, ranking.measure()
    with explained(connection), connection.client() as client:
        request = ListWorkflowAnalyticsRequest(
            user_id=subject_of(connection, user_id).user_id,
            range=range_of(when, datetime.now(UTC)),
            filter=filter_of(which),
            order_by=f"{ranking.order_by} {'asc' if ranking.ascending else 'desc'}",
            percentile_ranks=ranking.with_own_rank(ranks),
        )
        limit = max(ranking.limit, len(which.workflow_ids))
        request.page_size = min(limit, _MOST_ROWS)
        pages = list(pages_of(client.workflows(request).pages(), lambda page: page.workflows, limit))
    if as_json:
        for page in pages:
            click.echo(json_of(page))
    else:
        console = screen()
        console.print(_view(pages, asked, order, console.width))


def _view(pages: Pages, asked: tuple[When, Which], order: Measure, width: int) -> RenderableType:
    rows: list[WorkflowRow] = [row for page in pages for row in page.workflows]
    when, which = asked
    if 0 < len(which.workflow_ids) <= listing_tables.MOST_COLUMNS:
        rows, absent = listing_tables.in_order(rows, which.workflow_ids)
        return listing_tables.comparison_view(pages[-1], rows, absent, when.zone)
    return listing_tables.ranking_view(pages, rows, order, zone=when.zone, width=width)
