"""Where a played record goes: its `partition_key` chooses the partition also when the record has no key."""

from functools import lru_cache

from processor import partitioner


@lru_cache(maxsize=100_000)
def partition_of(key: str, partitions: int) -> int:
    """Return the partition that Kafka's Java and Go clients choose for a record with this key."""
    return partitioner.partition_of(key.encode(), partitions)
