"""Records of the dead-letter topic, as they are read: whose they are, and how repeated ones are folded."""

from uuid import UUID

import pytest
from confluent_kafka import KafkaError, Producer

from processor.dead_letter import DeadLetters
from processor.decode.events import Rejected
from processor.model import Partition
from processor.parked import Origin, ParkedRecord, as_parked, fold
from tests.processor_world import FakeRecord

TOPIC_ID = UUID(int=7)


class FakeMessage(FakeRecord):
    """As it is read from the dead-letter topic."""

    def partition(self):
        return 1


def parked(offset=17, place=0, *, topic="analytics", dropped_bytes=None, value=b"?", topic_id=TOPIC_ID):
    origin = Origin(topic, topic_id, 0, offset)
    return ParkedRecord(origin, "not_json", 5, b"key", value, [], dropped_bytes, (0, place))


class Recorder(Producer):
    """Keeps what it is to send."""

    def __init__(self):
        super().__init__({"bootstrap.servers": "127.0.0.1:9"})
        self.sent = []

    def produce(self, topic, value=None, key=None, headers=None, on_delivery=None):
        self.sent.append(FakeMessage(value, 33, key=key, headers=[(n, _bytes(v)) for n, v in headers]))

    def flush(self, *_):
        return 0


def _bytes(value):
    return value.encode() if isinstance(value, str) else value


def as_written(record):
    """A record after it was parked and read."""
    producer = Recorder()
    DeadLetters(producer).park(
        Partition("job_logs", 3, UUID(int=1)), TOPIC_ID, [Rejected(record, "not_json")]
    )
    return as_parked(producer.sent[0])


def test_what_the_processor_parks_is_read_back():
    record = FakeRecord(b"?", 17, 99, key=b"k", headers=[("traceparent", b"00-1"), ("x", None)])
    assert as_written(record) == ParkedRecord(
        Origin("job_logs", TOPIC_ID, 3, 17), "not_json", 99, b"k", b"?",
        [("traceparent", b"00-1"), ("x", None)], None, (1, 33),
    )  # fmt: skip


def test_headers_that_look_like_ours_do_not_hide_where_a_record_came_from():
    forged = {"offset": b"3", "reason": b"forged", "value_bytes": b"9"}
    record = FakeRecord(b"?", 17, headers=[(f"dead_letter.{name}", value) for name, value in forged.items()])
    read = as_written(record)
    assert (read.origin.offset, read.reason, read.headers, read.dropped_bytes) == (17, "not_json", [], None)


def test_a_value_that_the_topic_did_not_take_is_known_by_its_size():
    class Small(Recorder):
        """Takes no value."""

        def produce(self, topic, value=None, key=None, headers=None, on_delivery=None):
            if value is None:
                super().produce(topic, value, key, headers, on_delivery)
            else:
                on_delivery(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE), None)

    producer = Small()
    letters = DeadLetters(producer)
    letters.park(
        Partition("job_logs", 3, UUID(int=1)), TOPIC_ID, [Rejected(FakeRecord(b"abc", 17), "not_json")]
    )
    read = as_parked(producer.sent[0])
    assert (read.value, read.dropped_bytes) == (None, 3)


@pytest.mark.parametrize(
    "headers",
    [
        None,
        [("dead_letter.topic", b"analytics")],
        [
            (f"dead_letter.{name}", b"x")
            for name in ("topic", "topic_id", "partition", "offset", "reason", "timestamp_ms")
        ],
    ],
    ids=["none", "some", "garbage"],
)
def test_a_record_that_no_processor_has_parked_is_none_of_ours(headers):
    assert as_parked(FakeMessage(b"?", headers=headers)) is None


def test_a_record_of_a_topic_that_is_not_counted_is_none_of_ours():
    values = {"topic": "jobs", "topic_id": str(TOPIC_ID), "partition": "0", "offset": "1"}
    values |= {"reason": "not_json", "timestamp_ms": "5"}
    headers = [(f"dead_letter.{name}", value.encode()) for name, value in values.items()]
    assert as_parked(FakeMessage(b"?", headers=headers)) is None


def test_repeated_copies_are_one_dead_letter():
    folded = fold([parked(17), parked(18), parked(17), parked(17)])
    assert {str(origin): one.deliveries for origin, one in folded.items()} == {
        "analytics/0@17": 3,
        "analytics/0@18": 1,
    }


def test_the_same_place_in_another_incarnation_of_the_topic_is_another_one():
    assert len(fold([parked(), parked(topic_id=UUID(int=8))])) == 2


@pytest.mark.parametrize("order", [1, -1])
def test_a_copy_with_its_value_is_the_better_one(order):
    copies = [parked(place=1, dropped_bytes=900, value=None), parked(place=2)][::order]
    (one,) = fold(copies).values()
    assert (one.place, one.is_dropped, one.value_bytes, one.deliveries) == ((0, 2), False, 1, 2)


def test_a_dropped_value_has_its_former_size():
    (one,) = fold([parked(dropped_bytes=900, value=None)]).values()
    assert (one.is_dropped, one.value_bytes) == (True, 900)


def test_they_are_listed_in_the_order_of_the_log():
    folded = fold([parked(18), parked(3, topic="workflows"), parked(2)])
    assert [str(origin) for origin in folded] == ["analytics/0@2", "analytics/0@18", "workflows/0@3"]
