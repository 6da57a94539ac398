"""Index rows where nothing was counted: in the gaps that `chronoverse-processor skip` left behind."""

from collections.abc import Mapping
from typing import Final

from analytics.store.pool import Connection
from processor.audit.finding import Finding, Harm
from processor.gaps import Gap, read_gaps

_INSIDE = """
SELECT (SELECT count() FROM event_keys
        WHERE partition_id = %(id)s AND record_offset >= %(first)s AND record_offset < %(end)s)
     + (SELECT count() FROM log_runs
        WHERE partition_id = %(id)s AND last_offset >= %(first)s AND last_offset < %(end)s)
"""
_AGAIN: Final = (
    "Run `chronoverse-processor skip {topic} {number}` again: it finishes what it began, and nothing else"
)


def gap_findings(connection: Connection, checkpoints: Mapping[object, int]) -> list[Finding]:
    """Return unfinished gaps and index rows in finished ones. `checkpoints` by partition id, read before."""
    findings = []
    for gap in read_gaps(connection):
        if not gap.is_done:
            if checkpoints.get(gap.partition.id, gap.end) <= gap.end:
                findings.append(_unfinished(gap))
            continue
        asked = {"id": gap.partition.id, "first": gap.first, "end": gap.end}
        ((rows,),) = connection.query(_INSIDE, asked)
        if rows:
            findings.append(_not_empty(gap, rows))
    return findings


def _unfinished(gap: Gap) -> Finding:
    what = f"offsets {gap.first} to {gap.end - 1} of {gap.partition} were about to be skipped when the command ended"
    remedy = _AGAIN.format(topic=gap.partition.topic, number=gap.partition.number)
    return Finding("gaps", Harm.HARMLESS, f"{what}. Nothing is wrong with the numbers", remedy)


def _not_empty(gap: Gap, rows: int) -> Finding:
    return Finding(
        "gaps",
        Harm.MAY_BECOME_WRONG,
        f"the index has {rows:,} rows in the gap of {gap.partition} from {gap.first} to {gap.end - 1}, where nothing was "
        "counted: a processor that was stuck wrote them later. Events that are sent again would not be counted",
        _AGAIN.format(topic=gap.partition.topic, number=gap.partition.number),
    )
