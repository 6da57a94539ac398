"""What is answered on METRICS_PORT, and when a program is live and ready."""

import json
import socket
import threading
import urllib.error
import urllib.request
from types import SimpleNamespace

import pytest

from analytics.endpoints import serve_endpoints
from analytics.errors import CannotListen
from analytics.readiness import service_problems
from analytics.turns import Turns
from processor import metrics
from processor.standing import Standing
from processor.vitals import COUNTING, REPORTING, Vitals

NOW_MS = 1_772_359_200_000
HERE, THERE = ("analytics", 0), ("job_logs", 1)


def get(port, path):
    """Status and text."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.fixture(scope="module")
def port():
    """Where a program serves that lives, but is not ready."""
    return serve_endpoints(0, live=list, ready=lambda: ["ClickHouse does not answer"])


def test_where_all_is_well_the_answer_is_200(port):
    status, text = get(port, "/live")
    assert (status, json.loads(text)) == (200, {"ok": True, "problems": []})


def test_where_something_is_wrong_the_answer_is_503_and_says_what(port):
    status, text = get(port, "/ready")
    assert (status, json.loads(text)) == (503, {"ok": False, "problems": ["ClickHouse does not answer"]})


def test_metrics_are_in_prometheus_format(port):
    status, text = get(port, "/metrics")
    assert status == 200
    assert "# TYPE processor_assigned_partitions gauge" in text


def test_another_path_is_404_and_says_which_there_are(port):
    assert get(port, "/health") == (404, "here are /live, /metrics, /ready\n")


def test_a_client_that_sends_nothing_holds_up_nobody(port):
    with socket.create_connection(("127.0.0.1", port)):
        assert get(port, "/live")[0] == 200


def test_without_a_port_nothing_is_served():
    assert serve_endpoints(None, live=list, ready=list) is None


def test_a_port_that_is_taken_is_said():
    with socket.create_server(("0.0.0.0", 0)) as taken, pytest.raises(CannotListen, match="METRICS_PORT"):
        serve_endpoints(taken.getsockname()[1], live=list, ready=list)


# --- loops ---


def test_a_loop_that_turns_is_no_problem():
    now = [0.0]
    turns = Turns({"main": 10}, clock=lambda: now[0])
    for now[0] in range(0, 100, 9):
        assert turns.problems() == []
        turns.note("main")


def test_a_loop_that_stands_still_is_named():
    now = [0.0]
    turns = Turns({"main": 10, "other": 1_000}, clock=lambda: now[0])
    now[0] = 11.0
    assert turns.problems() == ["loop `main` stands still since 11 s"]


# --- the processor ---


class VitalsWorld:
    """Vitals of a processor with some partitions, at a time of the test's own."""

    def __init__(self, **states):
        self.now_s, self.stop = NOW_MS / 1000, threading.Event()
        self.states = dict(zip((HERE, THERE), states.values(), strict=False))
        self.vitals = Vitals(30.0, now_s=lambda: self.now_s)
        self.vitals.running(self.stop, lambda: self.states)
        self.vitals.standing.lag(dict.fromkeys(self.states, 0))

    def reported(self, *ages_s):
        as_of = [NOW_MS - round(age_s * 1000) for age_s in ages_s]
        self.vitals.standing.reported(dict(zip(self.states, as_of, strict=True)))
        return self

    @property
    def problems(self):
        return self.vitals.ready_problems()


def test_a_processor_that_counts_all_its_partitions_is_ready():
    assert VitalsWorld(here="reading", there="reading").reported(1, 29).problems == []


def test_before_it_begins_it_is_not_ready():
    (problem,) = Vitals(30.0).ready_problems()
    assert problem.startswith("starting")


def test_without_a_partition_it_is_not_ready():
    assert VitalsWorld().problems == ["no partition is assigned to it"]


def test_a_halted_partition_is_named_however_fresh_it_is():
    world = VitalsWorld(here="halted", there="reading").reported(0, 0)
    assert world.problems == ["partition analytics/0 is halted; see log event `partition_halted`"]


def test_a_partition_that_is_behind_is_named():
    world = VitalsWorld(here="reading", there="reading").reported(1, 31)
    assert world.problems == ["partition job_logs/1 is 31 s behind"]


def test_what_was_reported_grows_old_when_nothing_more_is_reported():
    world = VitalsWorld(here="reading").reported(1)
    world.now_s += 60
    assert world.problems == ["partition analytics/0 is 61 s behind"]


def test_a_partition_that_was_just_assigned_is_not_known_yet():
    assert VitalsWorld(here="opening").problems == [
        "how far partition analytics/0 is counted is not known yet"
    ]


def test_from_the_signal_on_it_is_not_ready_but_lives():
    world = VitalsWorld(here="reading").reported(1)
    world.stop.set()
    assert (world.problems, world.vitals.live_problems()) == (["draining"], [])


def test_both_loops_must_turn():
    vitals = Vitals(30.0)
    vitals._turns._turned_at = {COUNTING: -1e6, REPORTING: -1e6}
    assert len(vitals.live_problems()) == 2


def shown(gauge):
    return {sample.labels["topic"]: sample.value for sample in next(iter(gauge.collect())).samples}


def test_metrics_show_the_partitions_that_it_has_and_no_others():
    metrics.AS_OF.clear()
    standing = Standing()
    standing.lag({HERE: 5, THERE: 7})
    standing.reported({HERE: 3_000, THERE: 0})
    assert (shown(metrics.LAG), shown(metrics.AS_OF)) == ({"analytics": 5, "job_logs": 7}, {"analytics": 3})
    standing.lag({THERE: 8})
    assert (shown(metrics.LAG), shown(metrics.AS_OF)) == ({"job_logs": 8}, {})
    standing.lag({})
    assert shown(metrics.LAG) == {}


# --- the service ---


def service(as_of_ms, *, store_answers=True, draining=False):
    freshness = SimpleNamespace(as_of_ms=lambda: as_of_ms, store_answers=store_answers)
    return service_problems(freshness, lambda: draining, stale_after_s=30.0, now_s=lambda: NOW_MS / 1000)


def test_a_service_with_fresh_numbers_is_ready():
    assert service(NOW_MS - 29_000) == []


@pytest.mark.parametrize(
    ("problem", "situation"),
    [
        ("ClickHouse does not answer", {"as_of_ms": NOW_MS, "store_answers": False}),
        ("how old the numbers are is not known", {"as_of_ms": None}),
        ("the numbers are 31 s old", {"as_of_ms": NOW_MS - 31_000}),
        ("draining", {"as_of_ms": NOW_MS, "draining": True}),
    ],
)
def test_a_service_that_is_not_ready_says_why(problem, situation):
    (found,) = service(**situation)
    assert found.startswith(problem)
