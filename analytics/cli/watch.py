"""Show what changes: what `watch` does. One user's summary is streamed, anything else asked for again and again."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import click
from grpc import StatusCode
from rich.console import Console
from rich.live import Live

from analytics.cli import words
from analytics.cli.connection import Connection
from analytics.cli.endings import explained
from analytics.cli.interrupts import insistent
from analytics.cli.lines import json_line, plain_line
from analytics.cli.options import Terms, When, Which
from analytics.cli.questions import summary_request
from analytics.cli.samples import Row, Sample, next_row
from analytics.cli.subjects import Subject, parse_target, subject_of
from analytics.cli.tables import watch_screen
from analytics.cli.watch_stream import Look, show_steps, steps
from analytics.client import AnalyticsClient, NotFound, ServiceFailed, TryLater

Show = Callable[[Sequence[Row]], None]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is watched of one user."""

    when: When
    which: Which
    terms: Terms
    ranks: tuple[float, ...]

    @property
    def is_said(self) -> bool:
        """Whether it is more than totals of all time."""
        return bool(
            self.when.start or self.when.end or self.which != Which() or self.terms != Terms() or self.ranks
        )


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How often, and after how many rounds it ends; None: never."""

    interval_s: float
    count: int | None


class Watcher:
    """Asks for several subjects, and remembers the last answer of each."""

    def __init__(self, client: AnalyticsClient, subjects: Sequence[Subject]) -> None:
        self._client, self._subjects = client, subjects
        self._answered: dict[Subject, Sample] = {}

    def poll(self) -> list[Row]:
        """Ask once for each. What may pass is shown in its row; any other ClientError is raised."""
        return [self._row(subject) for subject in self._subjects]

    def _row(self, subject: Subject) -> Row:
        now = self._sample(subject)
        row = next_row(subject, self._answered.get(subject), now)
        if now.found is not None:
            self._answered[subject] = now
        return row

    def _sample(self, subject: Subject) -> Sample:
        at_s, asked_at = time.monotonic(), datetime.now(UTC)
        try:
            return Sample(at_s, asked_at, found=subject.ask(self._client))
        except (TryLater, NotFound) as error:
            return Sample(at_s, asked_at, error=error)


def watch(connection: Connection, targets: Sequence[str], asked: Asked, *, pace: Pace, as_json: bool) -> None:
    """Show totals of the targets, or the summary of one user, until Ctrl-C or for so many rounds."""
    with suppress(KeyboardInterrupt), explained(connection), connection.client() as client, insistent():
        subjects = [parse_target(connection, one) for one in targets] or [subject_of(connection, None)]
        is_one_user = len(subjects) == 1 and subjects[0].workflow_id is None
        if asked.is_said and not is_one_user:
            raise click.UsageError(
                "options of a range, a filter or a comparison are for one user, not for more targets"
            )
        if not is_one_user or not _streams(connection, client, subjects[0], asked, pace, as_json):
            with _lines(as_json) if as_json or not Console().is_terminal else _screen(connection) as show:
                for rows in _polls(Watcher(client, subjects), pace.interval_s, pace.count):
                    show(rows)


def _streams(
    connection: Connection,
    client: AnalyticsClient,
    subject: Subject,
    asked: Asked,
    pace: Pace,
    as_json: bool,
) -> bool:
    """Show what the service sends; False: it is an older one, which has to be asked again and again."""
    question = summary_request(
        subject.user_id, (asked.when, asked.which, asked.terms), asked.ranks, datetime.now(UTC)
    )
    look = Look(as_json=as_json, whole=asked.is_said, zone=asked.when.zone)
    try:
        show_steps(steps(client, subject, question, pace.interval_s), look, connection.address, pace.count)
    except ServiceFailed as error:
        if error.code is not StatusCode.UNIMPLEMENTED or asked.is_said:
            raise
        return False
    return True


def _polls(watcher: Watcher, interval_s: float, count: int | None) -> Iterator[list[Row]]:
    """Yield rows at a steady beat; a poll that takes longer than the interval delays the next one."""
    number, due = 0, time.monotonic()
    while True:
        yield watcher.poll()
        number += 1
        if number == count:
            return
        due = max(due + interval_s, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))


@contextmanager
def _screen(connection: Connection) -> Iterator[Show]:
    """Draw over what was drawn before; what was drawn last stays."""
    with Live(auto_refresh=False) as live:

        def show(rows: Sequence[Row]) -> None:
            hint = f"{connection.address} at {words.moment(rows[0].sample.asked_at)}; Ctrl-C ends"
            live.update(watch_screen(rows, hint, width=live.console.width), refresh=True)

        yield show


@contextmanager
def _lines(as_json: bool) -> Iterator[Show]:
    form = json_line if as_json else plain_line

    def show(rows: Sequence[Row]) -> None:
        for row in rows:
            click.echo(form(row))

    yield show
