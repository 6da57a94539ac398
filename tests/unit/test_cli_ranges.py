"""What the commands that ask about ranges print and draw."""

import csv
import io
import json

import pytest
from click.testing import CliRunner
from google.protobuf.json_format import Parse

from analytics import exit_codes
from analytics import insights_pb2 as pb
from analytics.__main__ import main
from tests import insight_answers as answers
from tests.grpc_world import USER
from tests.insight_commands import invoke
from tests.insight_server import FakeInsights, listening

FLOWS = answers.FLOWS


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (("series",), answers.series()),
        (("compare",), answers.listing()),
        (("anomalies",), answers.anomalies()),
    ],
    ids=["series", "compare", "anomalies"],
)
def test_json_is_the_message_on_one_line(run, arguments, answer):
    (line,) = run(*arguments, "--json").splitlines()
    assert Parse(line, type(answer)()) == answer


def test_json_has_the_names_of_the_contract_zeros_and_no_value_for_what_is_absent(run):
    found = json.loads(run("summary", "--json"))
    assert found["summary"]["numbers"]["jobs"]["finished"] == "4812"
    assert found["summary"]["workflows"]["deleted_in_range"] == "0"
    assert "durations_by_result" not in found["summary"]


def test_csv_has_a_line_for_each_bucket_and_nothing_for_what_is_absent(run):
    rows = list(csv.DictReader(io.StringIO(run("series", "--csv"))))
    assert [row["label"] for row in rows] == [bucket.label for bucket in answers.series().series[0].buckets]
    assert (rows[4]["jobs"], rows[4]["p95"], rows[1]["p95"]) == ("0", "", "930")
    assert (rows[0]["cut"], rows[8]["in_progress"]) == ("true", "true")
    assert (rows[6]["start_time"], rows[6]["end_time"]) == ("2026-10-24T23:00:00Z", "2026-10-26T00:00:00Z")


def test_a_workflow_without_numbers_is_named(run):
    assert f"nothing counted in this range: {USER}" in run("compare", FLOWS[0], USER)


def test_columns_of_a_comparison_are_in_the_order_in_which_they_were_said(run):
    header = run("compare", FLOWS[2], FLOWS[0]).splitlines()[2].split()
    assert header == ["01958513…57a7", "01958513…5784"]


def test_a_narrow_ranking_has_short_ids_and_a_wide_one_whole_ones(run):
    assert "01958513…5784" in run("compare", width=110)
    assert FLOWS[0] in run("compare", width=160)


def test_a_ranking_says_how_many_more_there_are(run):
    assert "2 more: --limit" in run("compare", "--limit", 1)


def test_into_a_pipe_no_table_is_cut(world):
    told = CliRunner(env={"ANALYTICS_ADDRESS": world[1], "COLUMNS": None}).invoke(
        main, ["compare", "--user", str(USER)]
    )
    assert (FLOWS[0] in told.stdout, "…" in told.stdout) == (True, False)


def test_anomalies_of_workflows_are_named_and_a_limit_is_told():
    found = answers.anomalies()
    found.anomalies[0].workflow_id, found.next_page_token = FLOWS[0], "more"
    found.anomalies[0].baseline.extend([9] * 8)
    with listening(FakeInsights(ListAnomalies=found)) as address:
        text = invoke(address, "anomalies", "--limit", 1, "--workflow", FLOWS[0]).stdout
    assert ("01958513…5784" in text, "there are more: --limit" in text, "▼" in text) == (True, True, False)
    assert "1  0  2  1  1  0  3  2  …" in text


def test_nothing_that_stands_out_is_said():
    with listening(FakeInsights(ListAnomalies=pb.ListAnomaliesResponse(judged=5))) as address:
        assert "nothing stands out" in invoke(address, "anomalies").stdout


def test_stale_numbers_are_marked():
    stale = answers.series()
    stale.freshness.stale = True
    with listening(FakeInsights(QueryTimeSeries=stale)) as address:
        assert "old, STALE" in invoke(address, "series").stdout


def test_durations_by_result_are_shown_where_they_are_told():
    told = answers.summary()
    told.summary.durations_by_result.CopyFrom(
        pb.DurationsByResult(completed=answers.durations(90, 9_000), failed=answers.durations(10, 100))
    )
    with listening(FakeInsights(GetAnalyticsSummary=told)) as address:
        lines = [line.split() for line in invoke(address, "summary").stdout.splitlines()]
    assert ["durations", "completed", "failed"] in lines
    assert ["average", "1m", "40s", "10s"] in lines


@pytest.mark.parametrize("nasty", ["[red]x[/nope]", "\x1b[2Jx", "x" * 10_000, "\u202ex"])
def test_text_of_events_is_neither_markup_nor_command(nasty):
    listing, summary, groups = answers.listing(), answers.summary(), answers.series(nasty, "other")
    listing.workflows[0].kind = summary.summary.failures[0].error_code = nasty
    summary.summary.failures[0].failure_kind = nasty
    fake = FakeInsights(GetAnalyticsSummary=summary, ListWorkflowAnalytics=listing, QueryTimeSeries=groups)
    with listening(fake) as address:
        for arguments in (
            ("summary",),
            ("compare",),
            ("compare", *FLOWS),
            ("series", "--by", "kind"),
            ("series", "--by", "kind", "--chart"),
        ):
            told = invoke(address, *arguments)
            assert told.exit_code == 0, told.output
            assert ("x" in told.stdout, "\x1b[2J" in told.stdout, "\u202e" in told.stdout) == (
                True,
                False,
                False,
            )


# --- pictures ---


def test_a_chart_takes_the_place_of_the_table(run):
    text = run("series", "--chart", width=100)
    assert ("50┤" in text, "150┤" in text, "failed" in text) == (True, True, False)


def test_a_plot_is_a_file(run, tmp_path):
    assert run("series", "--plot", tmp_path / "jobs.svg") == f"drawn: {tmp_path}/jobs.svg\n"
    assert "as of 2026-10-27 09:30:12 GMT" in (tmp_path / "jobs.svg").read_text()


def test_a_file_that_cannot_be_written_is_named(world, tmp_path):
    told = invoke(world[1], "series", "--plot", tmp_path / "absent" / "jobs.png")
    assert (told.exit_code, "absent/jobs.png" in told.stderr) == (exit_codes.INVALID_SETTINGS, True)


def test_without_the_extra_it_is_said_which_one_is_needed(world, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    told = invoke(world[1], "series", "--chart")
    assert (told.exit_code, "pip install 'chronoverse-analytics[plot]'" in told.stderr) == (2, True)
