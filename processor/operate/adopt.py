"""`chronoverse-processor adopt`."""

from collections.abc import Sequence

import click

from processor.adoption import Adoption, adopt, plan_adoptions
from processor.operate.access import access
from processor.operate.entry import Refused
from processor.operate.output import print_table
from processor.settings import ProcessorSettings
from processor.topics import describe_topics

_COLUMNS = ("topic", "", "topic id", "cluster", "offsets counted", "lost", "records to be read")


def run_adopt(
    settings: ProcessorSettings, topics: Sequence[str], *, dry_run: bool, lose_uncounted: bool
) -> None:
    """Show, and unless `dry_run` do it. Raises Refused where records would be lost and nobody said so."""
    with access(settings) as to:
        stored, found = to.counted_lineages(), describe_topics(to.admin)
        if unknown := sorted(set(topics) - stored.keys()):
            raise Refused(f"no such topic is counted: {', '.join(unknown)}")
        adoptions = plan_adoptions(to.plain, to.ledger, to.admin, found)
        adoptions = [one for one in adoptions if not topics or one.known.name in topics]
        if not adoptions:
            click.echo("Nothing to adopt: every topic is the log that is counted.")
            return
        _show(adoptions)
        if dry_run:
            return
        _require_no_loss(adoptions, lose_uncounted=lose_uncounted)
        for one in adoptions:
            adopt(to.plain, to.ledger, one)
            click.echo(
                f"{one.known.name}: adopted. Start the processors again; they begin where its log begins."
            )


def _require_no_loss(adoptions: Sequence[Adoption], *, lose_uncounted: bool) -> None:
    losses = [f"{one.uncounted:,} records of {one.known.name}" for one in adoptions if one.uncounted]
    if losses and not lose_uncounted:
        raise Refused(
            f"{', '.join(losses)} were not counted when a processor last looked at the former log, and never would be. "
            "Let the processors finish with it if it still exists, or say --lose-uncounted"
        )


def _show(adoptions: Sequence[Adoption]) -> None:
    rows: list[tuple[object, ...]] = []
    for one in adoptions:
        before = one.known.topic_id, one.known.cluster_id, f"{one.counted:,}", f"{one.uncounted:,}", ""
        after = one.found.topic_id, one.found.cluster_id, "", f"{one.gone:,}", f"{one.to_read:,}"
        rows += [(one.known.name, "is counted", *before), (one.known.name, "is there", *after)]
    print_table("to adopt", _COLUMNS, rows)
    click.echo(
        "Of the records that will be read, events that were counted before under their EventKey, within the horizon, do "
        "not count again; those without an EventKey do."
    )
