"""The benchmark of ingestion, without engines: what it reads from the kernel, watches, compares and reports."""

import os

import click
import msgspec
import pytest

from benchmarks.errors import BenchmarkFailed
from benchmarks.ingest import Options, chosen
from benchmarks.measurement import Measurement, Role
from benchmarks.meter import Cost, Meter, Reading, cpu_s, peak_rss_mb, taken_share
from benchmarks.ours import require_equal
from benchmarks.report import Summary, remarks, summarize
from benchmarks.watch import watch


def a_measurement(key: str, role: Role, seconds: float, cpu_s: float = 1.0) -> Measurement:
    cost = Cost(client=cpu_s)
    return Measurement(
        key=key, name=key, role=role, kind="jobs", events=1_000_000,
        steady_s=seconds, whole_s=seconds, steady_cpu=cost, whole_cpu=cost,
    )  # fmt: skip


def options(*only: str, processors: tuple[int, ...] = (1,)) -> Options:
    return Options(1000, 0.01, 1, ("jobs",), only, processors, 0.0)


def by_key(summaries: list[Summary]) -> dict[str, Summary]:
    return {one.key: one for one in summaries}


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


def test_watching_ends_when_every_record_is_applied() -> None:
    applied = iter([0, 500, 1000])

    seen = watch(Meter(), 1000, is_assigned=lambda: True, applied=lambda: next(applied))

    assert seen.finished.at_s > seen.assigned.at_s
    assert seen.counted == 1000


def test_records_that_a_rival_counted_twice_are_told() -> None:
    (one,) = summarize([
        msgspec.structs.replace(a_measurement("engine-rawblob", "rival", 1.0), counted_again=again) for again in (0, 7)
    ])  # fmt: skip

    assert remarks([one]) == ["jobs: engine-rawblob counted 7 records more than once in a run"]


def test_a_contender_that_stalls_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.watch.STALLED_AFTER_S", 0.0)
    with pytest.raises(BenchmarkFailed, match="at 7 of 1,000"):
        watch(Meter(), 1000, is_assigned=lambda: True, applied=lambda: 7)


@pytest.mark.parametrize(
    "found", [{"a": (1, 2)}, {"a": (1, 2), "b": (3, 5)}, {"a": (1, 2), "b": (3, 4), "c": (0, 1)}]
)
def test_one_wrong_total_is_a_failure(found: dict[str, tuple[int, int]]) -> None:
    with pytest.raises(BenchmarkFailed, match="the totals of 1 workflows are wrong"):
        require_equal("workflow", found, {"a": (1, 2), "b": (3, 4)})


def test_equal_totals_pass() -> None:
    require_equal("workflow", {"a": (1, 2)}, {"a": (1, 2)})


def test_a_summary_has_the_median_and_the_spread_of_the_runs() -> None:
    (one,) = summarize([a_measurement("limit", "limit", seconds) for seconds in (1.0, 4.0, 2.0)])

    assert (one.min_events_per_s, one.median_events_per_s, one.max_events_per_s) == (
        250_000,
        500_000,
        1_000_000,
    )


def test_ratios_are_to_the_limit_and_to_the_better_rival() -> None:
    found = by_key(
        summarize([
            a_measurement("limit", "limit", 1.0),
            a_measurement("engine-jsoneachrow", "rival", 8.0),
            a_measurement("engine-rawblob", "rival", 4.0),
            a_measurement("processor-1", "ours", 2.0),
        ])
    )  # fmt: skip

    assert found["processor-1"].ratio_to_limit == pytest.approx(0.5)
    assert found["processor-1"].ratio_to_best_rival == pytest.approx(2.0)
    assert found["engine-jsoneachrow"].ratio_to_best_rival == pytest.approx(0.5)


def test_there_is_no_ratio_to_somebody_who_was_not_measured() -> None:
    (one,) = summarize([a_measurement("processor-1", "ours", 2.0)])

    assert (one.ratio_to_limit, one.ratio_to_best_rival) == (None, None)


def test_cpu_is_per_million_events() -> None:
    halved = msgspec.structs.replace(a_measurement("processor-1", "ours", 2.0, cpu_s=3.0), events=500_000)

    assert summarize([halved])[0].cpu_s_per_million.client == pytest.approx(6.0)


def test_only_chooses_by_the_start_of_a_key() -> None:
    assert [one.key for one in chosen(options("engine", "processor-2", processors=(1, 2)))] == [
        "engine-jsoneachrow",
        "engine-rawblob",
        "processor-2",
    ]


def test_only_with_nobody_is_refused() -> None:
    with pytest.raises(click.UsageError, match="processor-1"):
        chosen(options("flink"))
