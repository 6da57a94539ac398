"""`chronoverse-processor status`."""

import sys
import time
from typing import NamedTuple
from uuid import UUID

import click

from analytics import exit_codes
from analytics.errors import LogMismatch, Retryable
from analytics.store.pool import StatementFailed
from analytics.store.shards import HOME
from processor.audit.auditor import open_stored
from processor.audit.ledger_rows import LedgerRows, Progress, read_ledger, read_progress
from processor.audit.log_range import LogRange, log_ranges
from processor.lineage_table import Lineage, read_lineages
from processor.operate.access import TIMEOUT_S, Access, access
from processor.operate.output import as_age, as_time, print_json, print_table
from processor.settings import ProcessorSettings
from processor.source import Place
from processor.status import NEEDS_A_PERSON, Facts, PartitionStatus, Store, read_store, statuses
from processor.topics import Topic, describe_topics


class _Stored(NamedTuple):
    """What ClickHouse knows. `stores` by number of the shard, `shards` by partition, where there are several."""

    stores: dict[int, Store]
    shards: dict[Place, int]
    lineages: dict[str, Lineage]
    ledger: LedgerRows
    progress: dict[UUID, Progress]


def run_status(settings: ProcessorSettings, *, as_json: bool) -> None:
    """Print where everything is. Exits with 65 when a partition needs a person, with 1 when something is away."""
    with access(settings) as to:
        away: list[str] = []
        stored = _stored(to, away)
        found, ranges = _logs(to, stored, away)
    facts = Facts(
        stored.lineages if stored else {},
        stored.ledger if stored else None,
        stored.progress if stored else {},
        found,
        ranges,
    )
    now_ms = time.time_ns() // 1_000_000
    partitions = statuses(facts, now_ms)
    print_it = _print_json if as_json else _print
    print_it(partitions, stored, away, now_ms)
    if any(one.state in NEEDS_A_PERSON for one in partitions):
        sys.exit(exit_codes.STOP)
    if away:
        sys.exit(1)


def _stored(to: Access, away: list[str]) -> _Stored | None:
    """Return what ClickHouse knows; None when it is away, or has no such database."""
    try:
        lineages = read_lineages(to.plain)
        with open_stored(to.settings, timeout_s=TIMEOUT_S) as connections:
            progress = read_progress(connections.whole)
            stores = {number: read_store(one) for number, one in connections.shards.items()}
            shards = _shards(to, lineages) if len(stores) > 1 else {}
            return _Stored(stores, shards, lineages, read_ledger(connections.whole), progress)
    except (Retryable, StatementFailed) as error:
        away.append(f"ClickHouse: {error}")
        return None


def _shards(to: Access, lineages: dict[str, Lineage]) -> dict[Place, int]:
    partitions = [one for lineage in lineages.values() for one in lineage.all_partitions()]
    places = to.shards.places([one.id for one in partitions])
    return {(one.topic, one.number): places[one.id] for one in partitions}


def _logs(
    to: Access, stored: _Stored | None, away: list[str]
) -> tuple[dict[str, Topic], dict[Place, LogRange] | None]:
    """Return the topics and what their logs hold; none when Kafka is away."""
    try:
        found = describe_topics(to.admin)
        counted = {(one.name, number): 0 for one in found.values() for number in range(one.partitions)}
        counted |= {
            place: offset for place, offset in _checkpoints(stored, found).items() if place in counted
        }
        return found, log_ranges(to.admin, to.settings, counted)
    except (Retryable, LogMismatch) as error:
        away.append(f"Kafka: {error}")
        return {}, None


def _checkpoints(stored: _Stored | None, found: dict[str, Topic]) -> dict[Place, int]:
    """Return how far the very logs that the broker has are counted."""
    if stored is None:
        return {}
    same = [one for one in stored.lineages.values() if one.topic_id == found[one.name].topic_id]
    partitions = [partition for one in same for partition in one.all_partitions()]
    rows = stored.ledger.checkpoints
    return {(one.topic, one.number): rows[one.id].reached for one in partitions if one.id in rows}


def _print(partitions: list[PartitionStatus], stored: _Stored | None, away: list[str], now_ms: int) -> None:
    for what in away:
        click.echo(f"Away: {what}")
    columns = ["topic", "partition", "state", "next", "low", "end", "lag", "counted up to", "reported"]
    rows = [_cells(one, now_ms) for one in partitions]
    shards = stored.shards if stored else {}
    if shards:
        columns.append("shard")
        rows = [
            [*row, str(shards.get((one.topic, one.partition), "?"))]
            for row, one in zip(rows, partitions, strict=True)
        ]
    print_table("partitions", columns, rows)
    for number, store in (stored.stores if stored else {}).items():
        _print_store(store, f" of shard {number}" if shards else "")


def _print_store(store: Store, of_which: str) -> None:
    sizes = [
        (one.table, f"{one.parts:,}", f"{one.rows:,}", f"{one.bytes_on_disk / 1e6:,.1f} MB")
        for one in store.tables
    ]
    print_table(f"tables{of_which}", ("table", "parts", "rows", "on disk"), sizes)
    click.echo(f"schema {store.schema_version}; table analytics remembers {store.tokens:,} tokens of inserts")


def _cells(one: PartitionStatus, now_ms: int) -> list[str]:
    numbers = (
        "?" if number is None else f"{number:,}" for number in (one.next_offset, one.low, one.end, one.lag)
    )
    as_of = (
        "?"
        if one.as_of_ms is None
        else f"{as_time(one.as_of_ms)} ({as_age((now_ms - one.as_of_ms) / 1000)} ago)"
    )
    reported = "never" if one.reported_ms is None else f"{as_age((now_ms - one.reported_ms) / 1000)} ago"
    return [one.topic, str(one.partition), one.state or "?", *numbers, as_of, reported]


def _print_json(partitions: list[PartitionStatus], stored: _Stored | None, away: list[str], _: int) -> None:
    shards = stored.shards if stored else {}
    stores = stored.stores if stored else {}
    print_json({
        "partitions": [
            one._asdict() | ({"shard": shards.get((one.topic, one.partition))} if shards else {}) for one in partitions
        ],
        "store": _as_dict(stores[HOME]) if stores else None,
        **({"stores": {str(number): _as_dict(one) for number, one in stores.items()}} if shards else {}),
        "away": away,
    })  # fmt: skip


def _as_dict(store: Store) -> dict[str, object]:
    return {
        "schema_version": store.schema_version,
        "tokens": store.tokens,
        "tables": [one._asdict() for one in store.tables],
    }
