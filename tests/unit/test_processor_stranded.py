"""A client that reaches no broker while a fresh one does is found, and nothing else is taken for one."""

import json
import time

import pytest
from confluent_kafka import KafkaError, KafkaException
from structlog.testing import capture_logs

from processor.kafka import consumer_config
from processor.settings import ProcessorSettings
from processor.source import Source
from processor.stranded import StrandedClients, reaches_a_broker
from tests.eventually import eventually
from tests.fenced_broker import FencedBroker

ENOUGH = 10


class Client:
    """One that reaches a broker or not, and counts how often it was asked."""

    def __init__(self):
        self.reaches, self.asked = True, 0

    def list_topics(self, topic, timeout):
        self.asked += 1
        if not self.reaches:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))


class World:
    """All is well, unless a test says otherwise."""

    def __init__(self):
        self.consumer, self.admin, self.fresh, self.told = Client(), Client(), Client(), 0
        self.stranded = StrandedClients(
            lambda: self.consumer.reaches,
            self.admin,
            lambda: self.fresh,
            on_stranded=self._tell,
            every_s=0.001,
        )

    def _tell(self):
        self.told += 1

    def look(self, times=1):
        return [self.stranded.look() for _ in range(times)]


@pytest.fixture
def world():
    return World()


EACH = pytest.mark.parametrize("who", ["consumer", "admin"])


@EACH
def test_a_client_is_stranded_when_it_has_reached_no_broker_ten_times(world, who):
    getattr(world, who).reaches = False
    assert world.look(ENOUGH) == [False] * 9 + [True]
    assert world.stranded.were_found
    assert world.told == 1


@EACH
def test_a_stranded_client_is_logged(world, who):
    getattr(world, who).reaches = False
    with capture_logs() as logged:
        world.look(ENOUGH)
    assert logged == [
        {
            "event": "client_stranded",
            "log_level": "warning",
            "looks": ENOUGH,
            "consumer_reaches": who != "consumer",
        }
    ]


def test_clients_that_reach_a_broker_are_left_alone_and_no_other_is_made(world):
    """Also a member without partitions, or one that waits for the group."""
    assert not any(world.look(10 * ENOUGH))
    assert world.fresh.asked == 0


def test_a_broker_that_nobody_reaches_is_an_outage(world):
    world.consumer.reaches = world.admin.reaches = world.fresh.reaches = False
    assert not any(world.look(10 * ENOUGH))


@EACH
@pytest.mark.parametrize("sign", ["it comes back", "the broker is away for all"])
def test_a_good_sign_in_between_makes_it_begin_to_count_again(world, who, sign):
    client = getattr(world, who)
    client.reaches = False
    world.look(ENOUGH - 1)
    client.reaches, world.fresh.reaches = sign == "it comes back", sign == "it comes back"
    world.look()
    client.reaches, world.fresh.reaches = False, True
    assert not any(world.look(ENOUGH - 1))
    assert world.look() == [True]


def test_the_thread_tells_it_once_and_ends(world):
    world.consumer.reaches = False
    world.stranded.start()
    eventually(lambda: world.told)
    world.stranded.stop()
    assert (world.told, world.fresh.asked) == (1, ENOUGH)


def test_after_the_stop_nobody_looks_any_more(world):
    world.stranded.start()
    eventually(lambda: world.admin.asked)
    world.stranded.stop()
    assert not world.stranded._thread.is_alive()


def statistics(**states):
    """As of librdkafka, with a few of the other fields. The group may be in any state."""
    brokers = {
        name: {"name": name, "nodeid": 1, "state": state, "stateage": 7, "toppars": {"t-0": {"topic": "t"}}}
        for name, state in states.items()
    }
    return json.dumps({"ts": 1, "brokers": brokers, "topics": {}, "cgrp": {"state": "query-coord"}})


def test_statistics_of_a_stranded_consumer():
    """As they were after its only broker had been fenced for a moment."""
    assert not reaches_a_broker(statistics(learned="INIT", GroupCoordinator="TRY_CONNECT"))


@pytest.mark.parametrize("state", ["UP", "UPDATE"])
@pytest.mark.parametrize("name", ["learned", "GroupCoordinator"])
def test_any_broker_that_is_connected_is_enough(name, state):
    assert reaches_a_broker(statistics(**{"another": "DOWN", name: state}))


def test_without_brokers_none_is_reached():
    assert not reaches_a_broker(statistics())


# --- librdkafka itself ---


@pytest.fixture
def broker():
    with FencedBroker() as broker:
        yield broker


@pytest.fixture
def source(broker, monkeypatch):
    """The consumer of a processor, which connects again and again within hundredths of a second."""
    quick = {
        "statistics.interval.ms": 50,
        "topic.metadata.refresh.interval.ms": 20,
        "reconnect.backoff.ms": 10,
        "reconnect.backoff.max.ms": 10,
    }
    monkeypatch.setattr(
        "processor.source.consumer_config", lambda settings: consumer_config(settings) | quick
    )
    source = Source(ProcessorSettings(kafka_brokers=[broker.address]))
    yield source
    if source.reaches_a_broker:
        source.close()


def polls_until(source, condition, within_s):
    """Whether the condition has come true while the consumer was polled."""
    ends_at = time.monotonic() + within_s
    while not condition() and time.monotonic() < ends_at:
        source.poll(0.01)
    return condition()


def test_a_consumer_that_waits_for_its_group_reaches_a_broker(source, broker):
    assert polls_until(source, broker.joins.is_set, 10)
    assert not polls_until(source, lambda: not source.reaches_a_broker, 1)


def test_a_broker_that_is_fenced_for_a_moment_may_be_lost_for_ever(source, broker):
    """The fault of librdkafka, once in about five times. When this fails, it may be mended: delete processor/stranded.py."""
    for _ in range(100):
        broker.joins.clear()
        broker.told.clear()
        broker.is_fenced = True
        polls_until(source, broker.told.is_set, 2)
        broker.is_fenced = False
        polls_until(source, broker.joins.is_set, 1)
        if not polls_until(source, lambda: source.reaches_a_broker, 3):
            return
    pytest.fail("each time it was reached again")
