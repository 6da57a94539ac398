"""The stores of every shard, as batches need them."""

from dataclasses import replace
from uuid import UUID

from processor.apply import Stores
from processor.shard_pools import Pools, ShardPools


class ShardStores:
    """Tells each partition its own. `like`: stores of the home shard; those of others differ by their connections."""

    def __init__(self, shards: ShardPools, like: Stores) -> None:
        self._shards, self._like = shards, like
        self._known: dict[Pools, Stores] = {}

    def of(self, partition_id: UUID) -> Stores:
        """See StoresOf."""
        pools = self._shards.of(partition_id)
        if pools not in self._known:
            self._known[pools] = replace(
                self._like, plain=pools.plain, columns=pools.columns, ledger=pools.ledger
            )
        return self._known[pools]
