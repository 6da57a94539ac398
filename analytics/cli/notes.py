"""What stands below numbers: what is not available, how exact they are, how old. And JSON for scripts. Pure."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from rich.text import Text

from analytics.cli import words
from analytics.cli.measures import seconds
from analytics.cli.units import share, span
from analytics.client import Freshness
from analytics.insights_pb2 import DurationPrecision, TimeRange, Unavailable

UTC_ZONE: Final = ZoneInfo("UTC")


def json_of(answer: Message) -> str:
    """Return a message as JSON in one line, with the contract's names; absent is what is not known."""
    return MessageToJson(
        answer, preserving_proto_field_name=True, always_print_fields_with_no_presence=True, indent=None
    )


def unavailable_notes(told: Iterable[Unavailable]) -> list[Text]:
    """Return a line for each thing that cannot be told, with its reason."""
    return [Text(f"not available: {one.field}: {one.reason}", "dim") for one in told]


def precision_note(precision: DurationPrecision) -> Text:
    """Return how exact durations are."""
    steps, error = span(seconds(precision.resolution)), share(precision.percentile_relative_error)
    return Text(f"durations are in steps of {steps}; percentiles are within {error}", "dim")


def freshness_note(told: Freshness | None, zone: ZoneInfo) -> Text:
    """Return how old the numbers are, and where they begin."""
    text = words.freshness(told, zone)
    if told is not None and told.data_start is not None:
        text += f"; data begins {moment(told.data_start, zone)}"
    return Text(text, "bold red" if told and told.stale else "green")


def range_words(asked: TimeRange, zone: ZoneInfo) -> str:
    """Return `2026-10-01 00:00 to 2026-11-01 00:00 Europe/London (31d 1h)`."""
    start, end = asked.start_time, asked.end_time
    length = span(end.ToSeconds() - start.ToSeconds())
    return f"{moment(start, zone)} to {moment(end, zone)} {zone.key} ({length})"


def moment(time: Timestamp | datetime, zone: ZoneInfo) -> str:
    """Return a time to the minute in a zone."""
    at = time if isinstance(time, datetime) else time.ToDatetime(UTC)
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}"
