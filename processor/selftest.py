"""A proof, on a table like the real one, that this server keeps the promise behind every guarded insert.

Run once for every version of server and schema, because it takes about a second; see docs/exactly-once.md.
"""

import secrets
from typing import Final
from uuid import uuid4

import numpy as np

from analytics.errors import StoreMisconfigured
from analytics.store.pool import Pool
from processor.block import checkpoint_row
from processor.fold import TOTAL, Rows
from processor.ledger import CheckpointMoved, Condition, Ledger
from processor.model import OffsetRange, Partition

_ROWS: Final = 200_000
_LEND_WITHIN_S: Final = 60.0

_PASSED = """
SELECT count() FROM selftests
WHERE server_version = version() AND schema_version = (SELECT max(version) FROM schema_migrations)
"""
_NOTE = """
INSERT INTO selftests (server_version, schema_version, passed_at)
SELECT version(), (SELECT max(version) FROM schema_migrations), now64(3)
"""
_PARTS = """
SELECT count() FROM system.parts
WHERE database = currentDatabase() AND table = %(table)s AND min_block_number = max_block_number
"""  # merged ones, too: those that went into a merge stay listed for minutes


def prove_guards(plain: Pool, columns: Pool) -> None:
    """Return when this server was proved to keep the promise, now or before. Raises StoreMisconfigured."""
    with plain.lend(_LEND_WITHIN_S) as connection:
        ((passed,),) = connection.query(_PASSED)
    if passed:
        return
    table = f"selftest_{secrets.token_hex(6)}"
    with plain.lend(_LEND_WITHIN_S) as connection:
        connection.query(f"CREATE TABLE {table} AS analytics")
    try:
        _prove(Ledger(plain, columns, table=table), plain, table)
    finally:
        with plain.lend(_LEND_WITHIN_S) as connection:
            connection.query(f"DROP TABLE {table} SYNC")
    with plain.lend(_LEND_WITHIN_S) as connection:
        connection.query(_NOTE, settings={"async_insert": 0})


def _prove(ledger: Ledger, plain: Pool, table: str) -> None:
    partition = Partition("selftest", 0, uuid4())
    start = ledger.begin(partition, 0, 0)
    _require(
        ledger.apply(partition, start, _ROWS, _rows(), leader_epoch=-1, ghosts=0),
        "an insert is acknowledged, but is not there",
    )
    with plain.lend(_LEND_WITHIN_S) as connection:
        ((parts,),) = connection.query(_PARTS, {"table": table})
    _require(parts == 2, f"an insert of {_ROWS} rows became {parts - 1} parts, so a crash could split it")
    try:
        ledger.apply(partition, start, 1, None, leader_epoch=-1, ghosts=1)
    except CheckpointMoved:
        pass
    else:
        raise _broken("the condition of the insert does not hold it back")
    moved = OffsetRange(_ROWS, _ROWS + 1)
    row = checkpoint_row(partition.id, moved)
    ledger.insert(partition, row, Condition(1, moved.first, 0), token="0#0#0")  # noqa: S106 -- a used one, no password
    found = ledger.checkpoint(partition)
    _require(found is not None and found.next_offset == _ROWS, "a used token does not hold an insert back")


def _rows() -> Rows:
    ids, ones = np.arange(1, _ROWS + 1, dtype=np.uint64), np.ones(_ROWS, np.int64)
    cells = np.array([(1).to_bytes(8, "little")] * _ROWS, object)
    return Rows(ones * TOTAL, ids, ids, ids, ids, ones * 0, {"jobs": ones}, {"durations": cells})


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise _broken(otherwise)


def _broken(what: str) -> StoreMisconfigured:
    return StoreMisconfigured(
        f"this ClickHouse server cannot keep the numbers exact: {what}. See docs/exactly-once.md"
    )
