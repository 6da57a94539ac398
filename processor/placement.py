"""Table `partition_shards`: which shard the rows of a partition are on. Written once, never recomputed.

A partition that moved would leave its checkpoint behind, and be counted again from the beginning of its log. So the
first one who stores a row decides it, by a token made of the partition alone, and everybody reads it back.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Final, NamedTuple
from uuid import UUID

from analytics.errors import LedgerBroken
from analytics.store.pool import Connection, Pool
from analytics.store.shards import Shard
from processor.model import Partition

_LEND_WITHIN_S: Final = 60.0

_SELECT = """
SELECT partition_id, groupUniqArray(shard) FROM partition_shards WHERE partition_id IN %(ids)s GROUP BY partition_id
"""
_COUNTS = "SELECT shard, topic, count() FROM partition_shards GROUP BY shard, topic"
_SELECT_ALL = "SELECT DISTINCT topic, partition, partition_id FROM partition_shards"
_INSERT = "INSERT INTO partition_shards (partition_id, topic, partition, shard, placed_at) VALUES"


class Load(NamedTuple):
    """How many partitions of a topic are on a shard."""

    shard: int
    topic: str
    partitions: int


def choose_shard(shards: Iterable[Shard], loads: Collection[Load], partition: Partition) -> int | None:
    """Return the shard for a partition that was never begun; None when none is open. Pure.

    It is the one with the fewest partitions of that topic, for those have alike many records. Among equals the number of
    the partition decides: many are begun at the same time, and each processor sees none of the others' yet.
    """
    open_ = sorted(one.number for one in shards if one.is_open and one.is_ready)

    def load(at: int) -> tuple[int, int]:
        of_topic = (one for one in loads if (one.shard, one.topic) == (open_[at], partition.topic))
        return sum(one.partitions for one in of_topic), (at - partition.number) % len(open_)

    return open_[min(range(len(open_)), key=load)] if open_ else None


def read_loads(connection: Connection) -> list[Load]:
    """Return how partitions are spread over shards."""
    return [Load(*row) for row in connection.query(_COUNTS)]


def read_places(pool: Pool, ids: Sequence[UUID]) -> dict[UUID, int]:
    """Return the shards of partitions; one that was not placed is missing. Raises LedgerBroken."""
    if not ids:
        return {}
    with pool.lend(_LEND_WITHIN_S) as connection:
        rows = connection.query(_SELECT, {"ids": tuple(ids)})
    for id_, numbers in rows:
        if len(numbers) > 1:
            raise LedgerBroken(
                f"partition {id_} is on several shards ({', '.join(map(str, sorted(numbers)))}) by table partition_shards: "
                "somebody else wrote there. Restore a backup"
            )
    return {id_: number for id_, (number,) in rows}


def place(pool: Pool, partition: Partition, shard: int) -> int:
    """Store where a partition is, unless somebody has: return where that is. Raises Retryable: then again is right."""
    row = (partition.id, partition.topic, partition.number, shard, datetime.now(UTC))
    for ghosts in count():  # as in `Ledger.begin`: a token may be left behind without its row
        token = f"{partition.id}#{ghosts}"
        settings = {"async_insert": 0, "deduplicate_insert": "enable", "insert_deduplication_token": token}
        with pool.lend(_LEND_WITHIN_S) as connection:
            connection.insert(_INSERT, [[value] for value in row], settings=settings)
        found = read_places(pool, [partition.id]).get(partition.id)
        if found is not None:
            return found
    raise AssertionError("unreachable")


def place_again(pool: Pool) -> None:
    """Store all places once more: in a restored table, which remembers no tokens. For a table that nobody else writes.

    Raises LedgerBroken.
    """
    with pool.lend(_LEND_WITHIN_S) as connection:
        placed = [Partition(*row) for row in connection.query(_SELECT_ALL)]
    places = read_places(pool, [one.id for one in placed])
    with pool.lend(_LEND_WITHIN_S) as connection:
        connection.query("TRUNCATE TABLE partition_shards SYNC")
    for one in placed:
        place(pool, one, places[one.id])
