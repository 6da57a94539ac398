"""`chronoverse-processor skip`."""

import time
from typing import Final, NamedTuple

import click

from processor.audit.ledger_rows import read_progress
from processor.audit.log_range import LogRange, log_ranges
from processor.gaps import Gap, read_gaps
from processor.lineage_table import Lineage, require_same
from processor.model import Checkpoint, Partition
from processor.operate.access import TIMEOUT_S, Access, access
from processor.operate.entry import Refused
from processor.operate.output import print_table, progress_bar
from processor.settings import ProcessorSettings
from processor.skipping import STEPS, Skip, Skipping
from processor.topics import describe_topics, leader_epoch

_RECENT_MS: Final = 10_000
_WATCH_S: Final = 6.0  # a batch that failed is tried again after 5 s at the latest
_LOST: Final = "Kafka deleted them before they were counted"
_GIVEN_UP: Final = "given up with --lose-records"


class Where(NamedTuple):
    """A partition that is counted, and what its log holds."""

    lineage: Lineage
    partition: Partition
    at: Checkpoint
    log: LogRange


def run_skip(
    settings: ProcessorSettings, topic: str, number: int, *, to: int | None, lose_records: bool, dry_run: bool
) -> None:
    """Skip, or say what would be skipped. Raises Refused where records would be lost, or nothing is to be done."""
    with access(settings) as reach, progress_bar("skip", STEPS) as advance:
        told: list[str] = []

        def note(step: str) -> None:
            advance(len(told), step)
            told.append(step)

        where = _look(reach, topic, number)
        rows = reach.shards.of(where.partition.id).plain
        skipping = Skipping(reach.plain, rows, reach.ledger, note)
        if not dry_run and _finished_former(reach, where, skipping) and to is None:
            return
        target = where.log.low if to is None else to
        _require_sense(where, target, is_explicit=to is not None, lose_records=lose_records)
        _show(where, target, skipping)
        if dry_run:
            return
        _require_nobody_counts(reach, where)
        reason = _LOST if target <= where.log.low else _GIVEN_UP
        skipping.skip(
            Skip(
                where.lineage,
                where.partition,
                where.at,
                target,
                leader_epoch(reach.admin, topic, number),
                reason,
            )
        )
    click.echo(
        f"{where.partition} goes on at offset {target}. Start the processors again that had halted it."
    )


def _look(reach: Access, topic: str, number: int) -> Where:
    """Return where the partition is. Raises Refused where that makes no sense, and LogMismatch."""
    lineages, found = reach.counted_lineages(), describe_topics(reach.admin)
    lineage = lineages.get(topic)
    if lineage is None or not 0 <= number < lineage.partitions:
        raise Refused(f"{topic}/{number} is not counted: see `chronoverse-processor status`")
    require_same(lineage, found[topic])
    if found[topic].partitions != lineage.partitions:
        raise Refused(f"topic {topic} has grown: let the processors take note of that first, then skip")
    partition = lineage.partition(number)
    at = reach.ledger.checkpoint(partition)
    if at is None:
        raise Refused(
            f"{partition} was never begun: it begins where its log begins, there is nothing to skip"
        )
    place = topic, number
    return Where(
        lineage, partition, at, log_ranges(reach.admin, reach.settings, {place: at.next_offset})[place]
    )


def _finished_former(reach: Access, where: Where, skipping: Skipping) -> bool:
    """Finish what an earlier run began, and remove what was written into gaps later; return whether it had begun."""
    with reach.plain.lend(TIMEOUT_S) as connection:
        gaps = [gap for gap in read_gaps(connection) if gap.partition == where.partition]
    moved = [gap for gap in gaps if _has_moved(gap, where)]
    for gap in moved:
        skipping.finish(where.lineage, gap)
        click.echo(
            f"{gap.partition}: an earlier run had moved the checkpoint to {gap.end}; the rest is done now."
        )
    for gap in gaps:
        if gap.is_done and (rows := skipping.rows_from(gap.partition, gap.first, gap.end)):
            skipping.remove(gap.partition, gap.first, gap.end)
            click.echo(
                f"{gap.partition}: {rows:,} index rows were removed from the gap from {gap.first} to {gap.end - 1}."
            )
    return bool(moved)


def _has_moved(gap: Gap, where: Where) -> bool:
    """Whether it was us who moved the checkpoint there: while a partition is frozen nobody else does."""
    return gap.end == where.at.next_offset and where.at.generation != where.lineage.generation


def _require_sense(where: Where, target: int, *, is_explicit: bool, lose_records: bool) -> None:
    partition, at, log = where.partition, where.at.next_offset, where.log
    if at > log.end:
        raise Refused(
            f"{partition} is counted up to {at}, but its log ends at {log.end}: it was cut, and what is written there from "
            "now on is not what was counted. Create the topic anew, then see `chronoverse-processor adopt --help`"
        )
    if not is_explicit and at >= log.low:
        raise Refused(
            f"the log of {partition} still holds {at}, the next offset to count: nothing is lost, and nothing is to be "
            "skipped"
        )
    if not log.low <= target <= log.end or target <= at:
        lowest = max(log.low, at + 1)
        raise Refused(
            f"--to {target} makes no sense for {partition}: say an offset from {lowest} to {log.end}"
        )
    uncounted = target - max(at, log.low)
    if uncounted > 0 and not lose_records:
        raise Refused(
            f"up to {uncounted:,} records of {partition} that its log still holds, from offset {max(at, log.low)} on, would "
            "never be counted. If that is what you want, say --lose-records"
        )


def _require_nobody_counts(reach: Access, where: Where) -> None:
    """Raise Refused when a processor applies this partition: nothing may be given up that is being counted."""
    before = _reported_ms(reach, where)
    if time.time_ns() // 1_000_000 - before > _RECENT_MS:
        return
    click.echo(f"a processor ran a moment ago: watching {where.partition} for {_WATCH_S:.0f} s", err=True)
    time.sleep(_WATCH_S)
    if where.at.next_offset >= where.log.low and _reported_ms(reach, where) != before:
        raise Refused(f"a processor reads {where.partition}: stop the processors, then skip")
    if reach.ledger.checkpoint(where.partition) != where.at:
        raise Refused(
            f"a processor still counts records of {where.partition} that it has fetched before: try again later"
        )


def _reported_ms(reach: Access, where: Where) -> int:
    """Return when a processor reported the partition last."""
    with reach.plain.lend(TIMEOUT_S) as connection:
        progress = read_progress(connection).get(where.partition.id)
    return 0 if progress is None else progress.updated_ms


def _show(where: Where, target: int, skipping: Skipping) -> None:
    at, low = where.at.next_offset, where.log.low
    lost = max(0, min(target, low) - at)
    rows = [
        ("counted up to", f"{at:,}"),
        ("the log holds", f"{low:,} to {where.log.end:,}"),
        ("goes on at", f"{target:,}"),
        ("offsets that the log has lost", f"{lost:,}"),
        ("offsets that are given up", f"{target - at - lost:,}"),
        ("index rows to be removed", f"{skipping.rows_from(where.partition, at):,}"),
    ]
    print_table(f"skip {where.partition}", ("", ""), rows)
