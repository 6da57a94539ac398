"""Members of the group come and go all the time, groups compete, groups are renamed: every event counts once."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, cycle
from random import Random

import pytest

from tests.eventually import eventually
from tests.examples import examples
from tests.faults.conftest import MakeWorld
from tests.faults.log import jobs, some_events
from tests.faults.world import FaultWorld, Worker

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

EACH_STRATEGY = pytest.mark.parametrize("strategy", ["cooperative-sticky", "range"])
STORM = {"KAFKA_SESSION_TIMEOUT": "1s", "KAFKA_HEARTBEAT_INTERVAL": "200ms", "PROCESSOR_MIN_INTERVAL": "1ms"}
PARTITIONS = 6  # two of each topic
ENDED = {
    "stop": (0, -signal.SIGTERM),
    "kill": (-signal.SIGKILL,),
}  # SIGTERM may come before it is listened to


@pytest.fixture
def world(make_world: MakeWorld) -> FaultWorld:
    return make_world(others=2)


@contextmanager
def streaming(world: FaultWorld) -> Iterator[None]:
    """Events are published all the time, a fifth of them twice, so that there is always a batch in hand."""
    ended = threading.Event()

    def publish() -> None:
        for first in count(0, 40):
            world.publish(some_events(first, 50))
            if ended.wait(0.25):
                return

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def opened(worker: Worker) -> int:
    return worker.log_text.count("partition_opened")


def lost(worker: Worker) -> int:
    return worker.log_text.count("partition_revoked")


def await_member(worker: Worker) -> None:
    """Return when it reads something."""
    eventually(lambda: opened(worker) > 0, within_s=60)


def leave(worker: Worker, how: str) -> None:
    """Gracefully, which tells the group, or by SIGKILL, which it learns a second later."""
    worker.stop() if how == "stop" else worker.kill()
    assert worker.exit_code in ENDED[how], worker.last_words()


@EACH_STRATEGY
def test_members_join_and_leave_every_second(world, strategy):
    """Four members at the most, one of which leaves or joins every second; half of those that leave are killed."""
    chance, ways = Random(5), cycle(["stop", "kill"])
    members = [world.worker(KAFKA_ASSIGNMENT_STRATEGY=strategy, **STORM) for _ in range(4)]
    members[0].respawn()
    eventually(lambda: opened(members[0]) == PARTITIONS, within_s=60)
    pause = threading.Event()
    with streaming(world):
        for _ in range(examples(8, soak=24)):
            member = chance.choice(members[1:])
            leave(member, next(ways)) if member.runs else member.respawn()
            pause.wait(1.0)
        for member in members[1:]:  # on a busy machine none of them may have come so far as to take anything
            if not member.runs:
                member.respawn()
        eventually(lambda: lost(members[0]) > 0, within_s=60)
        for member in members[1:]:
            leave(member, "kill")
    world.require_exact()


@EACH_STRATEGY
def test_a_batch_in_hand_when_its_partition_is_taken_away(world, tmp_path, strategy):
    """It stalls before its insert; meanwhile another member has the partition, and goes on."""
    stall = tmp_path / "stall"
    stall.touch()
    world.publish(jobs(0, 100))
    first = world.start(
        crash="before-insert=stall", FAULT_STALL=str(stall), KAFKA_ASSIGNMENT_STRATEGY=strategy
    )
    eventually(lambda: "before-insert stall" in first.log_text, within_s=60)
    second = world.start(KAFKA_ASSIGNMENT_STRATEGY=strategy)
    await_member(second)
    first.crash = ""
    world.publish(jobs(50, 100))
    stall.unlink()
    world.require_exact()


def test_two_groups_at_the_same_time(world):
    """Each of them reads all of the log; of two batches from the same checkpoint one counts."""
    groups = [world.start(KAFKA_CONSUMER_GROUP=name, **STORM) for name in (world.group, f"{world.group}-2")]
    with streaming(world):
        for worker in groups:
            eventually(lambda worker=worker: "checkpoint_moved" in worker.log_text, within_s=60)
    world.require_exact()


def test_two_groups_of_which_members_are_killed(world):
    groups = [world.start(KAFKA_CONSUMER_GROUP=name, **STORM) for name in (world.group, f"{world.group}-2")]
    pause, ways = threading.Event(), cycle(groups)
    with streaming(world):
        for worker in groups:
            await_member(worker)
        for _ in range(examples(6, soak=16)):
            pause.wait(0.7)
            victim = next(ways)
            victim.kill()
            victim.respawn()
    world.require_exact()


def test_a_renamed_group(world):
    """It knows no committed offsets, and goes on at the checkpoint."""
    world.publish(some_events(0, 100))
    former = world.start()
    world.await_applied(world.ends().total())
    former.stop()
    world.publish(some_events(50, 100))
    renamed = world.start(KAFKA_CONSUMER_GROUP=f"{world.group}-renamed")
    world.require_exact()
    assert "offset=0 partition=analytics" not in renamed.log_text


def test_a_group_that_changes_its_strategy(world):
    """All members are stopped between, as Kafka demands it."""
    world.publish(some_events(0, 100))
    worker = world.start()
    world.await_applied(world.ends().total())
    worker.stop()
    world.publish(some_events(50, 100))
    world.start(KAFKA_ASSIGNMENT_STRATEGY="range")
    world.require_exact()


def test_an_error_in_the_callback_ends_the_processor_and_another_one_goes_on(world):
    """The binding would assign by itself, from offsets that are not ours."""
    world.publish(some_events(0, 100))
    worker = world.start(crash="in-assignment=raise")
    worker.await_end(1)
    assert world.applied() == 0
    worker.crash = ""
    worker.respawn()
    world.require_exact()
