"""`chronoverse-processor dead-letters replay`: publishes malformed records again, where they came from."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple

import click
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from processor.dead_letter import ParkingFailed
from processor.event_index import WEEK_MS
from processor.garbage import first_needed_week
from processor.kafka import producer_config
from processor.lineage_table import Lineage
from processor.operate.access import Access, access
from processor.operate.dead_letters import Filters, named, read_folded, reader
from processor.operate.entry import Refused
from processor.operate.output import print_table, progress_bar
from processor.parked import Origin, Parked, ParkedReader, ParkedRecord
from processor.replay import destination, replayed_value
from processor.settings import ProcessorSettings
from processor.topics import Topic, describe_topics

_DELIVER_WITHIN_S: Final = 60.0
_INDEXES: Final = {
    "analytics": ("event_keys",),
    "job_logs": ("event_keys", "log_runs"),
    "workflows": ("event_keys",),
}
"""Where repeats of a topic's records are looked up."""


class Choice(NamedTuple):
    """Which dead letters to play again, and what may go wrong with it."""

    origins: Sequence[str]
    filters: Filters
    may_count_again: bool


class ReplayFailed(ParkingFailed):
    """Kafka did not take all of the records; those that it took do no harm when they are played again."""


class _Sorted(NamedTuple):
    """The chosen dead letters, by what can be done with them."""

    playable: list[Parked]
    dropped: list[Parked]
    too_old: list[Parked]


def run_replay(settings: ProcessorSettings, choice: Choice, *, dry_run: bool) -> None:
    """Publish the chosen records again. Raises Refused for those that cannot be, after the others were published."""
    with access(settings) as to, reader(settings) as parked:
        lineages, found = to.counted_lineages(), describe_topics(to.admin)
        chosen = _chosen(read_folded(parked), choice)
        ones = _sort(to, chosen, may_count_again=choice.may_count_again)
        _show(ones)
        if not dry_run and ones.playable:
            _play(settings, parked, {one.place for one in ones.playable}, lineages, found)
            count = f"{len(ones.playable):,} records were published again"
            click.echo(f"{count}. Those that are still malformed are parked again.")
    _refuse(ones)


def _chosen(folded: dict[Origin, Parked], choice: Choice) -> list[Parked]:
    ones = named(folded, choice.origins) if choice.origins else folded.values()
    return [one for one in ones if choice.filters.take(one)]


def _sort(to: Access, chosen: Sequence[Parked], *, may_count_again: bool) -> _Sorted:
    """Sort out those without a value, and those too old for the index to know whether their event was counted."""
    dropped = [one for one in chosen if one.is_dropped]
    playable = [one for one in chosen if not one.is_dropped]
    if may_count_again:
        return _Sorted(playable, dropped, [])
    horizon_ms = to.settings.horizon_ms
    tables = {table for one in playable for table in _INDEXES[one.origin.topic]}
    shards = [one.plain for one in to.shards.every().values()]
    first_week = {table: first_needed_week(shards, table, horizon_ms) for table in tables}

    def is_too_old(one: Parked) -> bool:
        week = (one.time_ms - horizon_ms) // WEEK_MS
        return any(week < first_week[table] for table in _INDEXES[one.origin.topic])

    too_old = [one for one in playable if is_too_old(one)]
    return _Sorted([one for one in playable if one not in too_old], dropped, too_old)


def _refuse(ones: _Sorted) -> None:
    problems = []
    if ones.dropped:
        problems.append(
            f"{len(ones.dropped):,} records cannot be played again: their values were too large for the dead-letter topic "
            "and are not there. Publish them from their source"
        )
    if ones.too_old:
        problems.append(
            f"{len(ones.too_old):,} records were left out (the first: {ones.too_old[0].origin}): they are so old that the "
            "index does not tell any more whether their events were counted, from other records or by an earlier replay, so "
            "they could count twice. To play them nevertheless, say --may-count-again"
        )
    if problems:
        raise Refused("; ".join(problems))


def _show(ones: _Sorted) -> None:
    counts: Counter[tuple[str, str, str]] = Counter()
    groups = ("to be played again", "refused: no value", "refused: too old")
    for what, group in zip(groups, ones, strict=True):
        counts.update((one.origin.topic, one.reason, what) for one in group)
    rows = [(*group, f"{count:,}") for group, count in sorted(counts.items())]
    print_table("dead letters", ("topic", "reason", "", "records"), rows)


def _play(
    settings: ProcessorSettings,
    parked: ParkedReader,
    places: Collection[tuple[int, int]],
    lineages: Mapping[str, Lineage],
    found: Mapping[str, Topic],
) -> None:
    """Publish the records at these places of the dead-letter topic. Raises ReplayFailed."""
    failures: list[KafkaError] = []
    producer = Producer(producer_config(settings))
    with progress_bar("publishing", len(places)) as advance:
        done = 0
        for record in parked.read():
            if record.place in places:
                topic = found[record.origin.topic]
                _publish(producer, record, destination(record, lineages.get(topic.name), topic), failures)
                done += 1
                advance(done, "records")
        left = producer.flush(_DELIVER_WITHIN_S)
    if left or failures:
        why = failures[0].str() if failures else "no acknowledgement"
        raise ReplayFailed(f"{left + len(failures):,} of {done:,} records were not published ({why})")


def _publish(producer: Producer, record: ParkedRecord, partition: int, failures: list[KafkaError]) -> None:
    def delivered(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            failures.append(error)

    headers: list[tuple[str, str | bytes | None]] = [*record.headers]
    while True:
        try:
            producer.produce(
                record.origin.topic,
                value=replayed_value(record),
                key=record.key,
                partition=partition,
                timestamp=record.time_ms,
                headers=headers,
                on_delivery=delivered,
            )
        except BufferError:
            producer.poll(0.1)
        except KafkaException as error:
            failures.append(error.args[0])
            return
        else:
            producer.poll(0)
            return
