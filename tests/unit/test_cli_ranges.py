"""The commands that ask about ranges, against a service that answers what it is told to: requests, forms, refusals."""

import csv
import io
import json
from datetime import UTC, datetime

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner
from google.protobuf.json_format import Parse

from analytics import exit_codes
from analytics import insights_pb2 as pb
from analytics.__main__ import main
from analytics.cli.options import Terms
from analytics.cli.questions import rates_of
from tests import insight_answers as answers
from tests.grpc_world import USER, token
from tests.insight_server import FakeInsights, Refusal, complete, listening

FLOWS = answers.FLOWS


@pytest.fixture(scope="module")
def world():
    fake = complete()
    with listening(fake) as address:
        yield fake, address


def invoke(address, *arguments, width=200):
    environment = {
        "ANALYTICS_ADDRESS": address,
        "ANALYTICS_TOKEN": token(),
        "ANALYTICS_TOKEN_FILE": None,
        "COLUMNS": str(width),
        "TZ": "Europe/London",
    }
    return CliRunner(env=environment).invoke(main, [str(one) for one in arguments])


@pytest.fixture
def run(world):
    def asked(*arguments, **options):
        told = invoke(world[1], *arguments, **options)
        assert told.exit_code == 0, told.output
        return told.stdout

    return asked


@pytest.fixture
def refused(world):
    def asked(*arguments):
        told = invoke(world[1], *arguments)
        assert told.exit_code == exit_codes.USAGE, told.output
        return " ".join(told.stderr.split())

    return asked


@pytest.fixture
def asked(world, run):
    """What the service was asked by a command."""

    def request(*arguments):
        run(*arguments)
        return world[0].asked[-1]

    return request


# --- what is asked ---


def test_a_summary_is_of_the_tokens_user_and_all_time(asked):
    assert asked("summary") == pb.GetAnalyticsSummaryRequest(
        user_id=str(USER), percentile_ranks=[50, 95, 99], time_zone="Europe/London"
    )


def test_dates_are_those_of_the_zone(asked):
    found = asked("summary", "--from", "2026-10", "--to", "2026-10")
    assert found.range == answers.october()
    found = asked("summary", "--from", "2026-10-25", "--to", "2026-10-25", "--zone", "Asia/Kathmandu")
    assert found.range == answers.time_range(
        datetime(2026, 10, 24, 18, 15, tzinfo=UTC), datetime(2026, 10, 25, 18, 15, tzinfo=UTC)
    )


def test_a_summary_takes_filters_ranks_and_a_comparison(asked):
    found = asked(
        "summary", "--workflow", FLOWS[0], "--kind", "CONTAINER", "--state", "active", "--state", "deleted",
        "--percentiles", "50,p99.9", "--compare", "year", "--from", "7d"
    )  # fmt: skip
    assert found.filter == pb.WorkflowFilter(
        workflow_ids=FLOWS[:1],
        kinds=["CONTAINER"],
        states=[pb.WORKFLOW_STATE_ACTIVE, pb.WORKFLOW_STATE_DELETED],
    )
    assert (list(found.percentile_ranks), found.comparison) == ([50, 99.9], pb.COMPARISON_YEAR_AGO)


def test_rates_are_options(asked):
    found = asked("summary", "--currency", "EUR", "--per-execution-hour", "0.012", "--per-job", "0.001")
    assert found.rates == pb.CostRates(currency_code="EUR", per_execution_hour="0.012", per_job="0.001")


def test_rates_of_a_file_keep_every_digit_and_options_win(tmp_path):
    file = tmp_path / "rates.toml"
    file.write_text('currency = "EUR"\nper_job = 0.1000000000000000055511151\nper_log_gibibyte = 3\n')
    assert rates_of(Terms(rates=file, per_log_gibibyte="4")) == pb.CostRates(
        currency_code="EUR", per_job="0.1000000000000000055511151", per_log_gibibyte="4"
    )


@pytest.mark.parametrize(
    ("text", "said"), [("per_jobs = 1", "per_jobs is no price"), ("=", "Invalid statement")]
)
def test_a_file_of_rates_that_is_none_is_named(tmp_path, text, said):
    file = tmp_path / "rates.toml"
    file.write_text(text)
    with pytest.raises(click.BadParameter, match=said):
        rates_of(Terms(rates=file))


def test_a_series_has_an_interval_a_zone_and_a_group(asked):
    found = asked(
        "series",
        "--every",
        "week",
        "--by",
        "failure-kind",
        "--complete",
        "--from",
        "2026-10",
        "--show",
        "jobs_failed",
    )
    assert (found.interval, found.time_zone) == (pb.INTERVAL_WEEK, "Europe/London")
    assert (found.group_by, found.complete_buckets_only) == (pb.GROUP_BY_FAILURE_KIND, True)


def test_a_series_asks_for_the_percentiles_that_are_shown(asked):
    assert list(asked("series", "--show", "p90", "--show", "p99.9").percentile_ranks) == [90, 99.9]


def test_a_series_has_a_begin_that_fits_its_interval(asked):
    hours, days = (
        asked("series", "--every", every).range.start_time.ToSeconds() for every in ("hour", "day")
    )
    assert 27 * 86_400 < hours - days < 30 * 86_400


