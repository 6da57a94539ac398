"""The rival: ClickHouse's own Kafka engine, and a materialized view that sums into a table per workflow.

It reads at least once (a crash counts records again), knows no repeated events, and has no user totals and no time
buckets: it does less than the processor. In return it gets the best settings that were found, and
no fsync.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

from analytics.store.pool import Connection
from benchmarks.figures import Values
from benchmarks.fill import PARTITIONS
from benchmarks.measurement import values_of
from benchmarks.meter import Meter, peak_rss_mb
from benchmarks.setting import Setting
from benchmarks.tables import merging
from benchmarks.watch import Watched, watch
from sandbox.clickhouse import LocalClickHouse, local_settings

Form = Literal["JSONEachRow", "RawBLOB"]

TUNED: Final[Mapping[str, int]] = MappingProxyType(
    {
        "kafka_num_consumers": PARTITIONS,
        "kafka_thread_per_consumer": 1,
        "kafka_max_block_size": 524_288,
        "kafka_poll_max_batch_size": 65_536,
        "kafka_poll_timeout_ms": 50,
        "kafka_flush_interval_ms": 2_000,
    }
)
"""The best of some 30 runs of RawBLOB by CPU, on a busy machine, so with little certainty: blocks of 16,384 to
1,048,576 rows, polls of 1,000 to 65,536, one consumer or two, one thread or two, more prefetching. The short poll
lets the last block go out early.
"""

_TIMEOUT_S: Final = 60.0
_CONFIG: Final = """<clickhouse>
    <background_message_broker_schedule_pool_size>16</background_message_broker_schedule_pool_size>
    <kafka>
        <session_timeout_ms>6000</session_timeout_ms>
        <heartbeat_interval_ms>500</heartbeat_interval_ms>
        <fetch_wait_max_ms>100</fetch_wait_max_ms>
        <fetch_queue_backoff_ms>5</fetch_queue_backoff_ms>
    </kafka>
</clickhouse>
"""
"""The pool is the default of a server (of this one: 2). The broker waits half a session timeout at every join,
before the measurement begins; with 2 s, as our processor has it, 3 of 28 runs on an overloaded machine counted up to
27,691 of a million records twice, presumably after a rebalance in mid-stream.
"""

_CREATE_QUEUE: Final = """
CREATE TABLE queue_{topic} ({columns}) ENGINE = Kafka
SETTINGS kafka_broker_list = %(broker)s, kafka_topic_list = %(topic)s, kafka_group_name = %(group)s, {settings}
"""
_CREATE_TOTALS: Final = """
CREATE TABLE totals (user_id UUID, workflow_id UUID, records UInt64, amount UInt64)
ENGINE = SummingMergeTree ORDER BY (user_id, workflow_id)
"""
_VIEWS: Final[Mapping[tuple[str, Form], str]] = MappingProxyType(
    {
        ("analytics", "JSONEachRow"): """
CREATE MATERIALIZED VIEW sums_analytics TO totals AS
SELECT UserID AS user_id, WorkflowID AS workflow_id, count() AS records, sum(Data.job_execution_duration) AS amount
FROM queue_analytics WHERE EventType = 'JOBS' GROUP BY user_id, workflow_id
""",
        ("analytics", "RawBLOB"): """
CREATE MATERIALIZED VIEW sums_analytics TO totals AS
WITH JSONExtract(value, 'Tuple(UserID UUID, WorkflowID UUID, EventType String, Data Tuple(job_execution_duration UInt64))')
    AS event
SELECT event.1 AS user_id, event.2 AS workflow_id, count() AS records, sum(event.4.1) AS amount
FROM queue_analytics WHERE event.3 = 'JOBS' GROUP BY user_id, workflow_id
""",
        ("workflows", "JSONEachRow"): """
CREATE MATERIALIZED VIEW sums_workflows TO totals AS
SELECT UserID AS user_id, ID AS workflow_id, count() AS records, countIf(Action = 'JOB_FAILED') AS amount
FROM queue_workflows GROUP BY user_id, workflow_id
""",
        ("workflows", "RawBLOB"): """
