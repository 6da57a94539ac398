"""Dead letters played again: what becomes of a record, and where it goes."""

import json
from uuid import UUID

import pytest

from processor.lineage import Generation
from processor.lineage_table import Lineage
from processor.parked import Origin, ParkedRecord
from processor.partitioner import partition_of
from processor.replay import destination, event_key, replayed_value
from processor.topics import Topic
from tests.processor_world import ABSENT, as_value, built, estimate, finished_job, log_line, step

TOPIC_ID = UUID(int=7)
KEY = b"some workflow"


def parked(value, topic="analytics", *, partition=0, key=KEY, topic_id=TOPIC_ID):
    origin = Origin(topic, topic_id, partition, 17)
    return ParkedRecord(origin, "a_reason", 1, key, as_value(value), [], None, (0, 0))


def replayed(value, topic="analytics"):
    content = replayed_value(parked(value, topic))
    return None if content is None else json.loads(content)


# --- the value ---


@pytest.mark.parametrize("key", ["", None, ABSENT], ids=["empty", "null", "absent"])
def test_a_job_without_event_key_gets_one_made_of_its_origin(key):
    event = finished_job(EventKey=key)
    assert replayed(event) == event | {"EventKey": f"dead_letter:{TOPIC_ID}/0@17"}


def test_a_job_with_an_event_key_stays_as_it_is():
    value = as_value(finished_job())
    assert replayed_value(parked(value)) == value


def test_the_other_fields_stay_as_they_are_written():
    value = b'{"EventKey": "", "EventType": "JOBS", "Data": {"job_execution_duration": 1e3, "x": [1.50]}}'
    assert b'"Data":{"job_execution_duration": 1e3, "x": [1.50]}' in replayed_value(parked(value))


@pytest.mark.parametrize(
    ("topic", "event"),
    [
        ("analytics", built(EventKey="")),
        ("analytics", estimate()),
        ("workflows", step(EventKey="")),
        ("job_logs", log_line(EventKey="")),
    ],
    ids=["WORKFLOWS", "LOGS", "workflows", "job_logs"],
)
def test_what_is_known_by_its_fields_gets_no_event_key(topic, event):
    """With one, a log line would not be recognised as the one that came under its regular EventKey."""
    assert replayed(event, topic) == event


@pytest.mark.parametrize("key", [12, [], {}], ids=str)
def test_an_event_key_that_is_no_text_stays_malformed(key):
    assert replayed(finished_job(EventKey=key))["EventKey"] == key


@pytest.mark.parametrize("event_type", [3, None, ABSENT, "ELSE"])
def test_an_event_that_is_no_job_stays_as_it_is(event_type):
    event = finished_job(EventKey="", EventType=event_type)
    assert replayed(event) == event


@pytest.mark.parametrize(
    "value", [None, b"", b"null", b"[]", b'{"EventKey": ""', b'\xff{"EventType":"JOBS"}', b"[" * 100_000]
)
def test_what_is_no_object_stays_as_it_is(value):
    assert replayed_value(parked(value)) == value


def test_a_key_tells_the_incarnation_of_the_topic():
    keys = {event_key(Origin("analytics", UUID(int=number), 0, 17)) for number in (1, 2)}
    assert len(keys) == 2


# --- the partition ---


def going_to(record, *counts, partitions=None, topic_id=TOPIC_ID):
    """Where a record goes in a topic that has had so many partitions."""
    lineage = Lineage("analytics", "c", topic_id, 0, tuple(Generation(count) for count in counts))
    return destination(record, lineage, Topic("analytics", "c", topic_id, partitions or counts[-1]))


def keyed_to(number, partitions):
    """A key that Kafka's partitioner puts into this partition."""
    return next(
        key for key in (b"key-%d" % at for at in range(1000)) if partition_of(key, partitions) == number
    )


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_record_goes_where_it_lay(number):
    assert going_to(parked({}, partition=number, key=keyed_to(number, 3)), 3) == number


def test_after_a_growth_it_goes_where_its_key_belongs_now():
    """There repeats of it arrive from now on, and those before the growth are looked up from there."""
    key = next(key for key in (b"key-%d" % at for at in range(1000)) if partition_of(key, 5) > 2)
    record = parked({}, partition=partition_of(key, 2), key=key)
    assert going_to(record, 2, 5) == partition_of(key, 5)


def test_a_record_that_another_partitioner_placed_goes_where_it_lay():
    key = keyed_to(0, 2)
    assert going_to(parked({}, partition=1, key=key), 2) == 1


def test_a_record_without_key_goes_where_it_lay():
    assert going_to(parked({}, partition=1, key=None), 2, 4) == 1


def test_in_a_topic_that_was_created_anew_its_key_decides():
    key = keyed_to(0, 2)
    assert going_to(parked({}, partition=1, key=key), 2, topic_id=UUID(int=8)) == 0


def test_a_partition_that_is_no_more_is_not_used():
    assert going_to(parked({}, partition=5, key=None), 2, topic_id=UUID(int=8)) == 1
