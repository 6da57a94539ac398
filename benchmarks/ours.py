"""Our processor: as many processes as asked for, exactly as the local stack starts them.

Its numbers are compared with what is true of the flood: a processor that is fast and wrong fails the benchmark.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from analytics.settings import Settings
from analytics.store.migrate import migrate
from analytics.store.pool import Connection
from benchmarks.errors import BenchmarkFailed
from benchmarks.fill import PARTITIONS
from benchmarks.measurement import Measurement, Readings, Role, measured
from benchmarks.meter import Meter, peak_rss_mb
from benchmarks.setting import Setting
from benchmarks.watch import watch
from sandbox.applied import COUNTED_TOPICS, Applied, AppliedReader
from sandbox.clickhouse import LocalClickHouse, local_settings
from sandbox.generate.flood import Flood
from sandbox.programs import LocalProcessor

_DATABASE: Final = "analytics"
_TIMEOUT_S: Final = 60.0
_SHOWN: Final = 3

_SELECT_WORKFLOWS: Final = """
SELECT toString(user_id), toString(workflow_id), sum(jobs), sum(execution_seconds), sum(log_lines)
FROM analytics
WHERE resolution = 'total' AND workflow_id != toUUID('00000000-0000-0000-0000-000000000000')
GROUP BY user_id, workflow_id
"""
_SELECT_USERS: Final = """
SELECT toString(user_id), sum(workflows), sum(jobs), sum(execution_seconds), sum(log_lines)
FROM analytics
WHERE resolution = 'total' AND workflow_id = toUUID('00000000-0000-0000-0000-000000000000')
GROUP BY user_id
"""


@dataclass(frozen=True)
class OurProcessor:
    """So many processors in one consumer group."""

    processes: int = 1

    role: ClassVar[Role] = "ours"

    @property
    def key(self) -> str:
        """What `--only` calls it."""
        return f"processor-{self.processes}"

    @property
    def name(self) -> str:
        """What the table calls it."""
        return "our processor" if self.processes == 1 else f"our processor, {self.processes} processes"

    def run(self, setting: Setting) -> Measurement:
        """Measure once on a fresh ClickHouse, and verify the totals. Raises BenchmarkFailed, NotReady."""
        directory = setting.new_directory()
        with LocalClickHouse(directory / "clickhouse") as clickhouse:
            migrate(local_settings(clickhouse.address, _DATABASE))
            processors = [
                LocalProcessor(
                    f"processor-{number}",
                    lambda: _environment(clickhouse, setting),
                    directory / f"processor-{number}.log",
                )
                for number in range(1, self.processes + 1)
            ]
            with _running(processors) as pids:
                meter = Meter(clients=pids, servers=(clickhouse.pid,), brokers=(setting.broker.pid,))
                readings = _consume(processors, clickhouse, setting, meter)
                client_mb, server_mb = peak_rss_mb(pids), peak_rss_mb([clickhouse.pid])
            verify(local_settings(clickhouse.address, _DATABASE), setting.filled.flood)
        return measured(
            self, setting.filled, readings, client_peak_rss_mb=client_mb, server_peak_rss_mb=server_mb
        )


def verify(settings: Settings, flood: Flood) -> None:
    """Raise BenchmarkFailed unless every total of every workflow and user is what it must be."""
    connection = Connection(settings, timeout_s=_TIMEOUT_S)
    workflows = {(user, workflow): tuple(row) for user, workflow, *row in connection.query(_SELECT_WORKFLOWS)}
    users = {user: tuple(row) for user, *row in connection.query(_SELECT_USERS)}
    connection.close()
    require_equal("workflow", workflows, flood.by_workflow())
    require_equal("user", users, flood.by_user())


def require_equal(what: str, found: dict[Any, Any], true: dict[Any, Any]) -> None:
    """Raise BenchmarkFailed with the first few differences, if there are any."""
    wrong = [key for key in found.keys() | true.keys() if found.get(key) != true.get(key)]
    if wrong:
        shown = [
            f"  {key}: counted {found.get(key)}, true is {true.get(key)}" for key in sorted(wrong)[:_SHOWN]
        ]
        raise BenchmarkFailed("\n".join([f"the totals of {len(wrong):,} {what}s are wrong:", *shown]))


@contextmanager
def _running(processors: Sequence[LocalProcessor]) -> Iterator[tuple[int, ...]]:
    """Start them all and yield their process ids; they end with the block."""
    try:
        for one in processors:
            one.respawn()
        yield tuple(one.pid for one in processors)
    finally:
        for one in processors:
            one.ask_to_stop()  # all at once: each one waits for the others when it leaves the group
        for one in processors:
            one.stop()


def _consume(
    processors: Sequence[LocalProcessor], clickhouse: LocalClickHouse, setting: Setting, meter: Meter
) -> Readings:
    started = meter.read()
    reader = AppliedReader(local_settings(clickhouse.address, _DATABASE))

    def look() -> Applied:
        for one in processors:
            if one.exit_code is not None:
                raise BenchmarkFailed(f"{one.name} ended with exit code {one.exit_code}\n{one.last_words()}")
        return reader.read() or Applied()

    try:
        assigned, finished, counted = watch(
            meter,
            setting.filled.events,
            is_assigned=lambda: look().partitions >= PARTITIONS * len(COUNTED_TOPICS),
            applied=lambda: look().records,
        )
    finally:
        reader.close()
    if counted != setting.filled.events:
        raise BenchmarkFailed(f"{counted:,} records were applied, but there are {setting.filled.events:,}")
    return started, assigned, finished


def _environment(clickhouse: LocalClickHouse, setting: Setting) -> dict[str, str]:
    """What the local stack sets, as far as the processor reads it."""
    return {
        "ENV": "development",
        "CLICKHOUSE_HOSTS": clickhouse.address,
        "CLICKHOUSE_DATABASE": _DATABASE,
        "CLICKHOUSE_USERNAME": "default",
        "CLICKHOUSE_PASSWORD": "",
        "CLICKHOUSE_TLS_ENABLED": "false",
        "KAFKA_BROKERS": setting.broker.address,
        "KAFKA_CONSUMER_GROUP": f"bench-{clickhouse.port}",
        "KAFKA_TLS_ENABLED": "false",
        "KAFKA_SESSION_TIMEOUT": "2s",  # the broker waits half of it at every join
        "KAFKA_HEARTBEAT_INTERVAL": "500ms",
    }
