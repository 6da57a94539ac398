"""`chronoverse-processor rebuild`: counts the log anew; what comes after that is in `operate.switch`."""

import signal
import sys
import threading

import click

from analytics.store.pool import Connection
from processor.operate.access import TIMEOUT_S, access
from processor.operate.entry import Refused
from processor.operate.goal import Goal
from processor.operate.output import print_table, progress_bar
from processor.operate.switch import require_not_switched
from processor.process import STRANDED
from processor.rebuilding import (
    Checkpoints,
    Distance,
    Watch,
    distance,
    obstacles,
    prepare,
    reached,
    rebuild_settings,
)
from processor.settings import ProcessorSettings


def run_rebuild(settings: ProcessorSettings, *, dry_run: bool) -> None:
    """Count the whole log into a second database until it is where the live one is. Raises Refused, and Stop."""
    with access(settings) as reach:
        reach.require_one_server("rebuild")
        goal = Goal(reach)
        with reach.plain.lend(TIMEOUT_S) as connection:
            require_not_switched(connection, settings)
            logs = goal.logs()
            _require_whole(obstacles(goal.lineages, logs, connection))
            wanted = goal.wanted(connection)
        _show(settings, goal, wanted)
        if dry_run:
            return
        rebuilt = prepare(settings)
        if distance(wanted, _rebuilt_so_far(rebuilt, goal)).missing:
            _count(rebuilt, settings, goal, wanted)
    click.echo(
        f"Database {rebuilt.clickhouse_database} is where {settings.clickhouse_database} is. Stop the processors, run this "
        "command once more for what they have counted meanwhile, then `chronoverse-processor rebuild --switch`."
    )


def _require_whole(problems: list[str]) -> None:
    if problems:
        raise Refused(
            "Kafka does not have all that was counted, so a rebuild would lose it:\n  "
            + "\n  ".join(problems)
        )


def _rebuilt_so_far(rebuilt: ProcessorSettings, goal: Goal) -> Checkpoints:
    """Return how far it is counted anew. Raises Refused when that is where the log does not begin any more."""
    connection = Connection(rebuilt, timeout_s=TIMEOUT_S)
    try:
        at = reached(connection)
    finally:
        connection.close()
    lost = [one for place, one in goal.partitions.items() if at.get(one.id, 0) < goal.logs()[place].low]
    if lost:
        raise Refused(f"Kafka deleted records of {lost[0]} before they were counted anew")
    return at


def _count(rebuilt: ProcessorSettings, settings: ProcessorSettings, goal: Goal, wanted: Checkpoints) -> None:
    """Run the ordinary pipeline until it is where the live database is. Exits with 1 after a signal."""
    from processor.run import Processor

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with progress_bar("rebuild", sum(wanted.values())) as advance:

        def note(far: Distance) -> None:
            advance(far.done, f"{far.missing} partitions to go" if far.missing else "done")

        watch = Watch(settings, goal.wanted, stop, note)
        processor = Processor(rebuilt)
        processor.prepare()
        watch.start()
        try:
            is_stranded = processor.run(stop)
        finally:
            watch.stop()
    if not watch.has_arrived:
        why = STRANDED if is_stranded else "stopped"
        click.echo(f"{why}: the same command goes on from here", err=True)
        sys.exit(1)


def _show(settings: ProcessorSettings, goal: Goal, wanted: Checkpoints) -> None:
    rebuilt = rebuild_settings(settings)
    rows = [(str(one), f"{wanted.get(one.id, 0):,}") for one in goal.partitions.values()]
    print_table("to be counted anew", ("partition", "offsets"), rows)
    click.echo(
        f"into database {rebuilt.clickhouse_database}, as consumer group {rebuilt.kafka_consumer_group}; "
        f"{distance(wanted, {}).total:,} offsets in all. Database {settings.clickhouse_database} is not touched, and may "
        "be counted into meanwhile. Malformed records are parked once more (`dead-letters list` folds them)."
    )
