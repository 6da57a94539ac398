"""Pictures of time series: what is in them, drawn in a terminal and as a file."""

import io
import re
import xml.etree.ElementTree as ElementTree

import pytest
from rich.console import Console

from analytics import insights_pb2 as pb
from analytics.cli.measures import all_measures, measure_of
from analytics.cli.plots import file, terminal
from analytics.cli.plots.frame import NoPicture, frame_of, thinned, ticks
from analytics.cli.series_lines import MOST_LINES, by_group, by_measure
from tests import insight_answers as answers

JOBS = measure_of("jobs")
BY_RESULT = answers.series("COMPLETED", "FAILED", group_by="result")


def frame(lines):
    return frame_of(lines, every="day", zone="Europe/London")


def jobs_by_result():
    return frame(by_group(BY_RESULT, JOBS, "result"))


def percentiles():
    return frame(by_measure(answers.series(), all_measures([50, 95])[7:9]))


def drawn(picture, width=100):
    console = Console(file=io.StringIO(), width=width)
    console.print(terminal.chart(picture, width=width, height=16))
    return console.file.getvalue()


def texts(path):
    """The texts of an SVG."""
    return {
        "".join(element.itertext()).strip()
        for element in ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")
    }


# --- what is in a picture ---


def test_groups_whose_numbers_add_up_are_bars_that_stand_on_each_other():
    found = jobs_by_result()
    assert (found.as_bars, [curve.name for curve in found.curves]) == (True, ["COMPLETED", "FAILED"])
    assert found.top == 240, "180 completed and 60 failed on one day"


def test_percentiles_are_lines_in_the_unit_of_the_largest():
    found = percentiles()
    assert (found.as_bars, found.y_title, found.top) == (False, "duration (min)", 15.5)


def test_the_axis_names_the_buckets_and_their_zone():
    assert (jobs_by_result().x_title, jobs_by_result().labels[6]) == ("day, Europe/London", "2026-10-25")


def test_nothing_is_no_zero_for_a_percentile():
    assert percentiles().curves[0].values[4] is None


def test_buckets_that_are_not_whole_are_known():
    found = jobs_by_result()
    assert (found.cut.index(True), found.in_progress.index(True)) == (0, 8)


def test_numbers_of_two_units_have_no_picture():
    with pytest.raises(NoPicture, match="one unit"):
        frame(by_measure(answers.series(), [JOBS, measure_of("success_ratio")]))


def test_many_groups_are_the_largest_and_the_sum_of_the_others():
    lines = by_group(answers.series(*(f"kind{number}" for number in range(10))), JOBS, "kind")
    assert len(lines.lines) == MOST_LINES
    assert (lines.lines[0].name, lines.lines[-1].name, lines.more) == ("kind0", "3 more", 3)
    assert lines.lines[-1].values[1] == 160 // 8 + 160 // 9 + 160 // 10


def test_of_numbers_that_do_not_add_up_the_smaller_groups_are_left_out():
    lines = by_group(
        answers.series(*(f"kind{number}" for number in range(10))), measure_of("success_ratio"), "kind"
    )
    assert (len(lines.lines), lines.more) == (MOST_LINES - 1, 3)


def test_a_series_without_a_group_has_a_name_for_people():
    lines = by_group(answers.series("", answers.FLOWS[0]), JOBS, "workflow")
    assert [line.name for line in lines.lines] == ["(none told)", "01958513…5784"]


