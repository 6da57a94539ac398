"""`chronoverse-processor dead-letters list|show`; `replay` is in `operate.replay`."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import NamedTuple

import click

from processor.operate.entry import Refused
from processor.operate.output import as_time, print_json, print_table, progress_bar
from processor.parked import Origin, Parked, ParkedReader, ParkedRecord, fold
from processor.settings import ProcessorSettings


class Filters(NamedTuple):
    """Which dead letters: each field that is set must hold. Times are of the records, naive ones are UTC."""

    topic: str | None = None
    reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def take(self, one: Parked) -> bool:
        """Whether a dead letter is meant."""
        return (
            self.topic in (None, one.origin.topic)
            and self.reason in (None, one.reason)
            and (self.since is None or one.time_ms >= _as_ms(self.since))
            and (self.until is None or one.time_ms < _as_ms(self.until))
        )


def run_list(settings: ProcessorSettings, filters: Filters, *, as_json: bool) -> None:
    """Print the malformed records that are parked, each once, without their values."""
    with reader(settings) as parked:
        found = [one for one in read_folded(parked).values() if filters.take(one)]
        _warn_of_strangers(parked)
    if as_json:
        print_json([_as_dict(one) for one in found])
        return
    columns = "origin", "reason", "record time", "parked", "bytes", "topic id"
    print_table("dead letters", columns, [_cells(one) for one in found])


def run_show(settings: ProcessorSettings, origin: str, *, with_value: bool, as_json: bool) -> None:
    """Print one malformed record: its origin, key and headers, and with `with_value` its value."""
    with reader(settings) as parked:
        one = named(read_folded(parked), [origin])[0]
        record = next(record for record in parked.read() if record.place == one.place)
    if as_json:
        value = {"value": _text(record.value)} if with_value else {}
        headers = [[name, _text(value)] for name, value in record.headers]
        print_json(_as_dict(one) | {"key": _text(record.key), "headers": headers} | value)
        return
    rows = [(name, str(value)) for name, value in _as_dict(one).items()]
    rows += [
        ("key", _text(record.key) or ""),
        *((f"header {name}", _text(value) or "") for name, value in record.headers),
    ]
    print_table(str(one.origin), ("field", "content"), rows)
    if with_value:
        _print_value(record, one)


@contextmanager
def reader(settings: ProcessorSettings) -> Iterator[ParkedReader]:
    """Give a reader of the dead-letter topic."""
    opened = ParkedReader(settings)
    try:
        yield opened
    finally:
        opened.close()


def read_folded(parked: ParkedReader) -> dict[Origin, Parked]:
    """Read the whole topic."""
    with progress_bar("reading") as advance:

        def note(count: int) -> None:
            advance(count, "dead letters")

        return fold(parked.read(note))


def named(folded: dict[Origin, Parked], texts: Sequence[str]) -> list[Parked]:
    """Return the dead letters of these origins. Raises Refused where one is unknown, or two are meant."""
    found = []
    for text in texts:
        meant = [one for origin, one in folded.items() if text in (str(origin), origin.exactly)]
        if not meant:
            raise Refused(f"no dead letter comes from {text}: see `chronoverse-processor dead-letters list`")
        if len(meant) > 1:
            exactly = " or ".join(one.origin.exactly for one in meant)
            raise Refused(f"{text} is in several logs of that name: say {exactly}")
        found += meant
    return found


def _cells(one: Parked) -> list[str]:
    size = f"{one.value_bytes:,}" + (" (too large, dropped)" if one.is_dropped else "")
    times = "once" if one.deliveries == 1 else f"{one.deliveries} times"
    return [str(one.origin), one.reason, as_time(one.time_ms), times, size, str(one.origin.topic_id)]


def _as_dict(one: Parked) -> dict[str, object]:
    return {
        "origin": str(one.origin),
        "topic": one.origin.topic,
        "topic_id": str(one.origin.topic_id),
        "partition": one.origin.partition,
        "offset": one.origin.offset,
        "reason": one.reason,
        "record_time_ms": one.time_ms,
        "parked_times": one.deliveries,
        "value_bytes": one.value_bytes,
        "value_is_dropped": one.is_dropped,
    }


def _print_value(record: ParkedRecord, one: Parked) -> None:
    if one.is_dropped:
        click.echo(
            f"its value of {one.value_bytes:,} bytes was too large for the dead-letter topic and is not there",
            err=True,
        )
    elif record.value is None:
        click.echo("it has no value (a tombstone)", err=True)
    else:
        sys.stdout.buffer.write(record.value + b"\n")
        sys.stdout.buffer.flush()


def _text(content: bytes | None) -> str | None:
    return None if content is None else content.decode(errors="backslashreplace")


def _as_ms(time: datetime) -> int:
    return round(time.replace(tzinfo=UTC).timestamp() * 1000)


def _warn_of_strangers(parked: ParkedReader) -> None:
    if parked.strangers:
        click.echo(
            f"{parked.strangers:,} records in the topic were not parked by a processor: not listed", err=True
        )
