"""What `watch` knows of a subject: its totals now, and how they have changed. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from analytics.cli import words
from analytics.cli.subjects import Found, Subject
from analytics.client import CallFailed, NotFound, UserAnalytics


class Rates(NamedTuple):
    """Changes per second; `workflows` is None for a workflow."""

    workflows: float | None
    jobs: float
    execution_seconds: float
    log_lines: float


class Sample(NamedTuple):
    """What one call brought: totals or an error. `at_s` is of the monotonic clock."""

    at_s: float
    asked_at: datetime
    found: Found | None = None
    error: CallFailed | None = None


@dataclass(frozen=True)
class Row:
    """A subject as it is shown. `found` is the last answer, which a failed call does not take away."""

    subject: Subject
    sample: Sample
    found: Found | None
    rates: Rates | None

    @property
    def problem(self) -> str:
        """Why there is no new answer; empty when there is one."""
        error = self.sample.error
        if error is None:
            return ""
        return "nothing counted yet" if isinstance(error, NotFound) else f"no answer: {error}"

    def changes(self) -> tuple[str, str, str, str]:
        """Return the changes of workflows, jobs, execution and log lines in words; empty before the second answer."""
        if self.rates is None:
            return ("", "", "", "")
        rates = self.rates
        return (
            words.rate(rates.workflows),
            words.rate(rates.jobs),
            words.rate(rates.execution_seconds, " s"),
            words.rate(rates.log_lines),
        )


def next_row(subject: Subject, before: Sample | None, now: Sample) -> Row:
    """Return the row after a call; `before` is the last sample that had an answer."""
    if now.found is None:
        return Row(subject, now, before.found if before else None, None)
    return Row(subject, now, now.found, _rates(before, now))


def _rates(before: Sample | None, now: Sample) -> Rates | None:
    if before is None or before.found is None or now.found is None or now.at_s <= before.at_s:
        return None
    old, new, seconds = before.found, now.found, now.at_s - before.at_s
    workflows = None
    if isinstance(old, UserAnalytics) and isinstance(new, UserAnalytics):
        workflows = (new.workflows - old.workflows) / seconds
    return Rates(
        workflows,
        (new.jobs - old.jobs) / seconds,
        (new.execution_seconds - old.execution_seconds) / seconds,
        (new.log_lines - old.log_lines) / seconds,
    )
