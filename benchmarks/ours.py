"""Our processor: as many processes as asked for, exactly as the local stack starts them.

Its numbers are compared with what is true of the load: a processor that is fast and wrong fails the benchmark.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from analytics.settings import Settings
from analytics.store.migrate import migrate
from analytics.store.pool import Connection
from benchmarks.errors import BenchmarkFailed
from benchmarks.figures import Values
from benchmarks.load import Load
from benchmarks.measurement import Readings, values_of
from benchmarks.meter import Meter, peak_rss_mb
from benchmarks.prepared import DATABASE
from benchmarks.setting import Setting
from benchmarks.tables import merging
from benchmarks.watch import watch
from sandbox.applied import Applied, AppliedReader
from sandbox.clickhouse import LocalClickHouse, local_settings
from sandbox.programs import LocalProcessor

_TIMEOUT_S: Final = 60.0
_SHOWN: Final = 3

_SELECT_WORKFLOWS: Final = """
SELECT toString(user_id), toString(workflow_id), sum(jobs), sum(execution_seconds), sum(log_lines)
FROM analytics
WHERE resolution = 'total' AND workflow_id != toUUID('00000000-0000-0000-0000-000000000000')
  AND user_id IN (SELECT toUUID(arrayJoin(%(users)s)))
GROUP BY user_id, workflow_id
"""
_SELECT_USERS: Final = """
SELECT toString(user_id), sum(workflows), sum(jobs), sum(execution_seconds), sum(log_lines)
FROM analytics
WHERE resolution = 'total' AND workflow_id = toUUID('00000000-0000-0000-0000-000000000000')
  AND user_id IN (SELECT toUUID(arrayJoin(%(users)s)))
GROUP BY user_id
"""


@dataclass(frozen=True)
class OurProcessor:
    """So many processors in one consumer group."""

    processes: int = 1

    @property
    def key(self) -> str:
        """One of `names.CONTENDERS`."""
        return f"processor-{self.processes}"

    def run(self, setting: Setting) -> Values:
        """Measure once on a copy of what was prepared, and verify the totals. Raises BenchmarkFailed, NotReady."""
        directory = setting.new_clickhouse()
        with LocalClickHouse(directory) as clickhouse:
            settings = local_settings(clickhouse.address, DATABASE)
            migrate(settings)
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
            verify(settings, setting.filled.load)
        shutil.rmtree(directory)
        return values_of(setting.filled, readings, client_mb=client_mb, server_mb=server_mb)


def verify(settings: Settings, load: Load) -> None:
    """Raise BenchmarkFailed unless every total of the load's workflows and users is what it must be."""
    verify_totals(settings, load.users(), load.by_workflow(), load.by_user())


def verify_totals(
    settings: Settings,
    users: Sequence[str],
    by_workflow: dict[tuple[str, str], tuple[int, ...]],
    by_user: dict[str, tuple[int, ...]],
) -> None:
    """Raise BenchmarkFailed unless these users and their workflows have exactly these totals."""
    connection, asked = Connection(settings, timeout_s=_TIMEOUT_S), {"users": users}
    of_workflows, of_users = (connection.query(sql, asked) for sql in (_SELECT_WORKFLOWS, _SELECT_USERS))
    connection.close()
    require_equal("workflow", {(user, flow): tuple(row) for user, flow, *row in of_workflows}, by_workflow)
    require_equal("user", {user: tuple(row) for user, *row in of_users}, by_user)


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
    settings = local_settings(clickhouse.address, DATABASE)
    reader, connection = AppliedReader(settings), Connection(settings, timeout_s=_TIMEOUT_S)

    def look() -> Applied:
        for one in processors:
            if one.exit_code is not None:
                raise BenchmarkFailed(f"{one.name} ended with exit code {one.exit_code}\n{one.last_words()}")
        return reader.read() or Applied()

    try:
        readings, counted = watch(
            meter,
            setting.filled.events,
            assigned=lambda: look().partitions,
            applied=lambda: look().records,
            merges=lambda: merging(connection),
        )
    finally:
        reader.close()
        connection.close()
    if counted != setting.filled.events:
        raise BenchmarkFailed(f"{counted:,} records were applied, but there are {setting.filled.events:,}")
    return readings


def _environment(clickhouse: LocalClickHouse, setting: Setting) -> dict[str, str]:
    """What the local stack sets, as far as the processor reads it."""
    return {
        "ENV": "development",
        "CLICKHOUSE_HOSTS": clickhouse.address,
        "CLICKHOUSE_DATABASE": DATABASE,
        "CLICKHOUSE_USERNAME": "default",
        "CLICKHOUSE_PASSWORD": "",
        "CLICKHOUSE_TLS_ENABLED": "false",
        "KAFKA_BROKERS": setting.broker.address,
        "KAFKA_CONSUMER_GROUP": f"bench-{clickhouse.port}",
        "KAFKA_TLS_ENABLED": "false",
        "KAFKA_SESSION_TIMEOUT": "2s",  # the broker waits half of it at every join
        "KAFKA_HEARTBEAT_INTERVAL": "500ms",
        "KAFKA_FETCH_MAX_WAIT": "20ms",
    }
