"""A consumer that reaches no broker while another client does is found, and nothing else is taken for one."""

import threading

import pytest
from confluent_kafka import KafkaError, KafkaException
from structlog.testing import capture_logs

from processor import stranded
from processor.stranded import StrandedConsumer
from tests.eventually import eventually

ENOUGH = 3


class Client:
    """One that reaches a broker or not, and counts how often it was asked."""

    def __init__(self, *, reaches):
        self.reaches, self.asked = reaches, 0

    def list_topics(self, *, timeout):
        self.asked += 1
        if not self.reaches:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))


class World:
    """A stranded consumer, unless a test says otherwise."""

    def __init__(self):
        self.consumer, self.other = Client(reaches=False), Client(reaches=True)
        self.reading, self.told = False, 0
        self.stranded = StrandedConsumer(
            self.consumer, self.other, is_reading=lambda: self.reading, on_stranded=self._tell, every_s=0.001
        )

    def _tell(self):
        self.told += 1

    def look(self, times=1):
        return [self.stranded.look() for _ in range(times)]


@pytest.fixture
def world():
    return World()


def test_a_consumer_is_stranded_when_it_has_reached_no_broker_three_times(world):
    assert world.look(ENOUGH) == [False, False, True]
    assert world.stranded.was_found
    assert world.told == 1


def test_a_stranded_consumer_is_logged(world):
    with capture_logs() as logged:
        world.look(ENOUGH)
    assert [(one["event"], one["log_level"]) for one in logged] == [("consumer_stranded", "warning")]


def test_a_member_without_partitions_that_reaches_a_broker_is_left_alone(world):
    """Of a group that has more members than there are partitions."""
    world.consumer.reaches = True
    assert not any(world.look(10 * ENOUGH))


def test_a_broker_that_nobody_reaches_is_an_outage(world):
    world.other.reaches = False
    assert not any(world.look(10 * ENOUGH))


def test_a_consumer_that_has_partitions_is_not_asked(world):
    world.reading = True
    assert not any(world.look(10 * ENOUGH))
    assert world.consumer.asked == 0


@pytest.mark.parametrize("change", ["consumer", "other", "reading"])
def test_a_good_sign_in_between_makes_it_begin_to_count_again(world, change):
    """The consumer reaches one, the broker was away for both, or partitions came."""
    world.look(ENOUGH - 1)
    before = world.consumer.reaches, world.other.reaches, world.reading
    world.consumer.reaches, world.other.reaches = change == "consumer", change != "other"
    world.reading = change == "reading"
    world.look()
    world.consumer.reaches, world.other.reaches, world.reading = before
    assert not any(world.look(ENOUGH - 1))
    assert world.look() == [True]


def test_the_thread_tells_it_once_and_ends(world):
    world.stranded.start()
    eventually(lambda: world.told)
    assert not world.stranded.stop()  # it would not end if it were closed
    assert (world.told, world.consumer.asked) == (1, ENOUGH)


def test_after_the_stop_nobody_asks_any_more(world):
    """So that the consumer may be closed."""
    world.consumer.reaches = True
    world.stranded.start()
    eventually(lambda: world.consumer.asked)
    assert world.stranded.stop()
    assert not world.stranded._thread.is_alive()


@pytest.fixture
def unanswered(world, monkeypatch):
    """The consumer does not return, as librdkafka's does while another thread polls it."""
    answered = threading.Event()
    monkeypatch.setattr(stranded, "_PATIENCE_S", 0.0)
    monkeypatch.setattr(world.stranded, "_answer_within_s", 0.01)
    monkeypatch.setattr(world.consumer, "list_topics", lambda *, timeout: answered.wait())
    yield world
    answered.set()


def test_a_consumer_that_never_answers_is_stranded(unanswered):
    assert unanswered.look(ENOUGH) == [False, False, True]


def test_a_consumer_that_is_still_asked_must_not_be_closed(unanswered):
    unanswered.stranded.start()
    eventually(lambda: unanswered.stranded._questions)
    assert not unanswered.stranded.stop()