CREATE MATERIALIZED VIEW sums_workflows TO totals AS
WITH JSONExtract(value, 'Tuple(UserID UUID, ID UUID, Action String)') AS event
SELECT event.1 AS user_id, event.2 AS workflow_id, count() AS records, countIf(event.3 = 'JOB_FAILED') AS amount
FROM queue_workflows GROUP BY user_id, workflow_id
""",
        ("job_logs", "JSONEachRow"): """
CREATE MATERIALIZED VIEW sums_job_logs TO totals AS
SELECT UserID AS user_id, WorkflowID AS workflow_id, count() AS records, sum(length(Message)) AS amount
FROM queue_job_logs GROUP BY user_id, workflow_id
""",
        ("job_logs", "RawBLOB"): """
CREATE MATERIALIZED VIEW sums_job_logs TO totals AS
WITH JSONExtract(value, 'Tuple(UserID UUID, WorkflowID UUID, Message String)') AS event
SELECT event.1 AS user_id, event.2 AS workflow_id, count() AS records, sum(length(event.3)) AS amount
FROM queue_job_logs GROUP BY user_id, workflow_id
""",
    }
)
"""`amount` is seconds of jobs, failed jobs, and bytes of log lines."""

_COLUMNS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "analytics": "UserID UUID, WorkflowID UUID, EventType String, Data Tuple(job_execution_duration UInt64)",
        "workflows": "UserID UUID, ID UUID, Action String",
        "job_logs": "UserID UUID, WorkflowID UUID, Message String",
    }
)
"""Of JSONEachRow, by topic."""


@dataclass(frozen=True)
class KafkaEngine:
    """One form of the engine, with the settings of its table."""

    form: Form
    settings: Mapping[str, int] = field(default_factory=lambda: TUNED)

    @property
    def key(self) -> str:
        """One of `names.CONTENDERS`."""
        return f"engine-{self.form.lower()}"

    def run(self, setting: Setting) -> Values:
        """Measure once on an empty ClickHouse: it would look into no index. Raises BenchmarkFailed, NotReady."""
        directory = setting.new_directory()
        _configure(directory)
        with LocalClickHouse(directory) as clickhouse:
            connection = Connection(local_settings(clickhouse.address, "default"), timeout_s=_TIMEOUT_S)
            meter = Meter(servers=(clickhouse.pid,), brokers=(setting.broker.pid,))
            readings, counted = self._consume(connection, setting, meter)
            connection.close()
            server_mb = peak_rss_mb([clickhouse.pid])
        again = counted - setting.filled.events
        return values_of(setting.filled, readings, client_mb=0.0, server_mb=server_mb) | {
            "counted_again": again
        }

    def _consume(self, connection: Connection, setting: Setting, meter: Meter) -> Watched:
        topics = setting.filled.load.topics
        connection.query(_CREATE_TOTALS)
        for topic in topics:
            self._create_queue(connection, setting, topic)
        for topic in topics:
            connection.query(_VIEWS[topic, self.form])
        return watch(
            meter,
            setting.filled.events,
            assigned=lambda: _assigned(connection),
            applied=lambda: _applied(connection),
            merges=lambda: merging(connection),
        )

    def _create_queue(self, connection: Connection, setting: Setting, topic: str) -> None:
        settings = [
            f"kafka_format = '{self.form}'",
            *(f"{name} = {value}" for name, value in self.settings.items()),
        ]
        columns = "value String" if self.form == "RawBLOB" else _COLUMNS[topic]
        sql = _CREATE_QUEUE.format(topic=topic, columns=columns, settings=", ".join(settings))
        where = {"broker": setting.broker.address, "topic": topic}
        connection.query(sql, {**where, "group": f"rival-{secrets.token_hex(4)}"})


def _configure(directory: Path) -> None:
    """Add to the configuration that LocalClickHouse will write."""
    path = directory / "home" / ".clickhouse-local" / "config.d" / "kafka.xml"
    path.parent.mkdir(parents=True)
    path.write_text(_CONFIG)


def _assigned(connection: Connection) -> int:
    """Return how many partitions are: a rebalance before that is the broker's, and is not held against the engine."""
    ((partitions,),) = connection.query("SELECT sum(length(assignments.topic)) FROM system.kafka_consumers")
    return int(partitions)


def _applied(connection: Connection) -> int:
    ((records,),) = connection.query("SELECT sum(records) FROM totals")
    return int(records)
