"""A processor that is stopped in the middle of an insert and wakes up after its token is forgotten.

The server looks at the checkpoint when a statement arrives, and writes when the data do. Between the two the token
alone keeps an insert from being written that another processor has made meanwhile. So the time between them has to
be shorter than any window of tokens lasts.
"""

from concurrent.futures import ThreadPoolExecutor

import pytest

from analytics.errors import LedgerBroken, StoreTimeout
from processor import ledger
from processor.ledger import Ledger
from processor.model import Checkpoint
from tests.eventually import eventually
from tests.model.stepped import SteppedPool, Stepper
from tests.processor_world import fresh_database, pools, some_partition

pytestmark = pytest.mark.integration

_WINDOW = 5  # tokens
_TAKES = "SELECT elapsed FROM system.processes WHERE query_kind = 'Insert' AND query LIKE %(part)s"


class Zombie:
    """A processor that has sent its insert at offset 0, but not its data, while another one used up all tokens."""

    def __init__(self, plain, columns, threads):
        self.plain, self.ledger, self.partition = plain, Ledger(plain, columns), some_partition()
        with plain.lend(10) as connection:
            connection.query(
                f"ALTER TABLE analytics MODIFY SETTING non_replicated_deduplication_window = {_WINDOW}"
            )
        self.ledger.begin(self.partition, 0, 0)
        self._columns, self._threads = columns, threads
        stepper = Stepper(self._work)
        stepper.step(None)
        for first in range(2 * _WINDOW):
            self.ledger.apply(self.partition, Checkpoint(first), first + 1, None, leader_epoch=-1, ghosts=0)
        self.wake = self._stopped.insert_at_server.finish
        stepper.kill()

    def _work(self, stepper):
        self._stopped = SteppedPool(self._columns, stepper, self._threads)
        asleep = Ledger(self.plain, self._stopped)
        asleep.apply(self.partition, Checkpoint(0), 7, None, leader_epoch=-1, ghosts=0)

    def takes_s(self):
        """How long the server has had the insert."""
        with self.plain.lend(10) as connection:
            ((elapsed_s,),) = connection.query(_TAKES, {"part": f"%{self.partition.id}%"})
        return elapsed_s


@pytest.fixture
def stores(clickhouse):
    with pools(fresh_database(clickhouse.address)) as both, ThreadPoolExecutor(1) as threads:
        yield *both, threads


def test_an_insert_that_is_under_way_for_too_long_is_not_written(stores, monkeypatch):
    monkeypatch.setitem(ledger.ONE_BLOCK, "max_execution_time", 3)
    zombie = Zombie(*stores)
    eventually(lambda: zombie.takes_s() > 3.1)
    with pytest.raises(StoreTimeout):
        zombie.wake()
    assert zombie.ledger.checkpoint(zombie.partition).next_offset == 2 * _WINDOW


def test_without_that_limit_it_would_be_written_a_second_time(stores):
    """When ClickHouse looks at the checkpoint later some day, the limit is needed no more."""
    zombie = Zombie(*stores)
    zombie.wake()
    with pytest.raises(LedgerBroken):
        zombie.ledger.checkpoint(zombie.partition)
