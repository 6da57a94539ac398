"""Checkpoints against the log: they must lie in it."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from confluent_kafka import Consumer, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient

from processor.audit.finding import Finding, Harm
from processor.audit.ledger_rows import CheckpointRow
from processor.kafka import consumer_config
from processor.model import Partition
from processor.settings import ProcessorSettings
from processor.source import Place
from processor.topics import end_offsets, low_watermark

_FETCH_WITHIN_S: Final = 5.0


class LogRange(NamedTuple):
    """What the log of a partition holds: offsets from `low` to `end`, without `end`."""

    low: int
    end: int


def log_ranges(
    admin: AdminClient, settings: ProcessorSettings, counted: Mapping[Place, int]
) -> dict[Place, LogRange]:
    """Return what the logs hold, for partitions and the offsets up to which they are counted (0: not at all).

    Raises BrokerUnavailable. An end below the checkpoint is believed only when fetching there fails as well: tansu,
    the broker of the sandbox, is wrong about ends.
    """
    ends = end_offsets(admin, list(counted)) if counted else {}
    ranges = {}
    for place, next_offset in counted.items():
        end = ends[place]
        if end < next_offset and _reaches(settings, place, next_offset):
            end = next_offset
        ranges[place] = LogRange(low_watermark(admin, *place), end)
    return ranges


def _reaches(settings: ProcessorSettings, place: Place, offset: int) -> bool:
    """Whether fetching finds the log to reach up to `offset`."""
    consumer = Consumer(consumer_config(settings) | {"enable.partition.eof": True, "log_level": 0})
    try:
        consumer.assign([TopicPartition(*place, offset - 1)])
        message = consumer.poll(_FETCH_WITHIN_S)
        if message is None:
            return False
        error, found = message.error(), message.offset() or 0
        if error is None:
            return found >= offset - 1
        return error.code() == KafkaError._PARTITION_EOF and found >= offset
    finally:
        consumer.close()


def log_findings(
    rows: Iterable[tuple[Partition, CheckpointRow]], ranges: Mapping[Place, LogRange]
) -> list[Finding]:
    """Return what is wrong between checkpoints and the log. Pure."""
    findings = []
    for partition, row in rows:
        held = ranges.get((partition.topic, partition.number))
        if held is None:
            findings.append(_missing(partition))
        elif row.reached < held.low:
            findings.append(_below(partition, row.reached, held))
        elif row.reached > held.end:
            findings.append(_beyond(partition, row.reached, held))
    return findings


def _below(partition: Partition, next_offset: int, held: LogRange) -> Finding:
    return Finding(
        "log",
        Harm.WRONG,
        f"{held.low - next_offset:,} records of {partition} were deleted before they were counted: the next one to "
        f"count is {next_offset}, but the log begins at {held.low}. The numbers lack them, and the partition is halted",
        f"`chronoverse-processor skip {partition.topic} {partition.number}`, then start the processors again. "
        "Raise the topic's retention",
    )


def _beyond(partition: Partition, next_offset: int, held: LogRange) -> Finding:
    return Finding(
        "log",
        Harm.MAY_BECOME_WRONG,
        f"{partition} is counted up to {next_offset}, but its log ends at {held.end}: it was cut. Records that are "
        "written there from now on would be taken for ones that were counted",
        "Stop the producers. If the log was restored from an older copy, create the topic anew and adopt it "
        "(`chronoverse-processor adopt`)",
    )


def _missing(partition: Partition) -> Finding:
    return Finding(
        "log",
        Harm.MAY_BECOME_WRONG,
        f"the broker does not have {partition}, which was counted: its topic was created anew, or this is another "
        "cluster",
        "Set KAFKA_BROKERS to the former cluster, or see `chronoverse-processor adopt --help`",
    )
