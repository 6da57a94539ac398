"""Dead letters listed, shown and played again: on a real broker and a real ClickHouse, with a processor that counts."""

import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from analytics.store.pool import Connection
from processor.dead_letter import TOPIC, DeadLetters
from processor.decode.events import Rejected
from processor.model import Partition
from processor.operate.dead_letters import Filters, run_list, run_show
from processor.operate.entry import Refused
from processor.operate.replay import Choice, run_replay
from processor.partitioner import partition_of
from processor.topics import describe_topics
from sandbox.records import CorpusRecord
from tests.eventually import eventually
from tests.integration.stack_world import running_stack
from tests.operator_world import processor_settings, told
from tests.processor_world import NOW_MS, FakeRecord, as_value, finished_job, log_line, some_id

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

SECRET = "nobody's business"
NIL = UUID(int=0)
TEN, SECOND = datetime(2026, 3, 1, 10, tzinfo=UTC), timedelta(seconds=1)


class Parking:
    """A running stack, to whose dead-letter topic these tests add what an older processor could not read."""

    def __init__(self, stack):
        self.stack = stack
        self.settings = processor_settings(
            stack.stack.settings(),
            kafka_brokers=(stack.running.kafka,),
            kafka_consumer_group="analytics-processor",
        )
        self.topics = describe_topics(AdminClient({"bootstrap.servers": stack.running.kafka}))
        self.offset = 0

    def park(self, event, topic="analytics", *, key=None, time_ms=NOW_MS, times=1, headers=None, reason=None):
        """Park a record; return its origin, and a reason that no other record has, unless one is given."""
        self.offset += 1
        reason = reason or f"reason_{self.offset}"
        key = some_id(self.offset).encode() if key is None else key
        number = partition_of(key, 2)
        record = FakeRecord(as_value(event), self.offset, time_ms, key=key, headers=headers)
        letters = DeadLetters(Producer({"bootstrap.servers": self.stack.running.kafka, "linger.ms": 0}))
        for _ in range(times):
            letters.park(
                Partition(topic, number, uuid4()), self.topics[topic].topic_id, [Rejected(record, reason)]
            )
        return f"{topic}/{number}@{self.offset}", reason

    def park_without_value(self, size):
        """As it is done with a value that the topic refuses."""
        self.offset += 1
        headers = {
            "reason": "too_large", "topic": "analytics", "topic_id": str(self.topics["analytics"].topic_id),
            "partition": "0", "offset": str(self.offset), "timestamp_ms": str(NOW_MS), "value_bytes": str(size),
        }  # fmt: skip
        producer = Producer({"bootstrap.servers": self.stack.running.kafka})
        pairs = [(f"dead_letter.{name}", value) for name, value in headers.items()]
        producer.produce(TOPIC, key=b"k", headers=pairs)
        assert producer.flush(10) == 0
        return f"analytics/0@{self.offset}"

    def replay(self, *origins, dry_run=False, may_count_again=False, **filters):
        run_replay(self.settings, Choice(origins, Filters(**filters), may_count_again), dry_run=dry_run)

    def await_counted(self, records):
        """Return when so many records more than played are applied, none of which the test has played itself."""
        eventually(lambda: self.stack.applied() >= records, within_s=60)
        assert self.stack.applied() == records

    def sums(self, user):
        connection = Connection(self.settings, timeout_s=10)
        try:
            return connection.query(
                "SELECT sum(workflows), sum(jobs), sum(execution_seconds), sum(log_lines) FROM analytics "
                "WHERE resolution = 'total' AND user_id = %(user)s AND workflow_id = %(nil)s",
                {"user": user, "nil": NIL},
            )[0]
        finally:
            connection.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with running_stack(tmp_path_factory.mktemp("stack") / "run") as stack:
        stack.stack.service.stop()  # nobody asks it here, and it asks ClickHouse all the time
        yield Parking(stack)


