"""The tables of Chronoverse's Go service in a real PostgreSQL, and what its programs do to them: a model, record by record.

Shapes and statements are those of commit 8e697e1 (migrations 1 to 8), as far as the analytics need them. Two things are
left out: estimates of log lines (LOGS events), which old programs added where they did not count lines, and that lines
of deleted workflows are not counted; the totals of the corpus know neither. Time is the records' time.
"""

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from sandbox.records import CorpusRecord
from tests.reference_values import (
    NS,
    Json,
    Malformed,
    duration_of,
    integer_of,
    parse,
    text_of,
    time_ns,
    uuid_of,
)

RETENTION = timedelta(hours=336)

SCHEMA = """
CREATE TABLE users (id UUID PRIMARY KEY DEFAULT uuidv7());
CREATE TABLE workflows (
    id UUID PRIMARY KEY DEFAULT uuidv7(),
    user_id UUID NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    created_at TIMESTAMP WITHOUT TIME ZONE DEFAULT (now() AT TIME ZONE 'utc') NOT NULL,
    terminated_at TIMESTAMP WITHOUT TIME ZONE DEFAULT NULL,
    generation BIGINT NOT NULL DEFAULT 1
);
CREATE TYPE JOB_STATUS AS ENUM ('PENDING', 'QUEUED', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELED');
CREATE TABLE jobs (
    id UUID PRIMARY KEY DEFAULT uuidv7(),
    workflow_id UUID NOT NULL REFERENCES workflows(id) ON DELETE CASCADE,
    user_id UUID NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    status JOB_STATUS DEFAULT 'PENDING' NOT NULL,
    started_at TIMESTAMP WITHOUT TIME ZONE DEFAULT NULL,
    completed_at TIMESTAMP WITHOUT TIME ZONE DEFAULT NULL,
    failure_kind TEXT DEFAULT NULL,
    last_error_code TEXT DEFAULT NULL
);
CREATE TABLE analytics (
    id UUID PRIMARY KEY DEFAULT uuidv7(),
    user_id UUID NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    workflow_id UUID NOT NULL,
    kind TEXT DEFAULT '',
    total_job_execution_duration BIGINT NOT NULL DEFAULT 0,
    jobs_count INT NOT NULL DEFAULT 0,
    logs_count BIGINT NOT NULL DEFAULT 0,
    updated_at TIMESTAMP WITHOUT TIME ZONE DEFAULT (now() AT TIME ZONE 'utc') NOT NULL
);
CREATE UNIQUE INDEX idx_analytics_user_workflow ON analytics (user_id, workflow_id);
CREATE TABLE processed_events (
    consumer TEXT NOT NULL,
    event_key TEXT NOT NULL,
    created_at TIMESTAMP WITHOUT TIME ZONE DEFAULT (now() AT TIME ZONE 'utc') NOT NULL,
    PRIMARY KEY (consumer, event_key)
);
"""

