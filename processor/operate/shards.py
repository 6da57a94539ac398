"""`chronoverse-processor shards`."""

from collections import Counter

import click

from analytics.store.shards import HOME, Shard
from processor.operate.access import TIMEOUT_S, Access, access, connect
from processor.operate.adding_shard import STEPS, AddingShard, Candidate, change_shard
from processor.operate.entry import Refused
from processor.operate.output import print_json, print_table, progress_bar
from processor.placement import read_loads
from processor.settings import ProcessorSettings


def run_list(settings: ProcessorSettings, *, as_json: bool) -> None:
    """Print the shards, and how many partitions are on each."""
    with access(settings) as to:
        to.lineages()
        shards = to.shards.shards()
        with to.plain.lend(TIMEOUT_S) as connection:
            loads = read_loads(connection)
    partitions: Counter[int] = Counter()
    for one in loads:
        partitions[one.shard] += one.partitions
    if as_json:
        print_json([
            {"number": one.number, "address": one.address, "state": _state(one), "partitions": partitions[one.number]}
            for one in shards
        ])  # fmt: skip
        return
    if not shards:
        click.echo("There is one ClickHouse server. Add another one with `chronoverse-processor shards add`.")
        return
    rows = [(one.number, one.address, _state(one), partitions[one.number]) for one in shards]
    print_table("shards", ("shard", "address", "state", "partitions"), rows)


def run_add(settings: ProcessorSettings, address: str, *, dry_run: bool) -> None:
    """Add a server, or say what would be done. Raises Refused, NotAddable, StoreMisconfigured, and Retryable."""
    with access(settings) as to:
        to.lineages()
        _require_no_import(to)
        adding = AddingShard(settings, address, to.shards.home, connect)
        found = adding.look()
        _show(found)
        if dry_run:
            return
        with progress_bar("shards add", len(STEPS)) as advance:
            shard = adding.add(lambda step: advance(STEPS.index(step), step))
    click.echo(
        f"{address} is shard {shard.number}. It takes partitions that were never begun, half a minute after it was listed; "
        "those that are counted stay where they are."
    )


def run_set_open(settings: ProcessorSettings, number: int, *, is_open: bool, dry_run: bool) -> None:
    """Let a shard take new partitions, or none any more. Raises Refused."""
    with access(settings) as to:
        to.lineages()
        shards = {one.number: one for one in to.shards.shards()}
        if number not in shards:
            raise Refused(f"there is no shard {number}: see `chronoverse-processor shards list`")
        changed = shards[number]._replace(is_open=is_open)
        if not dry_run:
            with to.plain.lend(TIMEOUT_S) as connection:
                change_shard(connection, changed)
        others = [one for one in (*shards.values(), changed) if one.is_open and one.number != number]
    verb = "would take" if dry_run else "takes"
    click.echo(f"Shard {number} {verb}{'' if is_open else ' no'} partitions that were never begun.")
    if not is_open and not others:
        click.echo("No shard is open now: partitions that are added to topics wait until one is.", err=True)


def _state(shard: Shard) -> str:
    if not shard.is_open:
        return "closed"
    return "open" if shard.is_ready else "opens soon"


def _show(found: Candidate) -> None:
    if found.shard is not None:
        state = f"is shard {found.shard.number} already, known at {found.shard.address}"
    elif found.identity is not None:
        state = "was prepared by an earlier run"
    else:
        state = "is empty"
    rows = [("the server", state), ("migrations to be applied", ", ".join(found.missing) or "none")]
    print_table(f"to become a shard: {found.address}", ("", ""), rows)


def _require_no_import(to: Access) -> None:
    from processor.importing.spool import read_import

    with to.plain.lend(TIMEOUT_S) as connection:
        imported = read_import(connection)
    if imported is None:
        return
    at = to.shards.on(HOME).ledger.checkpoint(imported.partition)
    if at is None or at.next_offset < imported.barrier:
        raise Refused("an import is under way: finish it first (`chronoverse-processor import`)")
