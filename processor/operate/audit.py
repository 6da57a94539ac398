"""`chronoverse-processor audit`."""

import sys
from collections import Counter

import click

from analytics import exit_codes
from analytics.store.pool import StatementFailed
from processor.audit.auditor import QUESTIONS, Auditor, open_stored
from processor.audit.finding import Report
from processor.lineage_table import Lineage, read_lineages
from processor.operate.access import TIMEOUT_S, Access, access
from processor.operate.output import print_json, progress_bar
from processor.settings import ProcessorSettings


def run_audit(settings: ProcessorSettings, *, as_json: bool, ask_kafka: bool) -> None:
    """Print what is found. Exits with 65 when numbers are or may become wrong, with 1 when not all could be asked."""
    with access(settings) as to:
        report = audit_all(to, ask_kafka=ask_kafka)
    _print_json(report) if as_json else print_report(report)
    if not report.is_right:
        sys.exit(exit_codes.STOP)
    if report.not_checked and ask_kafka:
        sys.exit(1)


def audit_all(to: Access, *, ask_kafka: bool) -> Report:
    """Return what the whole audit finds."""
    lineages = _lineages(to)
    with (
        open_stored(to.settings, timeout_s=TIMEOUT_S) as connections,
        progress_bar("audit", len(QUESTIONS)) as advance,
    ):
        auditor = Auditor(connections, to.settings, lineages, to.admin if ask_kafka else None)
        return auditor.audit(lambda question: advance(QUESTIONS.index(question), question))


def _lineages(to: Access) -> dict[str, Lineage]:
    """Return the logs that are counted, also where the schema is not as it must be: that is one of the questions."""
    try:
        return read_lineages(to.plain)
    except StatementFailed:
        to.lineages()  # says what is the matter
        raise


def print_report(report: Report) -> None:
    """Print it for a person."""
    for number, one in enumerate(report.findings, 1):
        click.echo(
            f"{number}. {str(one.harm).upper()} ({one.check})\n   {one.what}\n   What to do: {one.remedy}\n"
        )
    for what in report.not_checked:
        click.echo(f"Not checked: {what}")
    if not report.findings:
        click.echo("Nothing is wrong with what was checked.")


def _print_json(report: Report) -> None:
    print_json({
        "is_right": report.is_right,
        "findings": [one._asdict() | {"harm": str(one.harm)} for one in report.findings],
        "by_harm": Counter(str(one.harm) for one in report.findings),
        "not_checked": report.not_checked,
    })  # fmt: skip
