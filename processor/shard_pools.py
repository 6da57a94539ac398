"""Connections to every shard, and on which of them the rows of a partition are."""

import threading
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple
from uuid import UUID

import structlog

from analytics.errors import LedgerBroken, Retryable, StoreMisconfigured
from analytics.store.checks import check_schema
from analytics.store.pool import Pool
from analytics.store.shards import HOME, Shard, read_identity, read_shards, settings_of
from processor.ledger import Ledger
from processor.model import Partition
from processor.placement import choose_shard, place, read_loads, read_places
from processor.selftest import prove_guards
from processor.settings import ProcessorSettings

_LEND_WITHIN_S: Final = 60.0

_log = structlog.get_logger(__name__)


class Pools(NamedTuple):
    """Connections to one shard."""

    plain: Pool
    columns: Pool

    @property
    def ledger(self) -> Ledger:
        """The checkpoints that are there."""
        return Ledger(self.plain, self.columns)

    def close(self) -> None:
        """Close them."""
        self.plain.close()
        self.columns.close()


Connect = Callable[[ProcessorSettings], Pools]


class ShardPools:
    """For any thread. While the home shard lists no others, all is there, and nothing is asked but where new ones go."""

    def __init__(self, settings: ProcessorSettings, home: Pools, connect: Connect) -> None:
        self._settings, self.home, self._connect = settings, home, connect
        self._opened = {HOME: home}
        self._places: dict[UUID, int] = {}  # they never change
        self._lock = threading.Lock()

    def places(self, ids: Sequence[UUID]) -> dict[UUID, int]:
        """Return the shard of each partition. One that nobody has placed was begun on the home shard, or never."""
        unknown = [id_ for id_ in ids if id_ not in self._places]
        self._places |= read_places(self.home.plain, unknown)
        return {id_: self._places.get(id_, HOME) for id_ in ids}

    def of(self, partition_id: UUID) -> Pools:
        """Return the connections to the shard of a partition. Raises Retryable, and Stop."""
        return self.on(self.places([partition_id])[partition_id])

    def on(self, number: int) -> Pools:
        """Return the connections to a shard, which is proved before the first use. Raises Retryable, and Stop."""
        if (opened := self._opened.get(number)) is not None:
            return opened
        with self._lock:
            if number not in self._opened:
                self._opened[number] = self._open(number)
            return self._opened[number]

    def every(self) -> dict[int, Pools]:
        """Return the connections to all shards, by number. Raises Retryable, and Stop."""
        return {number: self.on(number) for number in self.numbers()}

    def numbers(self) -> list[int]:
        """Return the numbers of all shards."""
        return [one.number for one in self.shards()] or [HOME]

    def shards(self) -> list[Shard]:
        """Return what the home shard lists; nothing where it is the only one."""
        with self.home.plain.lend(_LEND_WITHIN_S) as connection:
            return read_shards(connection)

    def place(self, partition: Partition) -> Pools:
        """Decide, or learn, where a partition is that is about to begin. Raises Retryable, and Stop.

        Whoever holds a checkpoint of it has it: all shards are asked, so that a list of places that was restored from an
        older backup puts nothing in a second place.
        """
        number = self._places.get(partition.id)
        if number is None:
            number = place(self.home.plain, partition, self._decide(partition))
            self._places[partition.id] = number
            _log.info("partition_placed", partition=str(partition), shard=number)
        pools = self.on(number)
        if number != HOME:
            self._require_identity(self._shard(number), pools)  # an empty server must not begin anew
        return pools

    def close(self) -> None:
        """Close all connections."""
        for pools in self._opened.values():
            pools.close()

    def _decide(self, partition: Partition) -> int:
        shards = self.shards()
        if not shards:
            return HOME
        numbers = [one.number for one in shards]
        holders = [number for number in numbers if self.on(number).ledger.checkpoint(partition) is not None]
        if len(holders) > 1:
            raise LedgerBroken(f"{partition} has checkpoints on shards {holders}: see `audit`")
        return holders[0] if holders else self._choice(shards, partition)

    def _choice(self, shards: Sequence[Shard], partition: Partition) -> int:
        with self.home.plain.lend(_LEND_WITHIN_S) as connection:
            loads = read_loads(connection)
        number = choose_shard(shards, loads, partition)
        if number is None:
            raise NoShardIsOpen(
                f"{partition} was never begun, and no shard takes new partitions: open one, or add one "
                "(`chronoverse-processor shards --help`)"
            )
        return number

    def _open(self, number: int) -> Pools:
        shard = self._shard(number)
        pools = self._connect(settings_of(self._settings, shard))
        try:
            self._require_identity(shard, pools)
            prove_shard(pools, self._settings)
        except BaseException:
            pools.close()
            raise
        return pools

    def _shard(self, number: int) -> Shard:
        for one in self.shards():
            if one.number == number:
                return one
        raise StoreMisconfigured(
            f"shard {number} is not in table shards, but partitions are there: restore it"
        )

    def _require_identity(self, shard: Shard, pools: Pools) -> None:
        with pools.plain.lend(_LEND_WITHIN_S) as connection:
            identity = read_identity(connection)
        if identity is None or identity.shard_id != shard.shard_id:
            raise StoreMisconfigured(
                f"the server at {shard.address} is not shard {shard.number}: "
                f"{'it is empty' if identity is None else 'it is another one'}. Restore its database from a backup, or mend "
                "the address"
            )


class NoShardIsOpen(Retryable):
    """A partition that was never begun has no place to go to."""


def prove_shard(pools: Pools, settings: ProcessorSettings) -> None:
    """Check what exactly-once rests on. Raises Retryable, and StoreMisconfigured."""
    with pools.plain.lend(_LEND_WITHIN_S) as connection:
        check_schema(connection, min_deduplication_window=settings.processor_min_deduplication_window)
    prove_guards(pools.plain, pools.columns)
