"""`watch` of one user: the stream, what it shows of it, and the older services that have none."""

import json
import os
import signal
import subprocess
import sys
import threading

import pytest
from click.testing import CliRunner

from analytics import analytics_pb2
from analytics import insights_pb2 as pb
from analytics.__main__ import main
from analytics.cli.objects import KEYS
from tests import insight_answers as answers
from tests.grpc_world import STRANGER, USER, WORKFLOW, token
from tests.insight_server import FakeInsights, Refusal, listening

GONE = Refusal("UNAVAILABLE", "STORE_UNAVAILABLE", "gone")
UNKNOWN = Refusal("NOT_FOUND", "NO_ANALYTICS", "no analytics for this user")
LATER = answers.fresh(age_s=2.5)


def summary_of(jobs):
    return pb.WatchAnalyticsResponse(summary=answers.summary(jobs=jobs))


STREAM = [
    summary_of(4_000),
    pb.WatchAnalyticsResponse(heartbeat=pb.Heartbeat(freshness=LATER)),
    summary_of(4_010),
]


def watched(fake, *arguments, **environment):
    with listening(fake) as address:
        variables = {
            "ANALYTICS_ADDRESS": address,
            "ANALYTICS_TOKEN": token(),
            "ANALYTICS_TOKEN_FILE": None,
            "TZ": "Europe/London",
        }
        return CliRunner(env=variables | environment).invoke(main, ["watch", *map(str, arguments)])


def objects(told):
    assert told.exit_code == 0, told.output
    return [json.loads(line) for line in told.stdout.splitlines()]


def test_the_stream_is_of_all_time_and_at_the_pace_that_was_said():
    fake = FakeInsights(WatchAnalytics=STREAM)
    watched(fake, "--count", 1, "--interval", "5s", "--zone", "Europe/London")
    (asked,) = fake.asked
    assert asked.summary == pb.GetAnalyticsSummaryRequest(user_id=str(USER), time_zone="Europe/London")
    assert (asked.min_interval.seconds, asked.heartbeat_interval.seconds) == (5, 5)


@pytest.mark.parametrize(("said", "asked"), [("1ms", 1), ("10m", 300)])
def test_a_pace_that_the_service_does_not_allow_is_the_nearest_one(said, asked):
    fake = FakeInsights(WatchAnalytics=STREAM)
    watched(fake, "--count", 1, "--interval", said)
    assert fake.asked[0].min_interval.seconds == asked


def test_json_has_the_same_keys_as_before():
    found = objects(watched(FakeInsights(WatchAnalytics=STREAM), "--json", "--count", 3))
    assert [list(one) for one in found] == [list(KEYS)] * 3
    assert [one["total_jobs"] for one in found] == [4_000, 4_000, 4_010]


def test_a_heartbeat_tells_how_old_the_last_numbers_are_now():
    found = objects(watched(FakeInsights(WatchAnalytics=STREAM), "--json", "--count", 2))
    assert [one["age_ms"] for one in found] == [800, 2500]


def test_with_a_range_json_is_the_services_own():
    first, second, _ = objects(
        watched(FakeInsights(WatchAnalytics=STREAM), "--json", "--count", 3, "--from", "today")
    )
    assert first["summary"]["summary"]["numbers"]["jobs"]["finished"] == "4000"
    assert second["heartbeat"]["freshness"]["age"] == "2.500s"


def test_options_of_a_summary_are_asked_for():
    fake = FakeInsights(WatchAnalytics=STREAM)
    watched(
        fake,
        "--count",
        1,
        "--from",
        "2026-10",
        "--kind",
        "HEARTBEAT",
        "--compare",
        "previous",
        "--percentiles",
        "90",
    )
    question = fake.asked[0].summary
    assert question.range.start_time == answers.october().start_time
    assert (list(question.filter.kinds), question.comparison) == (
        ["HEARTBEAT"],
        pb.COMPARISON_PREVIOUS_PERIOD,
    )
    assert list(question.percentile_ranks) == [90]


def test_lines_show_totals_and_changes():
    told = watched(FakeInsights(WatchAnalytics=STREAM), "--count", 3)
    first, _, third = told.stdout.splitlines()
    assert "  jobs 4,000  " in first
    assert "  jobs 4,010 (+" in third


def test_a_terminal_shows_the_summary_and_changes_per_second():
    told = watched(
        FakeInsights(WatchAnalytics=STREAM),
        "--count",
        3,
        FORCE_COLOR="1",
        NO_COLOR="1",
        COLUMNS="120",
        LINES="60",
    )
    assert told.exit_code == 0
    screen = told.stdout[told.stdout.rindex("user") :]
    assert ("4,010" in screen, "/s" in screen, "DeadlineExceeded" in screen) == (True, True, True)
    assert "Ctrl-C ends" in screen


def test_a_small_terminal_shows_a_summary_that_fits():
    told = watched(
        FakeInsights(WatchAnalytics=STREAM[:1]), "--count", 1, FORCE_COLOR="1", COLUMNS="100", LINES="24"
    )
    assert ("stderr bytes" in told.stdout, "Ctrl-C ends" in told.stdout) == (False, True)


@pytest.mark.parametrize(
    ("refusal", "reason"), [(GONE, "STORE_UNAVAILABLE"), (UNKNOWN, "NO_ANALYTICS")], ids=["away", "unknown"]
)
def test_what_may_pass_is_waited_for(refusal, reason):
    left = [[summary_of(1), refusal], STREAM]
    fake = FakeInsights(WatchAnalytics=lambda _: left.pop(0))
    first, second, third = objects(watched(fake, "--json", "--count", 3, "--interval", "1s"))
    assert (first["total_jobs"], second["error"]["reason"], third["total_jobs"]) == (1, reason, 4_000)


def test_what_cannot_pass_ends_it():
    fake = FakeInsights(WatchAnalytics=[Refusal("PERMISSION_DENIED", "PERMISSION_DENIED", "not yours")])
    told = watched(fake, STRANGER)
    assert (told.exit_code, told.stderr) == (77, "Error: not yours (PERMISSION_DENIED)\n")


def test_an_older_service_is_asked_again_and_again():
    fake = FakeInsights(GetUserAnalytics=analytics_pb2.GetUserAnalyticsResponse(total_jobs=7))
    found = objects(watched(fake, "--json", "--count", 2, "--interval", "1ms"))
    assert [one["total_jobs"] for one in found] == [7, 7]


def test_an_older_service_has_no_summary_of_a_range():
    told = watched(FakeInsights(), "--from", "today")
    assert (told.exit_code, "is older than this command" in told.stderr) == (70, True)


@pytest.mark.parametrize("targets", [(f"/{WORKFLOW}",), (USER, STRANGER)], ids=["a workflow", "two users"])
def test_options_of_a_summary_are_for_one_user(targets):
    told = watched(FakeInsights(), *targets, "--from", "today")
    assert (told.exit_code, "are for one user" in told.stderr) == (2, True)


def test_ctrl_c_ends_a_stream_with_0():
    hold = threading.Event()

    def endless(_):
        yield summary_of(7)
        hold.wait(30)

    with listening(FakeInsights(WatchAnalytics=endless)) as address:
        environment = os.environ | {"ANALYTICS_ADDRESS": address, "ANALYTICS_TOKEN": token()}
        command = [sys.executable, "-m", "analytics", "watch"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        with subprocess.Popen(command, env=environment, **pipes) as program:
            assert "jobs 7" in program.stdout.readline()
            program.send_signal(signal.SIGINT)
            _, said = program.communicate(timeout=10)
        hold.set()
    assert (program.returncode, said) == (0, "")
