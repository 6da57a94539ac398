"""Numbers about ranges in words: units, measures and changes, as pure functions."""

import re
from pathlib import Path

import pytest

from analytics import insights_pb2 as pb
from analytics.cli import units
from analytics.cli.changes import change_text
from analytics.cli.measures import NAMES, all_measures, is_percentile, measure_of
from analytics.cli.summary_tables import price
from analytics.cli.units import Unit, value_words
from tests import insight_answers as answers

PROTO = Path(__file__).parents[2] / "proto" / "analytics" / "insights.proto"
NUMBERS = answers.numbers(100, 4, 12_000, 900, new=2)


def change(name, **values):
    text = change_text(measure_of(name), pb.Change(number=name, **values))
    return text.plain, str(text.style)


# --- units ---


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0s"),
        (4.5, "4.5s"),
        (59.96, "1m"),
        (125, "2m 5s"),
        (3_720, "1h 2m"),
        (3_599.9, "1h"),
        (97_200, "1d 3h"),
        (2.0**64, "213,503,982,334,601d 7h"),
    ],
)
def test_a_span_has_one_or_two_units(seconds, expected):
    assert units.span(seconds) == expected


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [(0, "0%"), (0.0001, "<0.1%"), (0.972, "97.2%"), (0.9999, ">99.9%"), (1, "100%"), (1.5, "150%")],
)
def test_a_share_is_0_or_100_only_when_it_is(ratio, expected):
    assert units.share(ratio) == expected


@pytest.mark.parametrize(
    ("count", "expected"), [(0, "0 B"), (1023, "1,023 B"), (1536, "1.5 KiB"), (2**50, "1,024 TiB")]
)
def test_bytes_have_a_unit(count, expected):
    assert units.size(count) == expected


def test_a_mean_has_three_digits():
    assert [units.mean(value) for value in (0.01234, 12.345, 1234.5)] == ["0.0123", "12.3", "1,234"]


@pytest.mark.parametrize("unit", Unit)
def test_what_is_absent_is_a_hyphen(unit):
    assert value_words(unit, None) == "-"


def test_a_price_keeps_its_places():
    assert [price(text) for text in ("10.300616", "5", "0.100000000", "1234.5")] == [
        "10.300616",
        "5.00",
        "0.10",
        "1,234.50",
    ]


# --- measures ---


def test_every_measure_finds_its_number():
    found = {one.name: one.of(NUMBERS) for one in all_measures([50, 95, 99])}
    assert found == {
        "jobs": 100,
        "jobs_completed": 96,
        "jobs_failed": 4,
        "success_ratio": 0.96,
        "execution_seconds": 12_000,
        "average_duration": 120,
        "minimum_duration": 1,
        "p50": 48,
        "p95": 372,
        "p99": 624,
        "maximum_duration": 1080,
        "utilization": 12_000 / 86_400,
        "log_lines": 900,
        "log_bytes": 74_700,
        "stderr_lines": 100,
        "stderr_bytes": 6_100,
        "stderr_ratio": 1 / 9,
        "lines_per_job": 9,
        "new_workflows": 2,
    }


def test_nothing_is_guessed_where_numbers_are_absent():
    assert [one.of(pb.Numbers()) for one in all_measures([50])] == [None] * (len(NAMES) + 1)


def test_counts_of_nothing_are_zero_but_ratios_are_absent():
    none = answers.numbers(0, 0, 0, 0)
    absent = {one.name for one in all_measures([50]) if one.of(none) is None}
    assert absent == {
        "success_ratio", "average_duration", "minimum_duration", "p50", "maximum_duration", "stderr_ratio", "lines_per_job"
    }  # fmt: skip


def test_jobs_of_a_group_of_one_result_are_those_with_that_result():
    jobs = measure_of("jobs")
    assert jobs.of(pb.Numbers(jobs=pb.JobNumbers(completed=7))) == 7
    assert jobs.of(pb.Numbers(jobs=pb.JobNumbers(failed=0))) == 0


def test_the_names_are_those_of_the_contract():
    """Whoever orders by a name of ours is understood; only new workflows are no number of a workflow."""
    told = PROTO.read_text().split("  // A number, and")[1].split("string order_by")[0]
    words = set(re.findall(r"\w+", told))
    assert set(NAMES) - words == {"new_workflows"}


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("p95", True),
        ("p99.9", True),
        ("p100", True),
        ("p0", False),
        ("p101", False),
        ("pp", False),
        ("", False),
    ],
)
def test_a_percentile_has_a_rank(name, known):
    assert is_percentile(name) == known


# --- changes ---


def test_a_change_is_a_share_of_what_was_before():
    assert change("jobs", before=100, now=112, difference=12, ratio=0.12) == ("▲ 12%", "cyan")


def test_a_share_changes_by_points():
    assert change("success_ratio", before=0.99, now=0.97, difference=-0.02, ratio=-0.0202) == (
        "▼ 2 points",
        "red",
    )


def test_a_growth_from_nothing_is_what_there_is_now():
    assert change("jobs_failed", before=0, now=5, difference=5) == ("▲ 5", "red")
    assert change("p95", before=0, now=125, difference=125) == ("▲ 2m 5s", "red")


def test_a_large_growth_is_a_factor():
    assert change("log_lines", before=10, now=1000, difference=990, ratio=99) == ("▲ x 100", "cyan")


def test_no_change_is_neither_good_nor_bad():
    assert change("jobs_failed", before=5, now=5, difference=0, ratio=0) == ("=", "dim")


def test_what_cannot_be_compared_is_a_hyphen():
    assert change("p95", now=5) == ("-", "dim")
    assert change_text(measure_of("p95"), None).plain == "-"