_NEW_USER = "INSERT INTO users (id) VALUES (%s) ON CONFLICT DO NOTHING"
_PROCESSED = """
INSERT INTO processed_events (consumer, event_key, created_at) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING
"""
_ADD = """
INSERT INTO analytics (user_id, workflow_id, kind, jobs_count, total_job_execution_duration, logs_count)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (user_id, workflow_id) DO UPDATE SET
    kind = CASE WHEN EXCLUDED.kind != '' THEN EXCLUDED.kind ELSE analytics.kind END,
    jobs_count = analytics.jobs_count + EXCLUDED.jobs_count,
    total_job_execution_duration = analytics.total_job_execution_duration + EXCLUDED.total_job_execution_duration,
    logs_count = analytics.logs_count + EXCLUDED.logs_count
"""
_NEW_WORKFLOW = (
    "INSERT INTO workflows (id, user_id, kind) VALUES (%s, %s, 'CONTAINER') ON CONFLICT DO NOTHING"
)
_NEW_JOB = """
INSERT INTO jobs (id, workflow_id, user_id, status, started_at, completed_at, failure_kind, last_error_code)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
_CLEAN_UP = "DELETE FROM processed_events WHERE created_at < %s"


class GoService:
    """The Go programs with their tables in one database. `results`: how jobs end, by id; the others completed."""

    def __init__(self, connection: "psycopg.Connection[Any]", results: dict[str, tuple[str, str]]) -> None:
        self._sql, self._results = connection, results
        self.newest = datetime(1970, 1, 1)  # noqa: DTZ001 -- as in the tables
        self.timeless: defaultdict[str, Counter[str]] = defaultdict(Counter)
        """Jobs that are in the totals, but in no other table: by user and day."""
        connection.execute(SCHEMA)

    def take(self, record: CorpusRecord) -> None:
        """Count a record as the program that reads its topic does."""
        at = _time(record.timestamp_ms * 1_000_000)
        self.newest = max(self.newest, at)
        try:
            payload = parse(record.value_bytes)
            with self._sql.transaction():
                self._analytics(payload, at) if record.topic == "analytics" else self._line(payload, at)
        except Malformed:
            return  # they log it and forget it

    def clean_up(self) -> None:
        """Forget EventKeys that are older than the retention."""
        self._sql.execute(_CLEAN_UP, [self.newest - RETENTION])

    def _analytics(self, payload: Json, at: datetime) -> None:
        event_type, event_key = text_of(payload, "EventType"), text_of(payload, "EventKey")
        if event_type not in ("WORKFLOWS", "JOBS"):
            return
        user, workflow = uuid_of(payload, "UserID", "user_id"), uuid_of(payload, "WorkflowID", "workflow_id")
        data = payload.get("Data")
        if not isinstance(data, dict):
            raise Malformed("no data")
        seconds = duration_of(data) if event_type == "JOBS" else 0
        kind = text_of(data, "kind") if event_type == "WORKFLOWS" else ""
        if event_key and not self._is_new("analytics-processor", event_key, at):
            return
        self._add(user, workflow, kind, int(event_type == "JOBS"), seconds, 0)
        if event_type == "JOBS":
            self._job(user, workflow, event_key, seconds, text_of(data, "completed_at"), at)

    def _job(
        self, user: UUID, workflow: UUID, event_key: str, seconds: int, completed_at: str, at: datetime
    ) -> None:
        end = _time(time_ns(completed_at)) if completed_at else at
        if not event_key:
            self.timeless[str(user)][end.date().isoformat()] += 1
            return
        job = event_key.split(":")[2]
        kind, code = self._results.get(job, ("", ""))
        status = "FAILED" if job in self._results else "COMPLETED"
        started = end - timedelta(seconds=seconds)
        self._sql.execute(_NEW_JOB, [job, workflow, user, status, started, end, kind, code])

    def _line(self, payload: Json, at: datetime) -> None:
        event_key, stream = text_of(payload, "EventKey"), text_of(payload, "Stream")
        user, workflow = uuid_of(payload, "UserID", "user_id"), uuid_of(payload, "WorkflowID", "workflow_id")
        job, number = uuid_of(payload, "JobID", "job_id"), integer_of(payload, "SequenceNum", 0, 2**32 - 1)
        if stream not in ("stdout", "stderr"):
            raise Malformed("stream")
        time_ns(text_of(payload, "TimeStamp"))
        event_key = event_key or f"log:{payload['JobID']}:{stream}:{number}"
        if job and self._is_new("joblogs-processor:analytics", event_key, at):
            self._add(user, workflow, "", 0, 0, 1)

    def _is_new(self, consumer: str, event_key: str, at: datetime) -> bool:
        return self._sql.execute(_PROCESSED, [consumer, event_key, at]).rowcount == 1

    def _add(self, user: UUID, workflow: UUID, kind: str, jobs: int, seconds: int, lines: int) -> None:
        self._sql.execute(_NEW_USER, [user])
        self._sql.execute(_NEW_WORKFLOW, [workflow, user])
        self._sql.execute(_ADD, [user, workflow, kind, jobs, seconds, lines])


def _time(ns: int) -> datetime:
    return datetime.fromtimestamp(ns // NS, UTC).replace(tzinfo=None)
