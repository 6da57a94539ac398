"""What the commands print, as pure functions: words, JSON objects, lines, tables."""

import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from grpc import StatusCode
from rich.console import Console

from analytics.cli import words
from analytics.cli.lines import json_line, plain_line
from analytics.cli.objects import KEYS, rfc3339, totals_object
from analytics.cli.samples import Rates, Sample, next_row
from analytics.cli.subjects import Subject
from analytics.cli.tables import totals_table, watch_screen
from analytics.client import Failure, Freshness, NotFound, Unavailable, UserAnalytics, WorkflowAnalytics
from tests.grpc_world import USER, WORKFLOW

NOON = datetime(2026, 11, 25, 12, 0, 0, 5_000, tzinfo=UTC)
FRESH = Freshness(as_of=NOON - timedelta(seconds=1.2), age=timedelta(seconds=1.2), stale=False)
UNKNOWN = Freshness(as_of=None, age=None, stale=True)
OF_USER = Subject(str(USER))
OF_WORKFLOW = Subject(str(USER), str(WORKFLOW))


def user(jobs=12_345, **changes):
    values = {"workflows": 2, "execution_seconds": 97_200, "log_lines": 1000, "freshness": FRESH}
    return UserAnalytics(jobs=jobs, **{"cache_max_age": timedelta(seconds=45)} | values | changes)


def workflow(**changes):
    values = {
        "jobs": 12,
        "execution_seconds": 4000,
        "log_lines": 999,
        "freshness": FRESH,
        "cache_max_age": None,
    }
    return WorkflowAnalytics(workflow_id=WORKFLOW, **values | changes)


def answered(found, at_s=0.0):
    return Sample(at_s, NOON, found=found)


def failed(kind=Unavailable, message="gone", reason="STORE_UNAVAILABLE"):
    return Sample(9.0, NOON, error=kind(Failure(StatusCode.UNAVAILABLE, message, reason)))


def drawn(renderable, width=120):
    console = Console(file=io.StringIO(), width=width)
    console.print(renderable)
    return console.file.getvalue()


# --- words ---


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (125, "2 min 5 s"),
        (4000, "1 h 6 min"),
        (86_400, "1 d"),
        (97_200, "1 d 3 h"),
        (86_459, "1 d"),
        (2**64 - 1, "213,503,982,334,601 d 7 h"),
    ],
)
def test_a_duration_has_one_or_two_units(seconds, expected):
    assert words.duration(seconds) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0.04, "0.0 s"), (59.9, "59.9 s"), (59.96, "1 min"), (3700, "1 h 1 min")]
)
def test_an_age_has_tenths_while_it_is_short(seconds, expected):
    assert words.age(timedelta(seconds=seconds)) == expected


def test_counts_and_rates():
    assert (words.count(12_345), words.count(None)) == ("12,345", "-")
    assert (words.rate(2.51), words.rate(-3, " s"), words.rate(None)) == ("+2.5/s", "-3.0 s/s", "")


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (FRESH, "as of 2026-11-25 11:59:58 UTC, 1.2 s old"),
        (
            Freshness(NOON, timedelta(seconds=40), stale=True),
            "as of 2026-11-25 12:00:00 UTC, 40.0 s old, STALE",
        ),
        (UNKNOWN, "as of an unknown time, STALE"),
        (None, "how old they are, the service does not tell"),
    ],
    ids=["fresh", "stale", "unknown", "older service"],
)
def test_freshness(told, expected):
    assert words.freshness(told) == expected


# --- JSON ---


def test_the_object_of_a_user():
    assert totals_object(OF_USER, user(), NOON) == {
        "user_id": str(USER),
        "workflow_id": None,
        "asked_at": "2026-11-25T12:00:00.005Z",
        "total_workflows": 2,
        "total_jobs": 12_345,
        "total_joblogs": 1000,
        "total_job_execution_duration": 97_200,
        "as_of_time": "2026-11-25T11:59:58.805Z",
        "age_ms": 1200,
        "stale": False,
        "cache_max_age_ms": 45_000,
    }


def test_the_object_of_a_workflow_of_an_older_service():
    found = totals_object(OF_WORKFLOW, workflow(freshness=None), NOON)
    absent = {"total_workflows", "as_of_time", "age_ms", "stale", "cache_max_age_ms"}
    assert {name for name, value in found.items() if value is None} == absent


@pytest.mark.parametrize(
    ("subject", "found"), [(OF_USER, user()), (OF_WORKFLOW, workflow(freshness=UNKNOWN))]
)
def test_every_object_has_all_keys_in_their_order(subject, found):
    assert list(totals_object(subject, found, NOON)) == list(KEYS)


