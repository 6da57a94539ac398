"""ListWorkflowAnalytics: one row a workflow, ordered by any number, in pages."""

import time
from typing import Final, NamedTuple
from uuid import UUID

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from analytics.cache_advice import rested_max_age_s
from analytics.insights import answers, page_tokens, queries, requests, workflow_queries
from analytics.insights.model import Measured, Range, Scope
from analytics.insights.ordering import parse_order
from analytics.insights.page_tokens import Token
from analytics.insights.queries import Grouping
from analytics.insights.reading import condition_of
from analytics.insights.reads import Sources
from analytics.insights.requests import STATES, Asked
from analytics.insights.workflow_queries import Ordering, Place, Ranked
from analytics.insights_pb2 import ListWorkflowAnalyticsRequest, ListWorkflowAnalyticsResponse, WorkflowRow
from analytics.store.pool import Connection

DEFAULT_SIZE, MOST_ROWS = 50, 1_000
_STATE_MESSAGES: Final = {state: number for number, state in STATES.items()}
_VERSION_7: Final = 7


class Question(NamedTuple):
    """What a page is asked for. `behind`: the token of the page before."""

    scope: Scope
    asked: Asked
    ordering: Ordering
    ranks: tuple[float, ...]
    size: int
    request: str
    behind: Token | None

    @property
    def place(self) -> Place | None:
        """Where the page before ended."""
        return None if self.behind is None else Place(self.behind.value, self.behind.row)


def parse(request: ListWorkflowAnalyticsRequest) -> Question:
    """Return what is asked for. Raises InvalidField."""
    scope, asked = requests.parse_scope(request.user_id, request.filter), requests.parse_range(request.range)
    ordering, ranks = parse_order(request.order_by), requests.parse_ranks(request.percentile_ranks)
    size = requests.parse_page_size(request.page_size, default=DEFAULT_SIZE, most=MOST_ROWS)
    digest = page_tokens.request_digest(request)
    behind = page_tokens.parse_token(request.page_token, digest)
    return Question(scope, asked, ordering, ranks, size, digest, behind)


async def answer(question: Question, sources: Sources, within_s: float) -> ListWorkflowAnalyticsResponse:
    """Return a page. Raises NoAnalytics, and what reads raise."""
    give_up_at = time.monotonic() + within_s
    as_of_ms, now_s = sources.as_of_ms(), sources.now_s()
    extent = await sources.reads.extent(question.scope.user_id, within_s)
    asked = question.asked.resolved(extent, now_s) if question.behind is None else question.behind.asked
    rows = condition_of(asked)

    def ranked(store: Connection, left_s: float) -> tuple[list[Ranked], int]:
        most = question.size + 1
        return workflow_queries.ranked(
            store, question.scope, rows, question.ordering, question.place, most, left_s
        )

    found, total = await sources.reads.run(ranked, give_up_at - time.monotonic())
    page = found[: question.size]
    measured = await _measured(question, page, rows, sources, give_up_at - time.monotonic())
    elapsed_s = min(asked.span.end_s, now_s) - asked.span.start_s
    return ListWorkflowAnalyticsResponse(
        workflows=[_row(one, measured, question, elapsed_s) for one in page],
        next_page_token=_next(question, asked, page) if len(found) > len(page) else "",
        total_size=total,
        range=answers.range_message(asked.span),
        duration_precision=answers.PRECISION,
        freshness=sources.freshness(as_of_ms, extent.start_s),
        cache_max_age=Duration(seconds=rested_max_age_s(now_s - asked.span.end_s)),
    )


async def _measured(
    question: Question, page: list[Ranked], rows: str, sources: Sources, within_s: float
) -> dict[tuple[str, int], Measured]:
    """Return the numbers of the workflows of a page."""
    if not page:
        return {}
    ids = tuple(UUID(one.place.workflow_id) for one in page)
    scope, grouping = Scope(question.scope.user_id, ids), Grouping("workflow", most=len(ids))

    def sums(store: Connection, left_s: float) -> dict[tuple[str, int], Measured]:
        return queries.sums(store, scope, rows, grouping, question.ranks, left_s)

    return await sources.reads.run(sums, within_s)


def _row(
    one: Ranked, measured: dict[tuple[str, int], Measured], question: Question, elapsed_s: float
) -> WorkflowRow:
    workflow_id = one.place.workflow_id
    numbers = measured.get((workflow_id, 0), Measured())
    return WorkflowRow(
        workflow_id=workflow_id,
        kind=one.facts.kind,
        state=_STATE_MESSAGES[one.facts.state],
        create_time=_create_time(UUID(workflow_id)),
        numbers=answers.numbers_message(numbers, question.ranks, elapsed_s),
    )


def _create_time(workflow_id: UUID) -> Timestamp | None:
    """Return the time inside a UUIDv7 (RFC 9562, section 5.7: its first 48 bits); None for any other id."""
    if workflow_id.version != _VERSION_7:
        return None
    created = Timestamp()
    created.FromMilliseconds(workflow_id.int >> 80)
    return created


def _next(question: Question, asked: Range, page: list[Ranked]) -> str:
    last = page[-1].place
    token = Token(question.request, *asked.span, asked.is_all_time, last.value, last.workflow_id)
    return page_tokens.token_text(token)
