"""The reference model against the corpus, whose totals a simulation of Chronoverse's own code kept."""

import json
from pathlib import Path
from typing import Any

import pytest
from reference import HORIZON_MS, load, totals_of

DATA = Path(__file__).parent.parent / "data"
JOB, FLOW, USER = (f"0195643e-d943-7293-84fc-8ba6a49b000{n}" for n in (1, 2, 3))
COUNTABLE = (
    "users",
    "workflows",
    "workflows_without_analytics",
    "jobs_by_utc_day",
    "job_log_lines_by_utc_day",
    "duration_percentiles",
)


@pytest.fixture(scope="module")
def computed() -> dict[str, Any]:
    return totals_of(load(DATA / "small.jsonl.gz"))


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    truth: dict[str, Any] = json.loads((DATA / "small.expected.json").read_text())
    return truth


@pytest.mark.parametrize("part", COUNTABLE)
def test_every_total_of_the_corpus_comes_out(part: str, computed: Any, expected: Any) -> None:
    assert computed[part] == expected[part]


def test_the_same_lines_are_malformed(computed: Any, expected: Any) -> None:
    assert [m["line"] for m in computed["malformed"]] == [m["line"] for m in expected["malformed"]]


def test_records_and_unknown_types_are_counted(computed: Any, expected: Any) -> None:
    assert all(expected["meta"][name] == count for name, count in computed["meta"].items())


def test_order_between_keys_does_not_matter(expected: Any) -> None:
    records = sorted(load(DATA / "small.jsonl.gz"), key=lambda record: str(record["partition_key"]))

    assert totals_of(records)["workflows"] == expected["workflows"]


def job(timestamp_ms: int, **fields: Any) -> dict[str, Any]:
    payload = {
        "EventKey": f"analytics:job:{JOB}:completed",
        "UserID": USER,
        "WorkflowID": FLOW,
        "EventType": "JOBS",
        "Data": {"job_execution_duration": 5},
    }
    return {
        "topic": "analytics",
        "partition_key": FLOW,
        "key": FLOW,
        "value": json.dumps(payload | fields),
        "timestamp_ms": timestamp_ms,
    }


@pytest.mark.parametrize(("gap_ms", "jobs"), [(-5000, 1), (0, 1), (HORIZON_MS, 1), (HORIZON_MS + 1, 2)])
def test_a_repeat_counts_again_only_beyond_the_horizon(gap_ms: int, jobs: int) -> None:
    totals = totals_of([job(10**12), job(10**12 + gap_ms)])

    assert totals["users"][USER]["total_jobs"] == jobs


def test_without_event_key_each_record_counts() -> None:
    assert totals_of([job(1, EventKey=""), job(1, EventKey="")])["users"][USER]["total_jobs"] == 2


def test_a_malformed_record_does_not_use_up_its_event_key() -> None:
    totals = totals_of([job(1, Data={"job_execution_duration": -1}), job(2)])

    assert (totals["users"][USER]["total_jobs"], len(totals["malformed"])) == (1, 1)


@pytest.mark.parametrize(
    "fields",
    [
        {"UserID": "00000000-0000-0000-0000-000000000000"},
        {"UserID": USER.replace("-", "")},
        {"Data": {"job_execution_duration": 12.0}},
        {"Data": {"job_execution_duration": True}},
        {"Data": {"job_execution_duration": 366 * 86_400 + 1}},
        {"Data": {"job_execution_duration": 5, "completed_at": "yesterday"}},
        {"EventType": ""},
    ],
)
def test_what_the_contract_refuses_is_malformed(fields: dict[str, Any]) -> None:
    totals = totals_of([job(1, **fields)])

    assert (len(totals["malformed"]), totals["users"]) == (1, {})


def test_an_unknown_type_names_nobody() -> None:
    totals = totals_of([job(1, EventType="BILLING", UserID="whoever")])

    assert (totals["users"], totals["malformed"]) == ({}, [])
