"""ClickHouse dies, and what it had written last is gone: a part without its token, a token without its part.

Each test has two promises behind it: the index of a batch is synced before its numbers, and the numbers are one part.
"""

import json
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep
from urllib.request import urlopen
from uuid import uuid4

import pytest

from processor.block import checkpoint_row
from processor.ledger import Condition, Ledger
from processor.model import OffsetRange, Partition
from sandbox.clickhouse import LocalClickHouse
from sandbox.ports import LOCALHOST, free_port
from tests.eventually import eventually
from tests.examples import examples
from tests.faults.log import jobs, lines, some_events
from tests.faults.operators import Operator
from tests.faults.proxy import ClickHouseProxy
from tests.faults.world import FaultWorld
from tests.processor_world import pools

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

BATCH = ("INSERT INTO analytics", "c.started != 1")
INDEX = ("event_keys", "log_runs")
JOBS, LINES = 1, 3  # where they are among the four numbers of a user


@pytest.fixture(scope="module")
def clickhouse(tmp_path_factory) -> Iterator[LocalClickHouse]:
    """In place of the one that all tests share: it is killed, and runs again for the next test."""
    with LocalClickHouse(tmp_path_factory.mktemp("clickhouse")) as server:
        yield server


@pytest.fixture(autouse=True)
def _runs(clickhouse) -> None:
    if clickhouse.exit_code is not None:
        clickhouse.start()


@pytest.fixture
def counted(world) -> FaultWorld:
    """Something is counted, and a processor waits for more; parts stay as they were inserted."""
    for table in ("analytics", *INDEX):
        world.query(f"SYSTEM STOP MERGES {table}")
    world.publish(some_events(0, 60))
    world.start()
    world.require_exact()
    return world


@contextmanager
def power_cut(world: FaultWorld) -> Iterator[None]:
    """ClickHouse is killed; it starts again after what is done to its files meanwhile."""
    world.clickhouse.kill()
    yield
    world.clickhouse.start()


def parts(world: FaultWorld, *tables: str) -> set[Path]:
    """The folders of all parts of these tables."""
    sql = (
        "SELECT path FROM system.parts WHERE database = currentDatabase() AND table IN %(tables)s AND active"
    )
    return {Path(path) for (path,) in world.query(sql, {"tables": tables})}


def remove(lost: set[Path]) -> None:
    assert lost
    for one in lost:
        shutil.rmtree(one)


def token_log(world: FaultWorld) -> Path:
    """Where table `analytics` remembers its tokens."""
    sql = "SELECT data_paths[1] FROM system.tables WHERE database = currentDatabase() AND name = 'analytics'"
    ((path,),) = world.query(sql)
    return Path(path) / "deduplication_logs"


# --- a token, and no part ---


def use_up_next_tokens(world: FaultWorld, ghosts: int) -> int:
    """Leave the next tokens of every partition with records behind, without their rows; return how many."""
    sql = """
    SELECT workflow_id, sum(offset_delta) FROM analytics WHERE resolution = 'checkpoint' GROUP BY workflow_id
    """
    begun = [row for row in world.query(sql) if row[1]]
    with pools(world.settings) as (plain, columns):
        ledger = Ledger(plain, columns)
        for partition_id, at in begun:
            for ghost in range(ghosts):
                elsewhere = checkpoint_row(uuid4(), OffsetRange(0, 0), started=1)
                place = Partition("analytics", 0, partition_id)
                ledger.insert(place, elsewhere, Condition(1, at, 0), token=f"{at}#0#{ghost}")
    return len(begun) * ghosts


def metric(port: int, name: str) -> float:
    with urlopen(f"http://{LOCALHOST}:{port}/metrics", timeout=5) as page:
        lines_of_it = page.read().decode().splitlines()
    return sum(float(one.split()[-1]) for one in lines_of_it if one.startswith(name))


def test_tokens_without_parts_hold_up_nobody(world):
    """ClickHouse acknowledges what it drops: only the checkpoint, read back, tells."""
    port = free_port()
    world.publish(some_events(0, 60))
    world.start(METRICS_PORT=str(port))
    world.await_applied(world.ends().total())
    ghosts = use_up_next_tokens(world, 3)
    world.publish(some_events(60, 60))
    world.require_exact()
    assert metric(port, "processor_ghost_tokens_total") == ghosts


@pytest.mark.parametrize("seed", [1, 2])
def test_clickhouse_is_killed_within_milliseconds_of_the_end_of_an_insert(world, seed):
    """Somewhere between its last bytes, its token, its part and its answer."""
    moments = random.Random(seed)
    with ClickHouseProxy(world.clickhouse.address) as proxy:
        world.start(clickhouse=proxy.address)
        for first in range(0, 30 * examples(4, soak=12), 30):
            held = proxy.rule("hold end", *BATCH)
            world.publish(some_events(first, 40))
            eventually(lambda held=held: held.happened, within_s=30)
            held.release()
            sleep(moments.uniform(0, 0.02))
            with power_cut(world):
                pass
        world.require_exact()


