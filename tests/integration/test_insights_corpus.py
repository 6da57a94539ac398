"""Both corpora, played once, beside their expected files: totals, and days, results, states and percentiles of ranges.

Then, at the very end, they are played once more.
"""

import json
from collections import Counter
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import grpc
import msgspec
import pytest

from analytics import insights_pb2 as pb
from analytics.analytics_pb2_grpc import AnalyticsServiceStub
from sandbox.tokens import call_metadata, sign_token
from sandbox.totals import ExpectedTotals
from tests.insights import require_insights
from tests.integration.stack_world import as_json, records_of, running_stack
from tests.integration.truth import answers_of, expected_of, require_truth
from tests.reference import totals_of

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

SMALL = Path(__file__).parents[1] / "data" / "small.jsonl.gz"
STATES = {"active": 1, "terminated": 2, "deleted": 3}


class Corpus:
    """A stack that has counted a corpus, and what is true of it. Nothing changes before the last test: it is asked once."""

    def __init__(self, running, played):
        self._running, self.played = running, played
        self.expected = expected = json.loads(expected_of(played).read_text())
        self.users = list(expected["users"])
        self._channel = grpc.insecure_channel(running.running.grpc)
        self._stub = AnalyticsServiceStub(self._channel)
        self.workflows = {user: [] for user in self.users}
        for workflow in expected["workflows"]:
            self.workflows[workflow["user_id"]].append(workflow)
        self.summary, self.rows = cache(self._summary), cache(self._rows)

    def close(self):
        self._channel.close()

    def require_truth(self):
        require_truth(self._running, self.played)

    def play_again(self):
        records = records_of(self.played)
        self._running.play(records)
        self._running.await_counted()
        return totals_of(as_json(record) for record in records + records)

    def require(self, truth):
        expected = msgspec.convert(truth, ExpectedTotals)
        assert self._running.answers(expected) == answers_of(expected)
        require_insights(self._running.query, truth)

    def times_parked(self):
        """How often the malformed records lie in the dead-letter topic."""
        return set(self._running.dead_letters().values())

    def totals_of(self, user):
        return self._running.answers(ExpectedTotals({user: None}, [])).users[user]

    def ask(self, method, request):
        token = sign_token(Path(self._running.running.keys.private), request.user_id, now=datetime.now(UTC))
        return getattr(self._stub, method)(request, metadata=call_metadata(token), timeout=30)

    def _summary(self, user):
        return self.ask("GetAnalyticsSummary", pb.GetAnalyticsSummaryRequest(user_id=user)).summary

    def days(self, user):
        request = pb.QueryTimeSeriesRequest(user_id=user, interval=pb.INTERVAL_DAY)
        (series,) = self.ask("QueryTimeSeries", request).series
        return {bucket.label: bucket.numbers for bucket in series.buckets}

    def _rows(self, user):
        rows, token = {}, ""
        while True:
            request = pb.ListWorkflowAnalyticsRequest(user_id=user, page_size=100, page_token=token)
            page = self.ask("ListWorkflowAnalytics", request)
            rows |= {row.workflow_id: row for row in page.workflows}
            token = page.next_page_token
            if not token:
                assert len(rows) == page.total_size
                return rows


@pytest.fixture(scope="module", params=["small", "main"])
def corpus(request, tmp_path_factory):
    played = SMALL if request.param == "small" else request.getfixturevalue("main_corpus")()
    with running_stack(tmp_path_factory.mktemp("stack") / "run") as running:
        running.play(records_of(played))
        running.await_counted()
        found = Corpus(running, played)
        yield found
        found.close()


def test_every_user_and_every_workflow_has_its_totals_and_every_malformed_record_is_parked_once(corpus):
    corpus.require_truth()
    assert corpus.times_parked() == {1}


def test_a_user_without_valid_events_is_not_found(corpus):
    assert corpus.totals_of(corpus.expected["meta"]["user_without_valid_events"]) is None


def test_days_have_the_jobs_seconds_and_lines_that_the_corpus_says(corpus):
    for user in corpus.users:
        days = corpus.days(user)
        jobs = {
            day: [numbers.jobs.finished, numbers.durations.total_seconds]
            for day, numbers in days.items()
            if numbers.jobs.finished
        }
        lines = {day: numbers.logs.lines for day, numbers in days.items() if numbers.logs.lines}
        assert jobs == corpus.expected["jobs_by_utc_day"].get(user, {})
        assert lines == corpus.expected["job_log_lines_by_utc_day"].get(user, {})


def test_workflows_have_their_kind_state_results_and_streams(corpus):
    for user in corpus.users:
        rows = corpus.rows(user)
        assert set(rows) == {one["workflow_id"] for one in corpus.workflows[user]}
        for one in corpus.workflows[user]:
            row = rows[one["workflow_id"]]
            jobs, logs = row.numbers.jobs, row.numbers.logs
            assert (row.kind, row.state) == (one["kind"] or "", STATES[one["state"]])
            assert (jobs.finished, jobs.completed, jobs.failed) == (
                one["total_jobs"], one["jobs_completed"], one["jobs_failed"],
            )  # fmt: skip
            assert (logs.lines - logs.stderr_lines, logs.stderr_lines) == (
                one["stdout_lines"], one["stderr_lines"],
            )  # fmt: skip
            created_ms = row.create_time.ToMilliseconds() if row.HasField("create_time") else None
            assert created_ms == one["created_at_ms"]


def test_failures_of_a_user_are_those_of_the_workflows(corpus):
    for user in corpus.users:
        found = corpus.summary(user).failures
        kinds, codes = Counter(), Counter()
        for one in found:
            kinds[one.failure_kind] += one.jobs
            codes[one.error_code] += one.jobs
        workflows = corpus.workflows[user]
        assert kinds == sum((Counter(one["failures_by_kind"]) for one in workflows), Counter())
        assert codes == sum((Counter(one["failures_by_code"]) for one in workflows), Counter())


def test_states_of_a_user_are_those_of_the_workflows(corpus):
    for user in corpus.users:
        counts = corpus.summary(user).workflows
        states = Counter(one["state"] for one in corpus.workflows[user])
        found = {"active": counts.active, "terminated": counts.terminated, "deleted": counts.deleted}
        assert found == {state: states[state] for state in STATES}
        assert counts.total == corpus.expected["users"][user]["total_workflows"]


def test_percentiles_are_within_one_percent_of_the_exact_ones(corpus):
    exact = corpus.expected["duration_percentiles"]
    for user in corpus.users:
        rows = {user: corpus.summary(user).numbers} | {
            id_: row.numbers for id_, row in corpus.rows(user).items()
        }
        for id_, numbers in rows.items():
            true = (exact["users"] | exact["workflows"]).get(id_)
            if true is None:  # too few jobs
                continue
            found = [one.value.seconds + one.value.nanos / 1e9 for one in numbers.durations.percentiles]
            assert found == pytest.approx([true["p50"], true["p95"], true["p99"]], rel=0.0101)


def test_played_again_everything_is_a_repeat_but_for_jobs_without_event_key(corpus):
    """Those count again."""
    corpus.require(corpus.play_again())
