"""A fence: nothing that any processor has prepared until now can be applied any more, however long it was stuck.

Freezing raises the generation on the checkpoints of a topic, which every guarded insert demands. While the lineage
does not know that generation, processors wait. Releasing stores it: with as many partitions, and what they inherit
stays the same, for no keys have moved. Who dies in between leaves partitions that wait: after PROCESSOR_GROWTH_GRACE
processors store the generation by themselves.
"""

from contextlib import suppress

from analytics.errors import LedgerBroken
from analytics.store.pool import Pool
from processor.checkpoints import CheckpointLedger
from processor.lineage_table import Lineage, store_generation
from processor.model import Partition


def freeze(ledger: CheckpointLedger, lineage: Lineage) -> None:
    """Freeze all partitions of a topic that were begun. Harmless to do again. Raises Retryable.

    One whose checkpoint contradicts itself is left alone: no processor opens it.
    """
    for partition in lineage.all_partitions():
        with suppress(LedgerBroken):
            ledger.raise_generation(partition, lineage.generation + 1)


def release(pool: Pool, lineage: Lineage) -> None:
    """Let processors go on with a topic that was frozen; `lineage` is the one from before. Harmless to do again."""
    last = lineage.generations[-1]
    store_generation(pool, lineage.grown(last.partitions, last.inherited))


def is_frozen(ledger: CheckpointLedger, lineage: Lineage) -> bool:
    """Whether a topic was frozen and is not released."""
    return any(_generation(ledger, one) > lineage.generation for one in lineage.all_partitions())


def _generation(ledger: CheckpointLedger, partition: Partition) -> int:
    """Return the generation of a partition; 0 where it is not known."""
    with suppress(LedgerBroken):
        if (at := ledger.checkpoint(partition)) is not None:
            return at.generation
    return 0
