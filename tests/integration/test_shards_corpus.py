"""Two ClickHouse servers and three processors: the corpus comes out exactly, whatever is killed meanwhile."""

import json
import os
import sys
from contextlib import closing

import pytest

from tests import forked
from tests.integration import test_insights_corpus as ranges
from tests.integration.stack_world import records_of, running_stack
from tests.integration.test_exactness import SMALL, Killer
from tests.integration.truth import require_truth

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

_PLAY_S = 8


def test_processors_and_a_server_are_killed_while_it_plays(tmp_path):
    """kill -9 in mid-batch, again and again; partitions are on both servers."""
    records = records_of(SMALL)
    with running_stack(tmp_path / "run", processors=3, shards=2) as world:
        killer = Killer(world)
        with world.playing(records, rate=len(records) / _PLAY_S) as player:
            while player.is_alive():
                killer.kill_after_progress(player)
                if killer.kills == 2:
                    world.stack.shards[1].kill()  # it is started again like everything else
        world.await_counted()
        require_truth(world, SMALL)
        require_true_ranges(world)
        assert killer.kills > 2
        assert shards_of_partitions(world) == {1, 2}


def require_true_ranges(world):
    """Days, workflows, failures, states and percentiles, as with one server."""
    with closing(ranges.Corpus(world, SMALL)) as corpus:
        ranges.test_days_have_the_jobs_seconds_and_lines_that_the_corpus_says(corpus)
        ranges.test_workflows_have_their_kind_state_results_and_streams(corpus)
        ranges.test_failures_of_a_user_are_those_of_the_workflows(corpus)
        ranges.test_states_of_a_user_are_those_of_the_workflows(corpus)
        ranges.test_percentiles_are_within_one_percent_of_the_exact_ones(corpus)


def shards_of_partitions(world):
    """As `status` tells them."""
    command = [sys.executable, "-m", "processor", "status", "--json"]
    environment = os.environ | world.stack.environment()
    said = forked.run(command, env=environment, timeout=60)
    assert said.returncode == 0, said.stderr
    return {one["shard"] for one in json.loads(said.stdout)["partitions"]}