def test_a_ranking_is_ordered_and_limited(asked):
    found = asked("compare", "--order-by", "p99.9", "--ascending", "--limit", 7)
    assert (found.order_by, found.page_size) == ("p99.9 asc", 7)
    assert list(found.percentile_ranks) == [50, 95, 99, 99.9]


def test_workflows_that_are_named_are_compared(asked):
    assert list(asked("compare", *FLOWS).filter.workflow_ids) == list(FLOWS)


def test_anomalies_have_their_own_terms(asked):
    found = asked(
        "anomalies",
        "--from",
        "2026-10-20",
        "--workflow",
        FLOWS[0],
        "--measure",
        "median-duration",
        "--weeks",
        12,
        "--threshold",
        5,
    )
    assert (found.baseline_weeks, found.threshold, found.time_zone) == (12, 5, "Europe/London")
    assert (list(found.measures), list(found.workflow_ids)) == (
        [pb.ANOMALY_MEASURE_MEDIAN_DURATION],
        [FLOWS[0]],
    )


def test_anomalies_need_a_begin_and_have_one(asked):
    assert asked("anomalies").range.HasField("start_time")


# --- what is printed ---


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


# --- what is refused here ---


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("summary", "--from", "soon"), "'--from': 'soon' must be a date"),
        (("summary", "--to", "2026-13"), "'--to': '2026-13' must be a date"),
        (("summary", "--zone", "Mars/Olympus"), "'--zone': must be the name of an IANA time zone"),
        (("summary", "--zone", "../etc/passwd"), "'--zone': must be the name of an IANA time zone"),
        (("summary", "--percentiles", "50;95"), "'--percentiles': must be numbers separated by commas"),
        (("summary", "--kind", "\udcff"), "'--kind': must be text"),
        (("summary", "--workflow", "ключ"), "an id must be a UUID"),
        (("series", "--show", "joy"), "'--show': 'joy' is no number of a bucket"),
        (("series", "--by", "kind", "--show", "p50", "--show", "p95"), "--show takes one number"),
        (("series", "--json", "--csv"), "exclude each other"),
        (("series", "--plot", "jobs.gif"), "'--plot': must end with .png, .svg, .pdf"),
        (("series", "--chart", "--show", "jobs", "--show", "p95"), "'--show': numbers of one picture must have one unit"),
        (("compare", "--order-by", "joy"), "'--order-by': 'joy' is no number of workflows"),
        (("anomalies", "--weeks", "3"), "3 is not in the range 4<=x<=26"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_said_with_its_option(refused, arguments, said):
    assert said in refused(*arguments)


# --- what the service refuses ---


@pytest.mark.parametrize(
    ("refusal", "code", "said"),
    [
        (
            Refusal("INVALID_ARGUMENT", "INVALID_FIELD", "comparison: needs range.start_time"),
            exit_codes.USAGE,
            "comparison: needs range.start_time (INVALID_FIELD)",
        ),
        (
            Refusal("NOT_FOUND", "NO_ANALYTICS", "no analytics for this user"),
            exit_codes.NOT_FOUND,
            "no analytics for this user (NO_ANALYTICS)",
        ),
        (
            Refusal("DEADLINE_EXCEEDED", "STORE_TIMEOUT", "too slow"),
            exit_codes.TRY_AGAIN,
            "too slow (STORE_TIMEOUT)",
        ),
    ],
    ids=["invalid", "unknown", "slow"],
)
@pytest.mark.parametrize(
    ("command", "method"),
    [
        ("summary", "GetAnalyticsSummary"),
        ("series", "QueryTimeSeries"),
        ("compare", "ListWorkflowAnalytics"),
        ("anomalies", "ListAnomalies"),
    ],
)
def test_refusals_in_the_words_of_the_service(command, method, refusal, code, said):
    with listening(FakeInsights(**{method: refusal})) as address:
        told = invoke(address, command)
    assert (told.exit_code, told.stderr) == (code, f"Error: {said}\n")


def test_an_older_service_is_named_as_one():
    with listening(FakeInsights()) as address:
        told = invoke(address, "summary")
    assert (told.exit_code, "is older than this command" in told.stderr) == (exit_codes.SERVICE_FAILED, True)


# --- completion ---


def completed(*arguments, incomplete=""):
    shell = ShellComplete(main, {}, "chronoverse-analytics", "_COMPLETE")
    return [item.value for item in shell.get_completions(list(arguments), incomplete)]


@pytest.mark.parametrize(
    ("arguments", "incomplete", "expected"),
    [
        (("series", "--every"), "", ["hour", "day", "week", "month"]),
        (("series", "--by"), "f", ["failure-kind"]),
        (("series", "--show"), "jobs_", ["jobs_completed", "jobs_failed"]),
        (("series", "--zone"), "europe/lon", ["Europe/London"]),
        (("summary", "--from"), "last-", ["last-week", "last-month", "last-year"]),
        (("summary", "--kind"), "H", ["HEARTBEAT"]),
        (("summary", "--state"), "a", ["active"]),
        (("summary", "--compare"), "", ["previous", "year"]),
        (("compare", "--order-by"), "p", ["p50", "p95", "p99"]),
        (("anomalies", "--measure"), "m", ["median-duration"]),
        (("watch", "--compare"), "p", ["previous"]),
        ((), "s", ["serve", "summary", "series"]),
    ],
)
def test_a_shell_completes_commands_and_choices(arguments, incomplete, expected):
    assert sorted(completed(*arguments, incomplete=incomplete)) == sorted(expected)
