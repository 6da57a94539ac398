"""A fence: nothing that any processor has prepared until now can be applied any more, however long it was stuck.

Freezing raises the generation on the checkpoints of a topic, which every guarded insert demands. While the lineage
does not know that generation, processors wait. Releasing stores it: with as many partitions, and what they inherit
stays the same, for no keys have moved. Who dies in between leaves partitions that wait: after PROCESSOR_GROWTH_GRACE
processors store the generation by themselves.
"""

from analytics.errors import LedgerBroken
from analytics.store.pool import Pool
from processor.ledger import CheckpointMoved, Ledger
from processor.lineage_table import Lineage, store_generation
from processor.model import Checkpoint, Partition


def freeze(ledger: Ledger, lineage: Lineage) -> None:
    """Freeze all partitions of a topic that were begun. Harmless to do again. Raises Retryable.

    One whose checkpoint contradicts itself is left alone: no processor opens it.
    """
    for partition in lineage.all_partitions():
        raise_generation(ledger, partition, lineage.generation + 1)


def raise_generation(ledger: Ledger, partition: Partition, generation: int) -> None:
    """Raise the generation of a partition, if it was begun, until it is at least so high."""
    while (at := _checkpoint(ledger, partition)) is not None and at.generation < generation:
        try:
            ledger.freeze(partition, at)
        except CheckpointMoved:
            continue


def release(pool: Pool, lineage: Lineage) -> None:
    """Let processors go on with a topic that was frozen; `lineage` is the one from before. Harmless to do again."""
    last = lineage.generations[-1]
    store_generation(pool, lineage.grown(last.partitions, last.inherited))


def is_frozen(ledger: Ledger, lineage: Lineage) -> bool:
    """Whether a topic was frozen and is not released."""
    found = (_checkpoint(ledger, one) for one in lineage.all_partitions())
    return any(one is not None and one.generation > lineage.generation for one in found)


def _checkpoint(ledger: Ledger, partition: Partition) -> Checkpoint | None:
    try:
        return ledger.checkpoint(partition)
    except LedgerBroken:
        return None
