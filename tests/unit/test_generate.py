"""Generated events against the simulation's own truth, by way of the reference model."""

import json
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from reference import load, totals_of

from sandbox.generate.command import generate
from sandbox.generate.forms import go_json, jsonb, rfc3339
from sandbox.generate.world import Plan, Simulation
from sandbox.records import read_corpus

KINDS_OF_LIFE = {"active", "terminated", "deleted"}


def computed_and_true(plan: Plan) -> tuple[dict[str, Any], dict[str, Any]]:
    simulation = Simulation(plan)
    records = [json.loads(record.line()) for record in simulation]
    return totals_of(records), simulation.truth.expected()


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("faults", [True, False], ids=["faults", "no faults"])
def test_the_truth_is_what_the_records_say(seed: int, faults: bool) -> None:
    computed, true = computed_and_true(Plan(events=5000, seed=seed, faults=faults))

    lines = [[entry["line"] for entry in side.pop("malformed")] for side in (computed, true)]
    assert lines[0] == lines[1]
    assert computed.pop("meta").items() <= true.pop("meta").items()
    assert computed == true


@pytest.mark.parametrize("events", [1, 2, 17, 300])
def test_the_truth_holds_wherever_the_log_is_cut_off(events: int) -> None:
    computed, true = computed_and_true(Plan(events=events, seed=4))

    assert true["meta"]["records"] == events
    assert (computed["users"], computed["workflows"]) == (true["users"], true["workflows"])


def test_the_same_seed_gives_the_same_bytes() -> None:
    first, again, other = ([r.line() for r in Simulation(Plan(events=2000, seed=s))] for s in (5, 5, 6))

    assert first == again
    assert first != other


def test_without_faults_nothing_is_repeated_malformed_or_unknown() -> None:
    simulation = Simulation(Plan(events=3000, faults=False))
    values = [record.value for record in simulation if b'"WORKFLOWS"' not in (record.value or b"")]
    truth = simulation.truth

    assert len(set(values)) == len(values)  # a WORKFLOWS event is the same for every rebuild
    assert (truth.malformed, dict(truth.unknown), dict(truth.repeats)) == ([], {}, {})


def test_faults_have_the_shapes_of_the_corpus() -> None:
    simulation = Simulation(Plan(events=60_000, seed=7))
    records = list(simulation)
    true = simulation.truth.expected()

    assert any(record.partition_key != record.partition_key.lower() for record in records)
    assert any(record.key is None for record in records)
    assert {flow["state"] for flow in true["workflows"]} == KINDS_OF_LIFE
    assert any(flow["kind"] is None for flow in true["workflows"])  # older than the log
    assert true["workflows_without_analytics"]
    assert len(true["meta"]["malformed_by_reason"]) > 25
    assert true["meta"]["user_without_valid_events"] not in true["users"]
    heaviest = max(user["total_jobs"] for user in true["users"].values())
    assert 0.35 < heaviest / sum(user["total_jobs"] for user in true["users"].values()) < 0.45


def test_one_user_with_one_workflow_is_enough() -> None:
    records = list(islice(Simulation(Plan(events=500, users=1, workflows=1, faults=False)), 500))

    assert len(records) == 500


def test_the_command_writes_files_that_read_back(tmp_path: Path) -> None:
    output, expected = tmp_path / "events.jsonl.gz", tmp_path / "events.expected.json"
    arguments = ["--events", "700", "--seed", "9", "--output", str(output), "--expected", str(expected)]
    result = CliRunner().invoke(generate, [*arguments, "--start", "2026-01-01T00:00:00Z"])

    assert result.exit_code == 0, result.output
    simulation = Simulation(Plan(events=700, seed=9, start_ms=1_767_225_600_000))
    assert [record.value_bytes for record in read_corpus(output)] == [record.value for record in simulation]
    assert totals_of(load(output))["users"] == json.loads(expected.read_text())["users"]


def test_the_command_writes_the_same_bytes_again(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a.jsonl.gz", "b.jsonl.gz")]
    for file in files:
        CliRunner().invoke(generate, ["--events", "300", "--output", str(file)])

    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_start_without_an_offset_is_refused(tmp_path: Path) -> None:
    arguments = ["--events", "1", "--output", str(tmp_path / "x.jsonl"), "--start", "2026-01-01T00:00:00"]
    result = CliRunner().invoke(generate, arguments)

    assert result.exit_code == 2
    assert "offset" in result.output


def test_postgres_orders_keys_by_length() -> None:
    event = {"WorkflowID": "w", "Data": {"kind": "K", "a": [1, 2]}, "UserID": "<u>", "Ünïcode": 1}

    assert (
        jsonb(event).decode()
        == '{"Data": {"a": [1, 2], "kind": "K"}, "UserID": "<u>", "Ünïcode": 1, "WorkflowID": "w"}'
    )


def test_go_escapes_what_html_could_misread() -> None:
    assert go_json({"Message": "<a>&\u2028\x0b"}) == rb'{"Message":"\u003ca\u003e\u0026\u2028\u000b"}'


@pytest.mark.parametrize(
    ("unix_ns", "offset_min", "text"),
    [
        (0, 0, "1970-01-01T00:00:00Z"),
        (1_500_000_000, 330, "1970-01-01T05:30:01.5+05:30"),
        (1_000_000_001, -300, "1969-12-31T19:00:01.000000001-05:00"),
    ],
)
def test_times_are_printed_as_go_prints_them(unix_ns: int, offset_min: int, text: str) -> None:
    assert rfc3339(unix_ns, offset_min) == text
