"""Totals of the Go service, taken over from a real PostgreSQL while events go on: they are counted once, whatever dies."""

import json
import signal
from collections import Counter
from itertools import takewhile
from pathlib import Path

import pytest

from sandbox.broker import LocalBroker
from sandbox.records import CorpusRecord, read_corpus
from tests.dying_import import POINTS
from tests.migration_world import GROUPS, Migration, place_of
from tests.postgres import LocalPostgres
from tests.processor_world import fresh_database

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
_FACTS = """
SELECT workflow_id, max(kind).3,
       multiIf(max(deleted_ms) > 0, 'deleted', max(terminate).1 >= greatest(max(build).1, 0), 'terminated', 'active')
FROM workflows GROUP BY workflow_id
"""


@pytest.fixture(scope="module")
def corpus() -> list[CorpusRecord]:
    return [record for record in read_corpus(DATA / "small.jsonl.gz") if record.topic != "jobs"]


@pytest.fixture(scope="module")
def truth():
    return json.loads((DATA / "small.expected.json").read_bytes())


@pytest.fixture(scope="module")
def migration(clickhouse, corpus, tmp_path_factory):
    """The small corpus in Kafka.

    The Go programs have read the first half of it, and died before they committed the last records. The import was
    killed at every step, and a processor has counted the rest.
    """
    directory = tmp_path_factory.mktemp("migration")
    with LocalPostgres() as postgres, LocalBroker(directory / "broker") as broker:
        broker.create_topics()
        world = Migration(
            fresh_database(clickhouse.address), broker, postgres, directory, failures_in(corpus)
        )
        world.publish(corpus)
        let_go_read_half(world, corpus)
        world.deaths = {point: world.run("import", "--history", dying_at=point) for point in POINTS}
        world.last = world.run("import")
        world.count_the_rest()
        yield world
        world.close()


def let_go_read_half(world, corpus):
    first = corpus[: len(corpus) // 2]
    counts = Counter(place_of(record) for record in first)
    newest_ms = max(record.timestamp_ms for record in first)

    def may_come_again(record):
        """What the Go service would recognise: it has an EventKey, and is not older than their retention."""
        has_key = '"EventKey":""' not in (record.value or "").replace(": ", ":")
        return has_key and record.timestamp_ms > newest_ms - 300 * 3_600_000

    def uncommitted(place):
        return sum(1 for _ in takewhile(may_come_again, world.log[place][: counts[place]][::-1]))

    assert all(uncommitted((topic, 0)) + uncommitted((topic, 1)) > 10 for topic in GROUPS)
    world.let_go_read(lambda place: counts[place], uncommitted=uncommitted)


def failures_in(records):
    """Failure kind and error code of jobs that failed."""
    failures = {}
    for record in records:
        if record.topic == "workflows" and record.value and '"JOB_FAILED"' in record.value:
            event = json.loads(record.value)
            job = event["EventKey"].split(":")[2] if event.get("EventKey") else event["JobID"]
            failures.setdefault(job.lower(), (event.get("FailureKind") or "", event.get("ErrorCode") or ""))
    return failures


def test_an_import_that_is_killed_at_every_step_goes_on(migration):
    ends = {point: told.returncode for point, told in migration.deaths.items()}
    assert ends == dict.fromkeys(POINTS, -signal.SIGKILL)
    assert (migration.last.returncode, "is done" in migration.last.stdout) == (0, True), migration.last


def test_half_by_the_old_tables_and_half_by_kafka_with_repeats_across_the_seam_are_the_totals_of_the_corpus(
    migration, truth
):
    fields = "total_workflows", "total_jobs", "total_job_execution_duration", "total_joblogs"
    users = {user: dict(zip(fields, numbers, strict=True)) for user, *numbers in migration.query(_USERS)}
    assert users == truth["users"]
    fields = "user_id", "workflow_id", *fields[1:], "jobs_completed", "jobs_failed"
    assert migration.query(_WORKFLOWS) == [tuple(one[name] for name in fields) for one in truth["workflows"]]


def test_the_history_gives_jobs_their_days(migration, truth):
    """But for those that are in no table but the totals."""
    days = {
        (user, day): jobs - migration.go.timeless[user][day]
        for user, of_user in truth["jobs_by_utc_day"].items()
        for day, (jobs, _) in of_user.items()
    }
    found = {(user, day): jobs for user, day, jobs in migration.query(_DAYS)}
    assert found == {place: jobs for place, jobs in days.items() if jobs}


def test_kinds_and_states_of_workflows_are_those_of_the_corpus(migration, truth):
    found = {str(id_): (kind, state) for id_, kind, state in migration.query(_FACTS)}
    expected = {one["workflow_id"]: (one["kind"] or "", one["state"]) for one in truth["workflows"]}
    assert {id_: found[id_] for id_ in expected} == expected


def test_the_audit_of_an_imported_database_finds_nothing(migration):
    told = migration.run("audit")
    assert told.returncode == 0, told.stdout + told.stderr


def test_the_copied_rows_are_dropped_in_the_end(migration):
    assert migration.query("SELECT count() FROM import_rows") == [(0,)]
