"""The commands about ranges against the real service on a real ClickHouse: both sides of the contract agree."""

import asyncio
import csv
import io
import json
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from analytics.__main__ import main
from tests.grpc_world import token
from tests.insights_world import FLOWS, OTHER, OWNER, Flow, Job, count, insights_of, records_of
from tests.processor_world import fresh_database

pytestmark = pytest.mark.integration

HOUR_S = 3_600
DAY_S = int(datetime(2026, 2, 1, tzinfo=UTC).timestamp())
RANGE = ("--from", "2026-02-01", "--to", "2026-02-02", "--zone", "Europe/London")


@pytest.fixture(scope="module")
def database(clickhouse):
    """Two workflows with three jobs, one of them failed, on two days."""
    made = fresh_database(clickhouse.address)
    flows = [Flow(FLOWS[0], DAY_S), Flow(FLOWS[1], DAY_S, kind="HEARTBEAT")]
    jobs = [
        Job(FLOWS[0], DAY_S + HOUR_S, seconds=60, lines=3, stderr_lines=1),
        Job(FLOWS[0], DAY_S + 25 * HOUR_S, seconds=90, failure=("USER", "DeadlineExceeded")),
        Job(FLOWS[1], DAY_S + 25 * HOUR_S, seconds=2),
    ]
    count(made, records_of(flows, jobs))
    return made


@pytest.fixture
def run(database):
    """Run a command against the service; returns what it printed."""

    async def told(arguments, bearer):
        async with insights_of(database, as_of_s=DAY_S + 60 * HOUR_S) as address:
            environment = {"ANALYTICS_ADDRESS": address, "ANALYTICS_TOKEN": bearer, "COLUMNS": "200"}
            return await asyncio.to_thread(
                CliRunner(env=environment).invoke, main, [str(one) for one in arguments]
            )

    def run(*arguments, user=OWNER, code=0):
        found = asyncio.run(told(arguments, token(user)))
        assert found.exit_code == code, found.output
        return found.stdout or found.stderr

    return run


def test_a_summary(run):
    found = json.loads(run("summary", *RANGE, "--compare", "previous", "--per-job", "0.5", "--json"))
    assert found["summary"]["numbers"]["jobs"] == {
        "finished": "3", "completed": "2", "failed": "1", "success_ratio": 2 / 3
    }  # fmt: skip
    assert found["summary"]["cost"]["total"].startswith("1.5")
    lines = [line.split() for line in run("summary", *RANGE).splitlines()]
    assert ["USER", "DeadlineExceeded", "1"] in lines
    assert ["p50", "1m"] in lines


def test_a_series(run):
    rows = list(
        csv.DictReader(io.StringIO(run("series", *RANGE, "--csv", "--show", "jobs", "--show", "p50")))
    )
    assert [(row["label"], row["jobs"], row["p50"]) for row in rows] == [
        ("2026-02-01", "1", "60"),
        ("2026-02-02", "2", "2"),
    ]
    assert "COMPLETED" in run("series", *RANGE, "--by", "result", "--chart")


def test_a_comparison(run):
    text = run("compare", *FLOWS[:3], *RANGE)
    assert f"nothing counted in this range: {FLOWS[2]}" in text
    assert ["jobs", "2", "1"] in [line.split() for line in text.splitlines()]


@pytest.mark.parametrize("order", ["p99.9", "jobs_failed", "log_bytes", "utilization"])
def test_a_ranking_by_any_number(run, order):
    text = run("compare", *RANGE, "--order-by", order)
    assert text.index(str(FLOWS[0])) < text.index(str(FLOWS[1]))


def test_anomalies(run):
    assert "nothing stands out" in run("anomalies", *RANGE)


def test_watch(run):
    first, second = (
        json.loads(line) for line in run("watch", "--count", 2, "--interval", "1s", "--json").splitlines()
    )
    assert (first["total_jobs"], first["total_workflows"], second["total_jobs"]) == (3, 2, 3)
    assert first["total_job_execution_duration"] == 152


def test_a_refusal_names_the_field_and_the_nearest_range(run):
    said = run("summary", "--from", "2026-02-01T00:07Z", code=2)
    assert said.startswith("Error: range.start_time: must lie on a quarter of an hour")


def test_a_user_without_numbers(run):
    assert "(NO_ANALYTICS)" in run("series", user=OTHER, code=66)