def test_ids_are_printed_in_canonical_spelling():
    spelled = Subject(f"{{{USER.hex.upper()}}}", WORKFLOW.hex)
    found = totals_object(spelled, workflow(), NOON)
    assert (found["user_id"], found["workflow_id"]) == (str(USER), str(WORKFLOW))


def test_times_are_utc_whatever_their_zone():
    assert rfc3339(datetime.fromisoformat("2026-11-25T14:00:00.0059+02:00")) == "2026-11-25T12:00:00.005Z"


# --- rows ---


def test_a_change_is_by_the_second():
    before, now = answered(user(), 10.0), answered(user(jobs=12_350, workflows=3, log_lines=990), 12.0)
    assert next_row(OF_USER, before, now).rates == Rates(
        workflows=0.5, jobs=2.5, execution_seconds=0, log_lines=-5
    )


def test_the_first_answer_has_no_change():
    assert next_row(OF_USER, None, answered(user())).changes() == ("", "", "", "")


def test_a_failed_call_keeps_the_last_answer():
    row = next_row(OF_USER, answered(user()), failed())
    assert (row.found, row.rates, row.problem) == (user(), None, "no answer: gone")


def test_a_line_of_a_user():
    row = next_row(OF_USER, answered(user(jobs=12_340), 1.0), answered(user(), 2.0))
    assert plain_line(row).split("  ") == [
        "2026-11-25T12:00:00.005Z",
        f"user {USER}",
        "workflows 2 (+0.0/s)",
        "jobs 12,345 (+5.0/s)",
        "execution 1 d 3 h (+0.0 s/s)",
        "log lines 1,000 (+0.0/s)",
        "as of 2026-11-25 11:59:58 UTC, 1.2 s old",
    ]


def test_a_line_of_a_workflow_has_no_workflows():
    line = plain_line(next_row(OF_WORKFLOW, None, answered(workflow())))
    assert f"  workflow {WORKFLOW}  jobs 12  execution 1 h 6 min  log lines 999  as of" in line


@pytest.mark.parametrize(
    ("sample", "ending"),
    [(failed(), "no answer: gone"), (failed(NotFound), "nothing counted yet")],
    ids=["away", "not found"],
)
def test_a_line_without_an_answer_says_why(sample, ending):
    assert plain_line(next_row(OF_USER, answered(user()), sample)).endswith(f"user {USER}  {ending}")


def test_the_object_of_a_failed_round():
    found = json.loads(json_line(next_row(OF_WORKFLOW, answered(workflow()), failed())))
    assert found == {
        "user_id": str(USER),
        "workflow_id": str(WORKFLOW),
        "asked_at": "2026-11-25T12:00:00.005Z",
        "error": {"code": "UNAVAILABLE", "reason": "STORE_UNAVAILABLE", "message": "gone"},
    }


# --- tables ---


def test_the_table_of_a_user():
    lines = [line.split(maxsplit=1) for line in drawn(totals_table(OF_USER, user())).splitlines()]
    assert [(name, value.strip()) for name, value in lines] == [
        ("user", str(USER)),
        ("workflows", "2"),
        ("jobs", "12,345"),
        ("execution", "1 d 3 h (97,200 s)"),
        ("log", "lines   1,000"),
        ("freshness", "as of 2026-11-25 11:59:58 UTC, 1.2 s old"),
    ]


def test_the_table_of_a_workflow_names_both():
    text = drawn(totals_table(OF_WORKFLOW, workflow()))
    assert str(USER) in text
    assert str(WORKFLOW) in text


def test_a_screen_has_totals_and_changes_below_each_other():
    row = next_row(OF_USER, answered(user(jobs=12_340), 1.0), answered(user(), 2.0))
    header, totals, changes, hint = drawn(watch_screen([row], "hint", width=120)).splitlines()
    assert totals.split() == [str(USER), "2", "12,345", "1", "d", "3", "h", "1,000", "1.2", "s", "old"]
    assert changes.split() == ["+0.0/s", "+5.0/s", "+0.0", "s/s", "+0.0/s"]
    assert (header.split()[0], hint) == ("user", "hint")


def test_a_narrow_screen_shortens_ids_and_cuts_no_number():
    text = drawn(watch_screen([next_row(OF_USER, None, answered(user()))], "hint", width=80), width=80)
    assert f"{str(USER)[:8]}…{str(USER)[-4:]}" in text
    assert text.count("…") == 1


def test_a_screen_says_what_is_the_matter():
    rows = [
        next_row(OF_USER, answered(user()), failed()),
        next_row(OF_WORKFLOW, None, answered(workflow(freshness=UNKNOWN))),
    ]
    text = drawn(watch_screen(rows, "hint", width=120))
    assert "12,345" in text, "the last totals stay"
    assert f"{USER}  no answer: gone" in text
    assert "unknown age, STALE" in text