@pytest.fixture
def world(shared):
    return shared


@contextmanager
def refused(*words):
    with pytest.raises(Refused) as caught:
        yield
    assert all(word in str(caught.value) for word in words), caught.value


# --- list and show ---


def test_a_malformed_record_is_listed_once_however_often_it_was_parked(world, capsys):
    origin, reason = world.park(b"?", times=3)
    listed = told(capsys, lambda: run_list(world.settings, Filters(reason=reason), as_json=True))
    assert [(one["origin"], one["parked_times"], one["value_bytes"]) for one in listed] == [(origin, 3, 1)]


@pytest.mark.parametrize(
    ("filters", "is_listed"),
    [
        ({"topic": "job_logs"}, True),
        ({"topic": "analytics"}, False),
        ({"since": TEN}, True),
        ({"since": TEN + SECOND}, False),
        ({"until": TEN + SECOND}, True),
        ({"until": TEN}, False),
    ],
)  # fmt: skip
def test_what_is_listed_can_be_narrowed(world, capsys, filters, is_listed):
    _, reason = world.park(b"?", "job_logs")
    listed = told(capsys, lambda: run_list(world.settings, Filters(reason=reason, **filters), as_json=True))
    assert bool(listed) == is_listed


def test_a_list_shows_no_values(world, capsys):
    world.park({"EventKey": SECRET})
    run_list(world.settings, Filters(), as_json=False)
    run_list(world.settings, Filters(), as_json=True)
    assert SECRET not in capsys.readouterr().out


def test_a_record_is_shown_with_key_and_headers(world, capsys):
    origin, reason = world.park(b"?", key=b"the key", headers=[("traceparent", b"00-1")])
    shown = told(capsys, lambda: run_show(world.settings, origin, with_value=False, as_json=True))
    assert (shown["key"], shown["headers"], shown["reason"]) == ("the key", [["traceparent", "00-1"]], reason)


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize("with_value", [True, False])
def test_a_value_is_shown_only_when_it_is_asked_for(world, capfdbinary, as_json, with_value):
    origin, _ = world.park({"EventKey": SECRET})
    run_show(world.settings, origin, with_value=with_value, as_json=as_json)
    assert (SECRET.encode() in capfdbinary.readouterr().out) == with_value


def test_an_origin_may_be_said_with_the_id_of_its_topic(world, capsys):
    origin, reason = world.park(b"?")
    exactly = origin.replace("analytics", str(world.topics["analytics"].topic_id))
    shown = told(capsys, lambda: run_show(world.settings, exactly, with_value=False, as_json=True))
    assert shown["reason"] == reason


def test_an_origin_that_is_not_there_is_refused(world):
    with refused("no dead letter comes from analytics/0@999999"):
        run_show(world.settings, "analytics/0@999999", with_value=False, as_json=False)


# --- replay ---

USER, FLOW = some_id(500), some_id(501)


def owned(event, user):
    return event | {"UserID": user, "WorkflowID": FLOW}


@pytest.mark.parametrize(
    ("topic", "event", "counted"),
    [
        ("analytics", finished_job(600, seconds=7), (1, 1, 7, 0)),
        ("analytics", finished_job(seconds=7, EventKey=""), (1, 1, 7, 0)),
        ("analytics", finished_job(seconds=7, EventKey="odd"), (1, 1, 7, 0)),
        ("job_logs", log_line(4, job=some_id(601)), (0, 0, 0, 1)),
        ("job_logs", log_line(5, job=some_id(602), EventKey=""), (0, 0, 0, 1)),
        ("job_logs", log_line(6, job=some_id(603), EventKey="odd line"), (0, 0, 0, 1)),
    ],
    ids=["a job", "a job without EventKey", "an odd job", "a line", "a line without EventKey", "an odd line"],
)
def test_what_is_played_twice_counts_once(world, topic, event, counted):
    world.offset += 1
    user = some_id(700 + world.offset)
    flow = some_id(7_000 + world.offset)
    _, reason = world.park(event | {"UserID": user, "WorkflowID": flow}, topic, key=flow.encode(), times=2)
    before = world.stack.applied()
    world.replay(reason=reason)
    world.await_counted(before + 1)
    assert world.sums(user) == counted
    world.replay(reason=reason)
    world.await_counted(before + 2)
    assert world.sums(user) == counted