@pytest.mark.parametrize(
    ("top", "expected"),
    [
        (0, [0, 1]),
        (210, [0, 50, 100, 150, 200, 250]),
        (0.9, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (10, [0, 2, 4, 6, 8, 10]),
    ],
)
def test_ticks_are_round_and_reach_the_top(top, expected):
    assert ticks(top, 6) == pytest.approx(expected)


def test_labels_are_thinned_evenly():
    assert (thinned(9, 3), thinned(3, 10), thinned(0, 5)) == ([0, 3, 6], [0, 1, 2], [])


# --- in a terminal ---


def test_a_chart_has_axes_names_and_shaded_buckets():
    text = drawn(jobs_by_result())
    assert "■ COMPLETED  ■ FAILED" in text
    assert re.search(r"^ *50┤", text, re.MULTILINE)
    assert "2026-10-19" in text
    assert "day, Europe/London; ░ is not whole" in text
    assert ("█" in text, "░" in text) == (True, True)


def test_a_chart_has_dots_where_a_line_leads_to_a_bucket_that_is_not_whole():
    text = drawn(percentiles())
    assert "duration (min)" in text
    assert "·" in text
    assert re.search(r"[\u2801-\u28ff]", text), "braille"


def test_bars_of_a_chart_stand_apart():
    (row,) = [line for line in drawn(jobs_by_result()).splitlines() if line.startswith("100┤")]
    assert len(re.findall("█+", row)) == 6


@pytest.mark.parametrize("width", [20, 80, 200])
def test_no_line_of_a_chart_is_wider_than_the_terminal(width):
    lines = drawn(jobs_by_result(), width=max(width, 34)).splitlines()
    assert max(map(len, lines)) <= max(width, 34)


def test_more_buckets_than_columns_are_drawn_as_a_line():
    long = pb.QueryTimeSeriesResponse(
        series=[pb.Series(buckets=list(answers.series().series[0].buckets) * 20)]
    )
    assert "█" not in drawn(frame(by_measure(long, [JOBS])))


def test_a_chart_of_nothing_is_empty():
    drawn(frame(by_group(pb.QueryTimeSeriesResponse(), JOBS, "kind")))


# --- as a file ---


def test_an_svg_has_its_words_as_text(tmp_path):
    file.save(jobs_by_result(), tmp_path / "jobs.svg", note="as of noon")
    expected = {"jobs by day", "day, Europe/London", "jobs", "2026-10-25", "COMPLETED", "FAILED"}
    assert expected | {"in progress", "cut by the range", "as of noon"} <= texts(tmp_path / "jobs.svg")


def test_an_svg_of_whole_buckets_explains_no_hatching(tmp_path):
    whole = answers.series()
    for bucket in whole.series[0].buckets:
        bucket.cut = bucket.in_progress = False
    file.save(frame(by_measure(whole, [JOBS])), tmp_path / "jobs.svg", note="")
    assert not {"in progress", "cut by the range"} & texts(tmp_path / "jobs.svg")


def test_very_many_bars_are_drawn_as_one_area(tmp_path):
    long = pb.QueryTimeSeriesResponse(
        series=[pb.Series(buckets=list(answers.series().series[0].buckets) * 200)]
    )
    file.save(frame(by_measure(long, [JOBS])), tmp_path / "jobs.svg", note="")
    assert (tmp_path / "jobs.svg").stat().st_size < 1_000_000


@pytest.mark.parametrize(
    "answer", [pb.QueryTimeSeriesResponse(), pb.QueryTimeSeriesResponse(series=[pb.Series()])]
)
def test_a_picture_of_nothing_has_its_axes(tmp_path, answer):
    file.save(frame(by_measure(answer, [JOBS])), tmp_path / "jobs.svg", note="")
    assert "jobs by day" in texts(tmp_path / "jobs.svg")
    drawn(frame(by_measure(answer, [JOBS])))


def test_lines_in_an_svg_are_dashed_and_have_their_unit(tmp_path):
    file.save(percentiles(), tmp_path / "p.svg", note="")
    assert {"p50", "p95", "duration (min)", "cut by the range or in progress"} <= texts(tmp_path / "p.svg")
    assert "stroke-dasharray" in (tmp_path / "p.svg").read_text()


@pytest.mark.parametrize("group", [r"$\frac{", "_hidden", "<&>", "[red]"])
def test_the_name_of_a_group_is_no_formula(tmp_path, group):
    file.save(frame(by_group(answers.series(group, "other"), JOBS, "kind")), tmp_path / "jobs.svg", note="")
    assert group in {text.replace("\u200b", "") for text in texts(tmp_path / "jobs.svg")}


def test_the_same_picture_is_the_same_svg(tmp_path):
    for name in ("one.svg", "two.svg"):
        file.save(jobs_by_result(), tmp_path / name, note="")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_a_png_is_one(tmp_path):
    file.save(jobs_by_result(), tmp_path / "jobs.png", note="")
    assert (tmp_path / "jobs.png").read_bytes().startswith(b"\x89PNG")
