"""ClickHouse is away or refuses: the processor says so, waits, and goes on where it was."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from analytics.errors import StoreUnavailable
from sandbox.clickhouse import LocalClickHouse
from tests.faults.log import jobs, lines, some_events
from tests.faults.outages import await_logged, streaming

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

SMALL_BATCHES = {"PROCESSOR_MAX_BATCH_RECORDS": "1000", "PROCESSOR_MAX_BATCH_BYTES": str(1 << 20)}


@pytest.fixture(scope="module")
def clickhouse(tmp_path_factory) -> Iterator[LocalClickHouse]:
    """In place of the one that all tests share: it may be stopped, and runs again for the next test."""
    with LocalClickHouse(tmp_path_factory.mktemp("clickhouse")) as server:
        yield server


@pytest.fixture(autouse=True)
def _mended(clickhouse) -> None:
    if clickhouse.exit_code is not None:
        clickhouse.start()


def rss_kb(worker):
    status = Path(f"/proc/{worker.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_clickhouse_restarts(world, clickhouse, end):
    world.start()
    with streaming(world):
        getattr(clickhouse, end)()
        clickhouse.start()
    world.require_exact()


def test_clickhouse_is_away_for_long(world, clickhouse):
    """It is asked again every 5 s; meanwhile no more is fetched than fits into the buffers, much less than is waiting."""
    worker = world.start(**SMALL_BATCHES)
    world.publish(jobs(0, 100))
    world.await_applied(100)
    before_kb = rss_kb(worker)
    clickhouse.stop()
    for number in range(20):
        world.publish(lines(number, 0, 1_000, Message="x" * 4_000))
    await_logged(worker, "will_try_again", "in_s=5.0", times=2)
    grown_kb = rss_kb(worker) - before_kb
    clickhouse.start()
    world.require_exact()
    assert grown_kb < 50_000  # 80 MB are waiting


def test_clickhouse_is_away_when_the_processor_starts(world, clickhouse):
    world.publish(some_events(0, 100))
    clickhouse.stop()
    worker = world.start()
    await_logged(worker, "not_ready", "ClickHouse cannot be reached")
    clickhouse.start()
    world.require_exact()


REFUSALS = {
    "too many parts": (
        ["SYSTEM STOP MERGES {}", "ALTER TABLE {} MODIFY SETTING parts_to_delay_insert=1, parts_to_throw_insert=1"],
        ["SYSTEM START MERGES {}", "ALTER TABLE {} RESET SETTING parts_to_delay_insert, parts_to_throw_insert"],
        "Too many parts",
    ),
    "a full disk": (
        [f"ALTER TABLE {{}} MODIFY SETTING min_free_disk_bytes_to_perform_insert={1 << 60}"],
        ["ALTER TABLE {} RESET SETTING min_free_disk_bytes_to_perform_insert"],
        "enough free space",
    ),
    "a table that is read only": (
        ["ALTER TABLE {} MODIFY SETTING table_readonly=1"],
        ["ALTER TABLE {} MODIFY SETTING table_readonly=0"],
        "readonly",
    ),
}  # fmt: skip


@pytest.mark.parametrize("refusal", REFUSALS)
def test_clickhouse_refuses_inserts(world, refusal):
    """Into the numbers, or into the index before them."""
    breaks, mends, words = REFUSALS[refusal]
    worker = world.start()
    for number, table in enumerate(("analytics", "event_keys")):
        world.publish(some_events(100 * number, 100))
        world.await_applied(world.ends().total())
        for statement in breaks:
            world.query(statement.format(table))
        world.publish(some_events(100 * number + 50, 100))
        await_logged(worker, "will_try_again", words, times=3)
        for statement in mends:
            world.query(statement.format(table))
    world.require_exact()


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        (
            "SELECT groupArray(number) FROM numbers(1000000) SETTINGS max_memory_usage = 1000000",
            "memory limit",
        ),
        ("INSERT INTO FUNCTION file('/proc/no-file', 'CSV') SELECT 1", "Cannot open file"),
    ],
)
def test_what_the_server_lacks_it_may_have_later(world, statement, why):
    """Memory, disk, open files: such a failure does not end the processor."""
    with pytest.raises(StoreUnavailable, match=why):
        world.query(statement)
