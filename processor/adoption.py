"""Going on with another log: a topic that was created anew, or moved to another cluster.

The partitions of the former log are frozen, so that no processor can count any more of it, and become evidence for
all records of the new one: an event that came before under its EventKey is not counted again. The new log is then
counted from where it begins.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from confluent_kafka.admin import AdminClient

from analytics.errors import LogMismatch
from analytics.store.pool import Pool
from processor.checkpoints import CheckpointLedger
from processor.lineage import Generation, Inherited
from processor.lineage_table import Lineage, read_lineages, require_same, store_generation
from processor.topics import Topic, end_offsets, low_watermark

_LEND_WITHIN_S: Final = 60.0

_UNCOUNTED = """
SELECT sum(greatest(end_offset - next_offset, 0))
FROM (SELECT argMax(end_offset, updated_at) AS end_offset, argMax(next_offset, updated_at) AS next_offset
      FROM progress WHERE topic = %(topic)s GROUP BY partition)
"""
_FORGET_PROGRESS = "DELETE FROM progress WHERE topic = %(topic)s SETTINGS lightweight_deletes_sync = 2"


class Adoption(NamedTuple):
    """What it means to go on with the log that a topic has now.

    `uncounted`: records of the former log that were not counted when a processor last looked; they are lost.
    `gone`: records that the new log does not hold any more. `to_read`: those that it holds.
    """

    known: Lineage
    found: Topic
    counted: int
    uncounted: int
    gone: int
    to_read: int


def plan_adoptions(
    pool: Pool, ledger: CheckpointLedger, admin: AdminClient, found: Mapping[str, Topic]
) -> list[Adoption]:
    """Return what there is to adopt: topics that are not the logs that are counted."""
    stored = read_lineages(pool)
    others = [topic for name, topic in found.items() if name in stored and not _is_same(stored[name], topic)]
    return [_plan(pool, ledger, admin, stored[topic.name], topic) for topic in others]


def adopt(pool: Pool, ledger: CheckpointLedger, adoption: Adoption) -> Lineage:
    """Go on with another log; harmless to do again. Raises Retryable: then again is right."""
    known, found = adoption.known, adoption.found
    before = list(known.generations[0].inherited)
    for partition in known.all_partitions():
        at = ledger.raise_generation(partition, known.generation + 1)
        if at is not None:
            before.append(Inherited(partition.id, at.next_offset, at.next_offset))
    with pool.lend(_LEND_WITHIN_S) as connection:
        connection.query(_FORGET_PROGRESS, {"topic": known.name})
    generation = Generation(found.partitions, tuple(before))
    adopted = Lineage(known.name, found.cluster_id, found.topic_id, known.epoch + 1, (generation,))
    store_generation(pool, adopted)
    return read_lineages(pool)[known.name]


def _is_same(known: Lineage, found: Topic) -> bool:
    try:
        require_same(known, found)
    except LogMismatch:
        return False
    return True


def _plan(pool: Pool, ledger: CheckpointLedger, admin: AdminClient, known: Lineage, found: Topic) -> Adoption:
    checkpoints = ledger.checkpoints([one.id for one in known.all_partitions()])
    with pool.lend(_LEND_WITHIN_S) as connection:
        ((uncounted,),) = connection.query(_UNCOUNTED, {"topic": known.name})
    numbers = range(found.partitions)
    low = sum(low_watermark(admin, found.name, number) for number in numbers)
    end = sum(end_offsets(admin, [(found.name, number) for number in numbers]).values())
    counted = sum(one.next_offset for one in checkpoints.values())
    return Adoption(known, found, counted, uncounted, low, end - low)
