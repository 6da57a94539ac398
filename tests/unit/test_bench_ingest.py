"""The benchmark of ingestion, without engines: what it reads from the kernel, watches, feeds and compares."""

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
import pytest

from benchmarks import watch as watching
from benchmarks.errors import BenchmarkFailed
from benchmarks.fill import Filled
from benchmarks.load import LINES_OF_JOB, Load
from benchmarks.measurement import Readings, values_of
from benchmarks.meter import Cost, Meter, Reading, cpu_s, peak_rss_mb, taken_share
from benchmarks.ours import require_equal
from benchmarks.setting import Setting
from benchmarks.watch import watch
from processor.decode.careful import read_workflows
from sandbox.broker import LocalBroker


def in_turn(values: Iterable[int]) -> Callable[[], int]:
    """Return what gives one value after the other, and the last one for ever."""
    left = list(values)
    return lambda: left.pop(0) if len(left) > 1 else left[0]


def test_the_cpu_of_a_process_grows_as_it_works() -> None:
    before = cpu_s(os.getpid())
    while cpu_s(os.getpid()) == before:
        pass
    assert cpu_s(os.getpid()) > before


def test_the_peak_memory_counts_what_was_given_back() -> None:
    before = peak_rss_mb([os.getpid()])
    block = b"x" * (int(before * 1e6) + 50_000_000)
    del block
    assert peak_rss_mb([os.getpid()]) > before + 49


def test_what_others_took_of_the_machine_is_what_neither_we_nor_nobody_had(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    first = Reading(0.0, Cost(), idle=100.0)
    last = Reading(10.0, Cost(client=4.0, server=3.0, broker=1.0), idle=107.0)

    assert taken_share(first, last) == pytest.approx(0.25)  # of 20 core seconds 8 were ours and 7 idle


def test_watching_ends_when_every_record_is_applied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "QUIET_S", 0.01)

    readings, counted = watch(
        Meter(), 1000, assigned=lambda: 1, applied=in_turn([0, 500, 1000]), merges=lambda: 0
    )

    assert readings.applied.at_s > readings.assigned.at_s
    assert counted == 1000


def test_the_clock_begins_before_the_first_partition_is_assigned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "QUIET_S", 0.01)
    asked_s: list[float] = []

    def assigned() -> int:
        asked_s.append(time.monotonic())
        return [0, 0, 1][len(asked_s) - 1]

    readings, _ = watch(Meter(), 1, assigned=assigned, applied=lambda: 1, merges=lambda: 0)

    assert asked_s[1] < readings.assigned.at_s < asked_s[2]


def test_without_merges_the_clock_stops_with_the_last_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "QUIET_S", 0.01)

    readings, _ = watch(Meter(), 1, assigned=lambda: 1, applied=lambda: 1, merges=lambda: 0)

    assert readings.merged == readings.applied


def test_merges_that_go_on_are_inside_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "POLL_S", 0.01)
    monkeypatch.setattr(watching, "QUIET_S", 0.05)

    readings, _ = watch(Meter(), 1, assigned=lambda: 1, applied=lambda: 1, merges=in_turn([2, 1, 1, 0]))

    assert readings.merged.at_s >= readings.applied.at_s + 0.03


def test_a_contender_that_stalls_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "STALLED_AFTER_S", 0.0)
    with pytest.raises(BenchmarkFailed, match="at 7 of 1,000"):
        watch(Meter(), 1000, assigned=lambda: 1, applied=lambda: 7, merges=lambda: 0)


def test_a_rate_counts_the_merges_and_says_beside_it_what_it_is_without_them() -> None:
    filled = Filled(Load("jobs", 10, duplicates=0), {"analytics": {0: 600, 1: 400}}, 0, 0.0)
    readings = Readings(*(Reading(at_s, Cost(client=at_s / 2), idle=0.0) for at_s in (1.0, 3.0, 6.0)))

    values = values_of(filled, readings, client_mb=1.0)

    assert (values["per_s"], values["applied_per_s"]) == (200, 500)
    assert values["client_cpu_us"] == pytest.approx(2500)  # until the merges have ended


@pytest.mark.parametrize(
    "found", [{"a": (1, 2)}, {"a": (1, 2), "b": (3, 5)}, {"a": (1, 2), "b": (3, 4), "c": (0, 1)}]
)
def test_one_wrong_total_is_a_failure(found: dict[str, tuple[int, int]]) -> None:
    with pytest.raises(BenchmarkFailed, match="the totals of 1 workflows are wrong"):
        require_equal("workflow", found, {"a": (1, 2), "b": (3, 4)})


def test_equal_totals_pass() -> None:
    require_equal("workflow", {"a": (1, 2)}, {"a": (1, 2)})


def test_a_mixed_load_has_a_result_and_log_lines_for_each_job() -> None:
    load = Load("mixed", 1000, duplicates=0.01)
    topics = [record.topic for record in load]

    assert len(topics) == 1000
    assert topics.count("analytics") == topics.count("workflows") == 200
    assert topics.count("job_logs") == 200 * LINES_OF_JOB


def test_the_truth_of_a_mixed_load_is_that_of_its_jobs_and_lines_together() -> None:
    load = Load("mixed", 5000, duplicates=0.01)
    records = list(load)

    lines = sum(row[2] for row in load.by_workflow().values())
    jobs = sum(row[0] for row in load.by_workflow().values())
    repeats = len(records) - 1000 - jobs - lines  # those of results are counted nowhere

    assert repeats == load.repeats > 0
    assert sum(row[1] for row in load.by_user().values()) == jobs


def test_a_result_is_read_as_one_and_names_the_same_job() -> None:
    job, result, *_ = Load("mixed", 5, duplicates=0)

    read_workflows(result.value)

    said, event = msgspec.json.decode(result.value), msgspec.json.decode(job.value)
    assert said["UserID"] == event["UserID"]
    assert said["ID"] == event["WorkflowID"]
    assert said["JobID"] in event["EventKey"]


def test_what_was_prepared_is_there_in_every_run_and_stays_as_it_is(tmp_path: Path) -> None:
    prepared = tmp_path / "prepared"
    (prepared / "parts").mkdir(parents=True)
    (prepared / "log").write_text("small")
    (prepared / "parts" / "column.bin").write_bytes(bytes(1 << 20))
    setting = Setting(
        tmp_path, LocalBroker(tmp_path), Filled(Load("jobs", 1, duplicates=0), {}, 0, 0.0), prepared
    )

    run = setting.new_clickhouse()
    (run / "log").write_text("changed")
    (run / "parts" / "column.bin").unlink()

    assert (prepared / "log").read_text() == "small"
    assert (prepared / "parts" / "column.bin").exists()
