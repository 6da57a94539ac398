"""Totals of the Go service, taken over from a real PostgreSQL while events go on: they are counted once, whatever dies."""

import json
from pathlib import Path

import pytest

from analytics.settings import Settings
from sandbox.broker import LocalBroker
from sandbox.records import CorpusRecord, read_corpus
from tests.migration_world import Migration, Place
from tests.postgres import LocalPostgres

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

DATA = Path(__file__).parents[1] / "data"
NIL = "00000000-0000-0000-0000-000000000000"

_USERS = f"""
SELECT toString(user_id), sum(workflows), sum(jobs), sum(execution_seconds), sum(log_lines), sum(jobs_completed) + sum(jobs_failed)
FROM analytics WHERE resolution = 'total' AND workflow_id = toUUID('{NIL}') GROUP BY user_id ORDER BY 1
"""
_WORKFLOWS = f"""
SELECT toString(user_id), toString(workflow_id), sum(jobs), sum(execution_seconds), sum(log_lines), sum(jobs_completed), sum(jobs_failed)
FROM analytics WHERE resolution = 'total' AND user_id != toUUID('{NIL}') AND workflow_id != toUUID('{NIL}')
GROUP BY user_id, workflow_id HAVING sum(workflows) + sum(jobs) + sum(log_lines) > 0 ORDER BY 1, 2
"""
_DAYS = f"""
SELECT toString(user_id), toString(toDate(bucket_start)), sum(jobs)
FROM analytics WHERE resolution = 'day' AND workflow_id = toUUID('{NIL}') GROUP BY user_id, bucket_start HAVING sum(jobs) > 0
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


def half(migration):
    return lambda place: len(migration.log[place]) // 2


def require_truth(migration, truth):
    users = {
        user: {
            "total_workflows": workflows,
            "total_jobs": jobs,
            "total_joblogs": lines,
            "total_job_execution_duration": seconds,
        }
        for user, workflows, jobs, seconds, lines, _ in migration.query(_USERS)
        if workflows + jobs + lines
    }
    assert users == truth["users"]
    workflows = [
        (one["user_id"], one["workflow_id"], one["total_jobs"], one["total_job_execution_duration"],
         one["total_joblogs"], one["jobs_completed"], one["jobs_failed"])
        for one in truth["workflows"]
    ]  # fmt: skip
    assert migration.query(_WORKFLOWS) == workflows


def require_clean_audit(migration):
    told = migration.run("audit")
    assert told.returncode == 0, told.stdout + told.stderr


def imported(told):
    assert told.returncode == 0, told.stdout + told.stderr
    return told


def test_half_by_the_old_tables_and_half_by_kafka_are_the_totals_of_the_corpus(migration, truth):
    migration.let_go_read(half(migration))
    imported(migration.run("import"))
    migration.count_the_rest()
    require_truth(migration, truth)
    require_clean_audit(migration)