def test_clickhouse_is_killed_at_any_time(world):
    moments = random.Random(3)
    world.start()
    for first in range(0, 30 * examples(6, soak=16), 30):
        world.publish(some_events(first, 40))
        sleep(moments.uniform(0, 0.6))
        with power_cut(world):
            pass
    world.require_exact()


# --- a part, and no token ---


def test_a_batch_whose_answer_and_token_are_lost_is_not_inserted_again(world):
    with ClickHouseProxy(world.clickhouse.address) as proxy:
        world.publish(some_events(0, 60))
        unheard = proxy.rule("hold answer", *BATCH)
        worker = world.start(clickhouse=proxy.address)
        eventually(lambda: unheard.happened, within_s=60)
        tokens = token_log(world)
        with power_cut(world):
            shutil.rmtree(tokens)
            proxy.end_connections()
        eventually(lambda: "checkpoint_moved" in worker.log_text, within_s=60)
        world.publish(some_events(30, 60))
        world.require_exact()


# --- an acknowledged part that is gone ---


@pytest.mark.parametrize("who", ["lives", "starts anew"])
def test_an_acknowledged_batch_that_is_gone_is_counted_again(counted, who):
    """Its checkpoint is gone with it; its token is still there. Index rows above the checkpoint are no evidence."""
    before = parts(counted, "analytics")
    counted.publish(some_events(30, 60))
    counted.require_exact()
    lost = parts(counted, "analytics") - before
    (worker,) = counted.workers
    with power_cut(counted):
        remove(lost)
        if who == "starts anew":
            worker.kill()
    if who == "starts anew":
        worker.respawn()
    counted.publish(some_events(60, 60))
    counted.require_exact()


def test_an_acknowledged_batch_that_is_gone_with_its_index_and_its_token_is_counted_again(counted):
    before = parts(counted, "analytics", *INDEX)
    counted.publish(some_events(30, 60))
    counted.require_exact()
    lost, tokens = parts(counted, "analytics", *INDEX) - before, token_log(counted)
    with power_cut(counted):
        remove(lost)
        shutil.rmtree(tokens)
    counted.publish(some_events(60, 60))
    counted.require_exact()


@pytest.mark.parametrize("topic", ["analytics", "workflows", "job_logs"])
def test_index_rows_that_are_gone_before_their_numbers_came_are_written_again(counted, topic):
    before = parts(counted, *INDEX)
    (worker,) = counted.workers
    worker.kill()
    worker.crash = f"after-index@{topic}"
    counted.publish(one for one in some_events(30, 60) if one.topic == topic)
    worker.respawn()
    worker.await_crash()
    lost = parts(counted, *INDEX) - before
    with power_cut(counted):
        remove(lost)
    worker.crash = ""
    worker.respawn()
    counted.publish(some_events(40, 60))
    counted.require_exact()


# --- what is not promised: ClickHouse lost what it had synced before it acknowledged what is there ---


def audit(world: FaultWorld) -> tuple[int, list[dict[str, str]]]:
    """The exit code of `chronoverse-processor audit`, and its findings."""
    done = Operator(world).run("audit", "--json")
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)["findings"]


def test_the_auditor_finds_nothing_as_long_as_nothing_is_lost(counted):
    assert audit(counted) == (0, [])


@pytest.mark.parametrize(
    ("table", "events", "counts"),
    [("event_keys", jobs(100, 40, workflows=40), JOBS), ("log_runs", lines(100, 0, 40), LINES)],
    ids=INDEX,
)
def test_the_auditor_finds_lost_index_rows_whose_repeats_would_count_again(counted, table, events, counts):
    """Lost jobs alone could have been records without an EventKey, which have no rows; here workflows are lost, too."""
    before, was = parts(counted, table), total(counted, counts)
    counted.publish(events)
    counted.require_exact()
    lost = parts(counted, table) - before
    with power_cut(counted):
        remove(lost)
    code, findings = audit(counted)
    assert (code, [(one["check"], one["harm"]) for one in findings]) == (65, [("index", "may become wrong")])
    counted.publish(events)
    counted.await_applied(counted.ends().total())
    assert total(counted, counts) == was + 2 * len(events)


def total(world: FaultWorld, column: int) -> int:
    """The sum of one of the numbers over all users."""
    return sum(sums[column] for (_, flow), sums in world.sums("total").items() if not flow)
