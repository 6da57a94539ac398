"""Totals of the Go service, taken over from a real PostgreSQL while events go on: they are counted once, whatever dies."""

import json
import signal
from collections import Counter
from itertools import takewhile
from pathlib import Path

import pytest

from analytics.settings import Settings
from sandbox.broker import LocalBroker
from sandbox.records import CorpusRecord, read_corpus
from tests.dying_import import POINTS
from tests.migration_world import GROUPS, Migration, place_of
from tests.postgres import LocalPostgres

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

DATA = Path(__file__).parents[1] / "data"
NIL = "00000000-0000-0000-0000-000000000000"

_USERS = f"""
SELECT toString(user_id), sum(workflows), sum(jobs), sum(execution_seconds), sum(log_lines)
FROM analytics WHERE resolution = 'total' AND workflow_id = toUUID('{NIL}')
GROUP BY user_id HAVING sum(workflows) + sum(jobs) + sum(log_lines) > 0
"""
_WORKFLOWS = f"""
SELECT toString(user_id), toString(workflow_id), sum(jobs), sum(execution_seconds), sum(log_lines), sum(jobs_completed),
       sum(jobs_failed)
FROM analytics WHERE resolution = 'total' AND user_id != toUUID('{NIL}') AND workflow_id != toUUID('{NIL}')
GROUP BY user_id, workflow_id HAVING sum(workflows) + sum(jobs) + sum(log_lines) > 0 ORDER BY 1, 2
"""
_DAYS = f"""
SELECT toString(user_id), toString(toDate(bucket_start)), sum(jobs)
FROM analytics WHERE resolution = 'day' AND workflow_id = toUUID('{NIL}')
GROUP BY user_id, bucket_start HAVING sum(jobs) > 0
"""


@pytest.fixture(scope="module")
def postgres():
    with LocalPostgres() as server:
        yield server


@pytest.fixture(scope="module")
def corpus() -> list[CorpusRecord]:
    return [record for record in read_corpus(DATA / "small.jsonl.gz") if record.topic != "jobs"]


@pytest.fixture(scope="module")
def truth():
    return json.loads((DATA / "small.expected.json").read_bytes())


@pytest.fixture
def migration(database: Settings, own_broker: LocalBroker, postgres: LocalPostgres, corpus, tmp_path: Path):
    """The small corpus in Kafka, of which the Go service has read the first half."""
    world = Migration(database, own_broker, postgres, tmp_path, failures_in(corpus))
    world.publish(corpus)
    yield world
    world.close()


def failures_in(records):
    """Failure kind and error code of jobs that failed."""
    failures = {}
    for record in records:
        if record.topic == "workflows" and record.value and '"JOB_FAILED"' in record.value:
            event = json.loads(record.value)
            job = event["EventKey"].split(":")[2] if event.get("EventKey") else event["JobID"]
            failures.setdefault(job.lower(), (event.get("FailureKind") or "", event.get("ErrorCode") or ""))
    return failures


@pytest.fixture(scope="module")
def half(corpus):
    """How many records of each partition are in the first half of the corpus."""
    counts = Counter(place_of(record) for record in corpus[: len(corpus) // 2])
    return lambda place: counts[place]


def require_truth(migration, truth):
    fields = "total_workflows", "total_jobs", "total_job_execution_duration", "total_joblogs"
    users = {user: dict(zip(fields, numbers, strict=True)) for user, *numbers in migration.query(_USERS)}
    assert users == truth["users"]
    fields = "user_id", "workflow_id", *fields[1:], "jobs_completed", "jobs_failed"
    assert migration.query(_WORKFLOWS) == [tuple(one[name] for name in fields) for one in truth["workflows"]]


def require_clean_audit(migration):
    told = migration.run("audit")
    assert told.returncode == 0, told.stdout + told.stderr


def run_import(migration, *options):
    told = migration.run("import", *options)
    assert told.returncode == 0, told.stdout + told.stderr
    return told.stdout


def test_half_by_the_old_tables_and_half_by_kafka_with_repeats_across_the_seam_are_the_totals_of_the_corpus(
    migration, truth, corpus, half
):
    newest_ms = max(record.timestamp_ms for record in corpus[: len(corpus) // 2])

    def may_come_again(record):
        """What the Go service would recognise: it has an EventKey, and is not older than their retention."""
        has_key = '"EventKey":""' not in (record.value or "").replace(": ", ":")
        return has_key and record.timestamp_ms > newest_ms - 300 * 3_600_000

    def uncommitted(place):
        return sum(1 for _ in takewhile(may_come_again, migration.log[place][: half(place)][::-1]))

    assert all(uncommitted((topic, 0)) + uncommitted((topic, 1)) > 10 for topic in GROUPS)
    migration.let_go_read(half, uncommitted=uncommitted)
    run_import(migration)
    migration.count_the_rest()
    require_truth(migration, truth)
    require_clean_audit(migration)


def test_the_history_gives_jobs_their_days_and_results(migration, truth, half):
    migration.let_go_read(half)
    run_import(migration, "--history")
    migration.count_the_rest()
    require_truth(migration, truth)
    days = {
        (user, day): jobs - migration.go.timeless[user][day]
        for user, of_user in truth["jobs_by_utc_day"].items()
        for day, (jobs, _) in of_user.items()
    }
    assert {(user, day): jobs for user, day, jobs in migration.query(_DAYS)} == {
        place: jobs for place, jobs in days.items() if jobs
    }
    require_clean_audit(migration)


def test_an_import_that_is_killed_at_every_step_goes_on_and_nothing_is_missing_or_twice(
    migration, truth, half
):
    migration.let_go_read(half)
    for point in POINTS:
        told = migration.run("import", "--history", dying_at=point)
        assert told.returncode == -signal.SIGKILL, (point, told.stdout, told.stderr)
    assert "is done" in run_import(migration)
    assert migration.query("SELECT count() FROM import_rows") == [(0,)]
    migration.count_the_rest()
    require_truth(migration, truth)
    require_clean_audit(migration)
