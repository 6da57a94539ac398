"""Bytes on disk of every kind of row, merged and compressed: `python -m benchmarks.sizes`, about a minute.

Rows are those of `benchmarks.tables`. How large one is depends on how much came together in it, above all on how many
bins of durations it has; so three loads are measured, with as many jobs each.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID, uuid4

from analytics.store.pool import Connection
from benchmarks.prepared import connected
from benchmarks.tables import FILLING, Shape, Stored, fill_keys, fill_runs, fill_totals, stored
from sandbox.clickhouse import LocalClickHouse

SHAPES: Final = {
    "1 job a day": Shape(10_000, 10, 10, 9),
    "10 jobs a day": Shape(1_000, 10, 100, 9),
    "1,000 jobs a day": Shape(10, 10, 10_000, 9),
}
"""By what a workflow does; ten days of a million jobs."""

RUNS: Final = (1, 9, 100)
"""Lines of a run."""

_KEYS: Final = 1_000_000
_RUNS: Final = 200_000
_MAKE: Final = "CREATE TABLE one_kind AS analytics"
_TAKE: Final = """
INSERT INTO one_kind SELECT * FROM analytics
WHERE resolution = %(resolution)s AND (workflow_id = toUUID('00000000-0000-0000-0000-000000000000')) = %(of_user)s
"""
_MERGE: Final = "OPTIMIZE TABLE {table} FINAL"
_DROP: Final = "DROP TABLE one_kind SYNC"


class Size(NamedTuple):
    """Rows of a kind, and what they take."""

    kind: str
    rows: int
    bytes_a_row: float


def measured(directory: Path) -> Iterator[Size]:
    """Yield every kind of row, for every load."""
    for name, shape in SHAPES.items():
        with (
            LocalClickHouse(directory / str(shape.jobs_of_workflow)) as server,
            connected(server) as connection,
        ):
            fill_totals(connection, shape)
            for resolution in ("total", "day", "quarter"):
                for whose in ("workflow", "user"):
                    kind = _one_kind(connection, resolution, of_user=whose == "user")
                    yield _size(f"{resolution} of a {whose}, {name}", kind)
            yield _size(f"workflows, {name}", _merged(connection, "workflows"))
    with LocalClickHouse(directory / "index") as server, connected(server) as connection:
        partitions = [uuid4(), uuid4()]
        fill_keys(connection, _KEYS, partitions)
        yield _size("key of the index", _merged(connection, "event_keys"))
        for lines in RUNS:
            yield _size(f"run of {lines} log lines", _runs(connection, lines, partitions))


def _one_kind(connection: Connection, resolution: str, *, of_user: bool) -> Stored:
    """Return what one kind of rows takes in a table of its own."""
    connection.query(_MAKE)
    connection.query(_TAKE, {"resolution": resolution, "of_user": int(of_user)}, settings=FILLING)
    found = _merged(connection, "one_kind")
    connection.query(_DROP)
    return found


def _runs(connection: Connection, lines: int, partitions: list[UUID]) -> Stored:
    connection.query("TRUNCATE TABLE log_runs SYNC")
    fill_runs(connection, _RUNS, lines, partitions)
    return _merged(connection, "log_runs")


def _merged(connection: Connection, table: str) -> Stored:
    connection.query(_MERGE.format(table=table))
    return stored(connection)[table]


def _size(kind: str, found: Stored) -> Size:
    return Size(kind, found.rows, found.bytes_on_disk / found.rows)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        for one in measured(Path(folder)):
            print(f"{one.bytes_a_row:8.1f} B  {one.kind} ({one.rows:,} rows)", flush=True)
