"""ListWorkflowAnalytics against a second opinion: numbers, orders and pages."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics import insights_pb2 as pb
from tests.insights_calls import assert_numbers, ends_of, filter_message, numbers_of, span
from tests.insights_histories import filters, histories, on_engine, ranges, seconds_at
from tests.insights_model import Chosen
from tests.insights_world import FLOWS, Flow, Job, records_of

pytestmark = pytest.mark.integration

ORDERS = (
    "jobs",
    "jobs_completed",
    "jobs_failed",
    "success_ratio",
    "execution_seconds",
    "average_duration",
    "minimum_duration",
    "maximum_duration",
    "p50",
    "p99.9",
    "log_lines",
    "log_bytes",
    "stderr_lines",
    "stderr_bytes",
    "stderr_ratio",
    "lines_per_job",
    "utilization",
)
DAY_S = seconds_at("2026-02-01T00:00+00:00")


def known(model, chosen):
    return [one for one in model.known if model.chosen(chosen)(one)]


def in_order(model, asked, chosen, name, descending):
    """Workflows by a number; those without it last, equal ones by their ids."""

    def place(workflow):
        value = number_of(model.within(*asked, Chosen(workflows=[workflow])), name)
        return value is None, (-value if descending else value) if value is not None else 0, workflow

    return sorted(known(model, chosen), key=place)


def number_of(inside, name):
    if not name.startswith("p"):
        return inside.numbers(wall_s=1)[name]
    return next(iter(inside.numbers([float(name[1:])])["percentiles"]), None)


@on_engine(6)
@given(st.data())
def test_a_row_says_what_the_events_of_its_workflow_say(insights, data):
    drawn = data.draw(histories())
    model, asked, chosen = drawn.model, data.draw(ranges(drawn)), data.draw(filters())
    insights.count(drawn.records)
    found = insights.page(drawn.user, range=span(*asked), filter=filter_message(chosen))
    assert found.total_size == len(found.workflows) == len(known(model, chosen))
    assert ends_of(found.range) == asked
    for row in found.workflows:
        fate, inside = model.fate(row.workflow_id), model.within(*asked, Chosen(workflows=[row.workflow_id]))
        assert (row.kind, row.state) == (fate.kind, pb.WorkflowState.Value(f"WORKFLOW_STATE_{fate.state}"))
        assert row.create_time.ToMilliseconds() == UUID(row.workflow_id).int >> 80
        assert_numbers(numbers_of(row.numbers), inside.numbers(wall_s=asked.end_s - asked.start_s))


@on_engine(5)
@given(st.data())
def test_pages_of_any_size_in_any_order_are_the_whole_list_once(insights, data):
    drawn = data.draw(histories(most_flows=6, longest_s=49))
    model = drawn.model
    insights.count(drawn.records)
    for _ in range(5):
        asked, chosen = data.draw(ranges(drawn)), data.draw(filters())
        name, descending = data.draw(st.sampled_from(ORDERS)), data.draw(st.booleans())
        pages = insights.pages(
            drawn.user,
            range=span(*asked),
            filter=filter_message(chosen),
            order_by=f"{name} desc" if descending else name,
            page_size=data.draw(st.integers(1, 3)),
        )
        ids = [row.workflow_id for page in pages for row in page.workflows]
        assert ids == in_order(model, asked, chosen, name, descending)
        assert {page.total_size for page in pages} == {len(ids)}


@pytest.fixture(scope="module")
def owner(insights):
    """A user with five workflows: 0 to 4 jobs of so many minutes, two of them with lines; one job of each failed."""
    user = uuid4()
    flows = [Flow(one, DAY_S, user=user) for one in FLOWS[:5]]
    jobs = [
        Job(
            FLOWS[at],
            DAY_S + 60,
            seconds=60 * at,
            failure=("USER", "Aborted") if number == 0 else None,
            lines=at // 3,
            user=user,
        )
        for at in range(5)
        for number in range(at)
    ]
    insights.count(records_of(flows, jobs))
    return user


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize("descending", [False, True])
def test_every_number_is_an_order(insights, owner, name, descending):
    """In both directions; all five workflows, a page of one each time."""
    order_by = f"{name} desc" if descending else name
    pages = insights.pages(owner, order_by=order_by, page_size=2, percentile_ranks=[50, 99.9])
    rows = [row for page in pages for row in page.workflows]
    assert len({row.workflow_id for row in rows}) == len(rows) == 5
    values = [value_of(row.numbers, name) for row in rows]
    there = [value for value in values if value is not None]
    assert there == sorted(there, reverse=descending)
    assert values[len(there) :] == [None] * (5 - len(there))


def value_of(numbers, name):
    found = numbers_of(numbers)
    if name in found:
        return found[name]
    percentiles = found["percentiles"]
    return percentiles[0 if name == "p50" else 1] if percentiles else None


def test_most_jobs_come_first_unless_asked_otherwise(insights, owner):
    found = insights.page(owner)
    assert [row.numbers.jobs.finished for row in found.workflows] == [4, 3, 2, 1, 0]


def test_percentiles_are_in_the_order_in_which_they_are_shown(insights):
    """Two durations of one bin: the percentile of each workflow is held between its shortest and its longest job."""
    user = uuid4()
    flows = [Flow(one, DAY_S, user=user) for one in FLOWS[:2]]
    jobs = [
        Job(one, DAY_S, seconds=seconds, user=user)
        for one, seconds in zip(FLOWS, (1_003, 1_001), strict=False)
    ]
    insights.count(records_of(flows, jobs))
    for order_by, expected in (("p50", [1_001, 1_003]), ("p50 desc", [1_003, 1_001])):
        pages = insights.pages(user, order_by=order_by, percentile_ranks=[50], page_size=1)
        rows = [row for page in pages for row in page.workflows]
        assert [row.numbers.durations.percentiles[0].value.seconds for row in rows] == expected


def test_workflows_are_compared_side_by_side_in_any_spelling_of_their_ids(insights, owner):
    ids = [str(FLOWS[1]).upper(), FLOWS[3].hex, "{" + str(FLOWS[3]) + "}", str(uuid4())]
    found = insights.page(owner, filter=pb.WorkflowFilter(workflow_ids=ids))
    assert [row.workflow_id for row in found.workflows] == [str(FLOWS[3]), str(FLOWS[1])]
    assert found.total_size == 2


def test_the_range_of_the_first_page_is_that_of_all_pages(insights, owner):
    """An end that moves on with time does not move while somebody turns pages."""
    pages = insights.pages(owner, range=pb.TimeRange(start_time=span(DAY_S, 0).start_time), page_size=1)
    assert len({ends_of(page.range) for page in pages}) == 1


def test_the_size_of_pages_may_change_on_the_way(insights, owner):
    first = insights.page(owner, page_size=1)
    second = insights.page(owner, page_size=4, page_token=first.next_page_token)
    ids = [row.workflow_id for page in (first, second) for row in page.workflows]
    assert len(set(ids)) == 5
    assert second.next_page_token == ""


def test_a_number_that_changes_between_two_pages_shows_no_other_row_twice(insights):
    """And misses none: the one that overtakes those shown already is the only one that may be missing."""
    user = uuid4()
    flows = [Flow(one, DAY_S, user=user) for one in FLOWS[:5]]
    jobs = [Job(one, DAY_S, user=user) for at, one in enumerate(FLOWS[:5]) for _ in range(5 - at)]
    insights.count(records_of(flows, jobs))
    first = insights.page(user, page_size=2)
    late = records_of([], [Job(FLOWS[4], DAY_S, user=user)] * 9)
    insights.count(late, already_named=set(FLOWS))
    rest = insights.page(user, page_size=9, page_token=first.next_page_token)
    ids = [row.workflow_id for page in (first, rest) for row in page.workflows]
    assert ids == [str(one) for one in FLOWS[:4]]


def test_ids_that_do_not_tell_when_a_workflow_was_created_give_no_time(insights):
    user, random_id = uuid4(), uuid4()
    insights.count(records_of([Flow(random_id, DAY_S, user=user)], []))
    (row,) = insights.page(user).workflows
    assert row.workflow_id == str(random_id)
    assert not row.HasField("create_time")


def test_nobody_fits_conditions_that_exclude_each_other(insights, owner):
    found = insights.page(owner, filter=pb.WorkflowFilter(kinds=["HEARTBEAT"]))
    assert (list(found.workflows), found.total_size, found.next_page_token) == ([], 0, "")
