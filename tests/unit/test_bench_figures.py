"""What every part of the benchmark gives, and how it is judged and shown."""

from typing import Any

import pytest

from benchmarks.command import PARTS
from benchmarks.effort import Effort
from benchmarks.errors import BenchmarkFailed
from benchmarks.figures import Notebook, Row, Values, latency_values, number, percentile
from benchmarks.names import Auth, all_ingested, asked, flat, ingested
from benchmarks.prober import Lane
from benchmarks.show import median_taken, remarks, shown, table_of
from benchmarks.targets import Target, best, growth, judged, least, ratio, total, worst
from benchmarks.wanted import TARGETS


def a_row(name: str, *runs: Values, part: Any = "ingest") -> Row:
    return Row(part, name, runs)


def a_rate(key: str, *rates: float) -> Row:
    return a_row(ingested("jobs", key), *({"per_s": rate} for rate in rates))


@pytest.mark.parametrize(("share", "value"), [(0.0, 1), (0.5, 50), (0.99, 99), (0.991, 100), (1.0, 100)])
def test_a_percentile_is_the_value_that_so_many_do_not_exceed(share: float, value: int) -> None:
    assert percentile(range(1, 101), share) == value


def test_of_few_values_the_99th_percentile_is_the_largest() -> None:
    assert percentile([1.0, 2.0, 9.0], 0.99) == 9.0


def test_there_is_no_percentile_of_nothing() -> None:
    with pytest.raises(ValueError, match="of nothing"):
        latency_values([])


def test_latencies_need_no_order() -> None:
    assert latency_values([9.0, 1.0, 2.0]) == {"p50_ms": 2.0, "p99_ms": 9.0, "max_ms": 9.0}


def test_a_row_has_the_median_and_the_spread_of_the_runs() -> None:
    spread = a_rate("limit", 4.0, 1.0, 2.0).spread("per_s")

    assert spread is not None
    assert (spread.least, spread.median, spread.most, spread.runs) == (1.0, 2.0, 4.0, 3)


def test_what_was_not_measured_has_no_spread() -> None:
    assert a_rate("limit", 1.0).spread("p50_ms") is None


def test_runs_that_take_turns_come_into_their_rows() -> None:
    book = Notebook(lambda _: None)
    for rate in (1.0, 2.0):
        book.note("queries", "a", {"per_s": rate})
        book.note("queries", "b", {"per_s": 10 * rate})

    assert [(row.name, row.median("per_s")) for row in book.rows()] == [("a", 1.5), ("b", 15.0)]


def test_a_failure_is_kept_and_said() -> None:
    said: list[str] = []
    book = Notebook(said.append)

    book.fail("latency", "at 100 events/s", "it was late")

    assert book.failures == ["latency, at 100 events/s: it was late"]
    assert said == ["FAILED latency, at 100 events/s: it was late"]


def test_only_rows_that_begin_so_are_wanted() -> None:
    assert Effort(only=("workflow", "echo")).wants("echo, 1 caller")
    assert not Effort(only=("workflow", "echo")).wants("SELECT 1, 1 caller")
    assert Effort().wants("anything")


@pytest.mark.parametrize(("value", "text"), [(1234.5, "1,234"), (45.67, "45.7"), (4.567, "4.57")])
def test_a_figure_has_as_many_digits_as_it_deserves(value: float, text: str) -> None:
    assert number(value) == text


def test_our_better_form_is_compared_with_the_better_form_of_the_rival() -> None:
    rows = [
        a_rate("engine-jsoneachrow", 100.0), a_rate("engine-rawblob", 300.0),
        a_rate("processor-1", 400.0), a_rate("processor-2", 600.0),
    ]  # fmt: skip
    ours, engine = (best("ingest", all_ingested("jobs", key), "per_s") for key in ("processor", "engine"))

    (verdict,) = judged(rows, [Target("times the engine", ratio(ours, engine), 2.0, is_floor=True)])

    assert (verdict.wanted, verdict.found, verdict.is_met) == ("≥ 2", "2.00", True)


def test_the_worst_of_several_rows_decides() -> None:
    rows = [a_row("a", {"p99_ms": 4.0}), a_row("b", {"p99_ms": 6.0})]

    (verdict,) = judged(rows, [Target("p99", worst("ingest", ["a", "b"], "p99_ms"), 5.0, unit=" ms")])

    assert (verdict.found, verdict.is_met) == ("6.00 ms", False)


@pytest.mark.parametrize("choose", [worst, least])
def test_nothing_is_met_while_a_row_is_missing(choose: Any) -> None:
    rows = [a_row("a", {"p99_ms": 1.0})]

    (verdict,) = judged(rows, [Target("p99", choose("ingest", ["a", "b"], "p99_ms"), 5.0)])

    assert (verdict.found, verdict.is_met) == ("–", None)


def test_growth_compares_the_last_with_the_first() -> None:
    rows = [a_row("few", {"p50_ms": 2.0}), a_row("many", {"p50_ms": 3.0})]

    (verdict,) = judged(rows, [Target("p50", growth("ingest", "few", "many", "p50_ms"), 1.15)])

    assert (verdict.found, verdict.is_met) == ("1.50", False)


def test_the_cpu_of_a_row_is_that_of_all_who_took_part() -> None:
    row = a_row("jobs", {"client_cpu_us": 1.0, "server_cpu_us": 0.5, "per_s": 7.0})

    assert total("ingest", "jobs", "_cpu_us")({("ingest", "jobs"): row}) == 1.5


def test_without_figures_every_target_is_not_measured() -> None:
    assert {verdict.is_met for verdict in judged([], TARGETS)} == {None}


def test_the_names_of_rows_say_what_was_measured() -> None:
    assert asked("workflow", 1, Auth.ON) == "workflow, 1 caller, auth"
    assert asked("echo", 64) == "echo, 64 callers"
    assert flat("jobs", 10**8) == "jobs, 10^8 events there"


def test_the_table_shows_every_row_and_the_json_every_run() -> None:
    rows = [a_rate("limit", 1.0, 2.0), a_row("workflow", {"p50_ms": 2.0, "taken": 0.25}, part="queries")]

    assert table_of(rows).row_count == 2
    assert [len(one.runs) for one in shown(rows)] == [2, 1]
    assert shown(rows)[0].spreads["per_s"].median == 1.5


def test_what_has_no_column_is_said() -> None:
    rows = [a_row("engine", {"counted_again": 0.0}, {"counted_again": 7.0}), a_row("echo", {"failures": 0.0})]

    assert remarks(rows) == ["ingest: engine: in a run 7.00 records were counted more than once"]


def test_the_noise_of_a_whole_run_is_the_median_of_what_others_took() -> None:
    assert median_taken([a_row("a", {"taken": 0.1}, {"taken": 0.3}, {"taken": 0.2})]) == 0.2
    assert median_taken([a_row("a", {"per_s": 1.0})]) is None


def test_there_are_five_parts() -> None:
    assert PARTS == ("ingest", "latency", "queries", "insights", "flatness")


def test_one_answer_tells_of_all_events_of_a_lane_that_it_has() -> None:
    lane = Lane(partition=1, published_s=[1.0, 1.2, 1.4])

    lane.note(2, now_s=1.5)

    assert lane.latencies_ms == pytest.approx([500, 300])
    assert lane.waited_s(now_s=1.5) == pytest.approx(0.1)


def test_an_event_that_is_counted_twice_ends_the_benchmark() -> None:
    with pytest.raises(BenchmarkFailed, match="1 jobs of a user were counted as 2"):
        Lane(partition=0, published_s=[1.0]).note(2, now_s=1.5)