def test_a_line_without_event_key_is_the_one_that_came_under_its_key(world):
    """So it is not given one."""
    user, job = some_id(900), some_id(901)
    line = log_line(1, job=job, UserID=user)
    before = world.stack.applied()
    world.stack.play([
        CorpusRecord(
            topic="job_logs", partition_key="k", key="k", timestamp_ms=NOW_MS, value=json.dumps(line), headers=()
        )
    ])  # fmt: skip
    _, reason = world.park(line | {"EventKey": ""}, "job_logs", key=b"k")
    world.replay(reason=reason)
    world.await_counted(before + 2)
    assert world.sums(user) == (0, 0, 0, 1)


def test_what_is_still_malformed_is_parked_again(world, capsys):
    _, reason = world.park(b"still no JSON", reason="was_not_json")
    before = world.stack.applied()
    world.replay(reason=reason)
    world.await_counted(before + 1)
    listed = told(capsys, lambda: run_list(world.settings, Filters(reason="not_json"), as_json=True))
    assert [one["value_bytes"] for one in listed] == [len(b"still no JSON")]


def test_a_record_keeps_key_headers_and_timestamp(world):
    event = finished_job(910, UserID=some_id(910))
    _, reason = world.park(event, key=b"the key of it", headers=[("traceparent", b"00-9"), ("empty", None)])
    before = world.stack.applied()
    world.replay(reason=reason)
    world.await_counted(before + 1)
    last = last_record(world, "analytics", partition_of(b"the key of it", 2))
    assert (last.key(), json.loads(last.value()), last.timestamp()[1]) == (b"the key of it", event, NOW_MS)
    assert last.headers() == [("traceparent", b"00-9"), ("empty", None)]


def last_record(world, topic, number):
    """The newest record of a partition."""
    consumer = Consumer({
        "bootstrap.servers": world.stack.running.kafka, "group.id": "last", "enable.partition.eof": True,
        "fetch.wait.max.ms": 50,
    })  # fmt: skip
    consumer.assign([TopicPartition(topic, number, 0)])
    last = None
    while not (message := consumer.poll(10)).error():
        last = message
    consumer.close()
    return last


def test_a_dry_run_publishes_nothing(world, capsys):
    _, reason = world.park(finished_job(920))
    _, other = world.park(finished_job(921))
    before = world.stack.applied()
    world.replay(reason=reason, dry_run=True)
    assert "to be played again" in capsys.readouterr().out
    world.replay(reason=other)
    world.await_counted(before + 1)


def test_values_that_are_not_there_are_refused_and_the_others_are_played(world):
    dropped = world.park_without_value(5_000_000)
    origin, _ = world.park(finished_job(930))
    before = world.stack.applied()
    with refused("1 records cannot be played again", "too large"):
        world.replay(dropped, origin)
    world.await_counted(before + 1)


def test_what_the_index_may_have_forgotten_is_left_out_unless_it_is_said(world):
    """From 25 days before the newest records on, weeks of the index are dropped, so a second replay could count."""
    _, new = world.park(finished_job(940))
    before = world.stack.applied()
    world.replay(reason=new)
    world.await_counted(before + 1)
    _, old = world.park(finished_job(941, UserID=some_id(941)), time_ms=NOW_MS - 40 * 86_400_000)
    with refused("so old", "--may-count-again"):
        world.replay(reason=old)
    world.replay(reason=old, may_count_again=True)
    world.await_counted(before + 2)
    assert world.sums(some_id(941))[1] == 1
