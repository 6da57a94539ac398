"""The main job: both corpora come out exactly, whatever happens to the processors meanwhile.

That they do so when nothing happens is in test_insights_corpus.py, whose stacks play them once, and then once more.
"""

import os
import signal
from pathlib import Path

import msgspec
import pytest

from sandbox.records import CorpusRecord
from sandbox.totals import ExpectedTotals, read_expected
from tests.eventually import eventually
from tests.insights import require_insights
from tests.integration.stack_world import StackUnderTest, as_json, newest, records_of, running_stack
from tests.integration.truth import answers_of, expected_of, require_truth
from tests.reference import totals_of

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

SMALL = Path(__file__).parents[1] / "data" / "small.jsonl.gz"


@pytest.fixture(params=["small", pytest.param("main", marks=pytest.mark.corpus)])
def corpus(request, main_corpus) -> Path:
    """A corpus file; its true totals lie beside it."""
    return SMALL if request.param == "small" else main_corpus()


@pytest.mark.corpus
def test_two_processors(tmp_path, main_corpus):
    """The partitions are shared, and the totals are the same. The small one has two, and kills, below."""
    corpus = main_corpus()
    with running_stack(tmp_path / "run", processors=2) as world:
        world.play(records_of(corpus))
        world.await_counted()
        require_truth(world, corpus)


def test_the_processor_is_killed_while_it_plays(tmp_path, corpus):
    """kill -9 in mid-batch, again and again, as soon as there is progress, at most once a second."""
    require_exact_through_kills(tmp_path, corpus, processors=1)


def test_two_processors_are_killed_in_turn_while_it_plays(tmp_path):
    require_exact_through_kills(tmp_path, SMALL, processors=2)


def require_exact_through_kills(tmp_path, corpus, *, processors):
    records = records_of(corpus)
    with running_stack(tmp_path / "run", processors=processors) as world:
        killer = Killer(world)
        with world.playing(records, rate=min(len(records) / 15, 12_000)) as player:
            while player.is_alive():
                killer.kill_after_progress(player)
        world.await_counted()
        require_truth(world, corpus)
        assert killer.kills > 0


class Killer:
    """Kills the processors in turn."""

    def __init__(self, world: StackUnderTest) -> None:
        self.world, self.kills = world, 0

    def kill_after_progress(self, player) -> None:
        player.join(1.0)
        before = self.world.applied()

        def progress() -> bool:
            player.join(0.1)  # to look costs ClickHouse what the processors need to begin again
            self.world.supervise()
            return self.world.applied() > before or not player.is_alive()

        eventually(progress, within_s=60)
        victim = self.world.stack.processors[self.kills % len(self.world.stack.processors)]
        if victim.exit_code is None:
            os.kill(victim.pid, signal.SIGKILL)
            self.kills += 1


def test_repeats_across_a_restart(tmp_path):
    """What was counted before a graceful stop is recognised after it, of each topic: nine weeks have all of them."""
    records = newest(records_of(SMALL), weeks=9)
    half = len(records) // 2
    with running_stack(tmp_path / "run") as world:
        world.play(records[:half])
        world.await_counted()
        processor = world.stack.processors[0]
        processor.stop()
        assert processor.exit_code == 0, processor.last_words()
        world.play(records)
        world.await_counted()
        truth = totals_of(as_json(record) for record in records[:half] + records)
        expected = msgspec.convert(truth, ExpectedTotals)
        assert world.answers(expected) == answers_of(expected)
        require_insights(world.query, truth)


def test_malformed_records_in_bulk_stop_the_program_and_nothing_is_lost(tmp_path):
    """A deployment error: exit code 65, and a processor that reads it right later finds all of it in the log."""
    records = records_of(SMALL)
    bad = [CorpusRecord(topic="analytics", partition_key="p", timestamp_ms=1, value="?") for _ in range(200)]
    with running_stack(tmp_path / "run") as world:
        world.play(records)
        world.await_counted()
        world.play(bad * 5)
        processor = world.stack.processors[0]
        eventually(lambda: processor.exit_code == 65, within_s=60)
        assert "malformed" in processor.last_words()
        assert world.applied() < world.log.counted
        expected = read_expected(expected_of(SMALL))
        assert world.answers(expected) == answers_of(expected)
