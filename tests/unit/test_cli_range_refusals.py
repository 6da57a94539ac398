"""What the commands that ask about ranges refuse, what the service refuses, and what a shell completes."""

import pytest
from click.shell_completion import ShellComplete

from analytics import exit_codes
from analytics.__main__ import main
from tests.insight_commands import invoke
from tests.insight_server import FakeInsights, Refusal, listening

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
