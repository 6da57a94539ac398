"""What is said to ClickHouse arrives half, late or not at all, or its answer does: the numbers do not notice."""

from collections.abc import Iterator

import pytest

from tests.eventually import eventually
from tests.faults.log import Event, some_events
from tests.faults.proxy import Action, ClickHouseProxy, Rule
from tests.faults.world import FaultWorld, Worker
from tests.processor_world import step

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

PATIENCE_S = "1"
BATCH = ("INSERT INTO analytics", "c.started != 1")
INSERTS = (
    ("INSERT INTO analytics", "c.started != 0"),  # the first row of a partition
    BATCH,
    ("INSERT INTO workflows",),
    ("INSERT INTO event_keys",),
    ("INSERT INTO log_runs",),
)
READ_BACK = ("FROM analytics", "argMax(leader_epoch, next_offset)")
QUESTIONS = (READ_BACK, ("FROM event_keys", "FROM asked"), ("FROM log_runs", "INNER JOIN asked"))


@pytest.fixture
def proxy(world: FaultWorld) -> Iterator[ClickHouseProxy]:
    with ClickHouseProxy(world.clickhouse.address) as proxy:
        yield proxy


def start(world: FaultWorld, proxy: ClickHouseProxy) -> Worker:
    """A processor behind the proxy, which waits for ClickHouse no longer than a second."""
    return world.start(clickhouse=proxy.address, crash="nothing", FAULT_STORE_TIMEOUT_S=PATIENCE_S)


def events(first: int = 0, count: int = 60) -> list[Event]:
    """Of all topics and kinds, so that every table is written; repeats of those before among them."""
    return [*some_events(first, count), Event("workflows", step(), step()["ID"])]


def broken(proxy: ClickHouseProxy, action: Action, statements, times: int = 1) -> list[Rule]:
    """A rule for each kind of statement."""
    return [proxy.rule(action, *words, times=times) for words in statements]


def await_all(rules: list[Rule], times: int = 1) -> None:
    """Return when all of them have happened so often."""
    eventually(lambda: [rule.happened for rule in rules] == [times] * len(rules), within_s=60)


def release(rules: list[Rule]) -> None:
    """Let go of what is held, and return when the server has done with it."""
    for rule in rules:
        rule.release()
    eventually(lambda: all(rule.let_go == rule.happened for rule in rules))


@pytest.mark.parametrize("action", ["lose answer", "cut data", "cut end", "swallow"])
def test_every_kind_of_insert_fails_twice(world, proxy, action):
    """Done and not acknowledged, cut half way, cut before its end was told, or never heard."""
    world.publish(events())
    rules = broken(proxy, action, INSERTS, times=2)
    start(world, proxy)
    await_all(rules, times=2)
    world.publish(events(30))
    world.require_exact()


def test_a_batch_that_was_not_acknowledged_is_found_to_be_applied(world, proxy):
    world.publish([one for one in events() if one.topic == "analytics"])
    (lost,) = broken(proxy, "lose answer", [BATCH])
    worker = start(world, proxy)
    eventually(lambda: worker.log_text.count("checkpoint_moved") == lost.happened == 1, within_s=60)
    world.require_exact()


@pytest.mark.parametrize("action", ["hold data", "hold end", "hold answer"])
def test_every_kind_of_insert_is_given_up_and_arrives_after_its_repetition(world, proxy, action):
    world.publish(events())
    rules = broken(proxy, action, INSERTS)
    start(world, proxy)
    await_all(rules)
    world.require_exact()
    release(rules)
    world.require_right_numbers()
    world.publish(events(30))
    world.require_exact()


@pytest.mark.parametrize("action", ["hold data", "hold end"])
def test_an_insert_that_was_given_up_arrives_together_with_its_repetition(world, proxy, action):
    """ClickHouse has compared the checkpoint for both of them before either is there: only the token tells."""
    world.publish(events())
    rules = broken(proxy, action, [BATCH], times=6)
    start(world, proxy)
    await_all(rules, times=6)
    release(rules)
    world.publish(events(30))
    world.require_exact()


@pytest.mark.parametrize("action", ["lose answer", "hold answer", "swallow"])
def test_every_kind_of_question_is_not_answered_in_time(world, proxy, action):
    start(world, proxy)
    world.publish(events())
    world.require_exact()
    rules = broken(proxy, action, QUESTIONS, times=2)
    world.publish(events(30))
    await_all(rules, times=2)
    world.require_exact()


def test_connections_are_cut_anywhere_for_a_while(world, proxy):
    start(world, proxy)
    world.publish(events())
    world.await_applied(1)
    with proxy.cutting(seed=5):
        for first in range(60, 200, 20):
            before = proxy.cuts
            world.publish(events(first, 20))
            eventually(lambda before=before: proxy.cuts > before + 2, within_s=60)
    world.require_exact()
