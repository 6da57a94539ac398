"""The flood for benchmarks: its totals are what the reference model counts, and its bytes are repeatable."""

import json
from typing import Any, get_args

import pytest
from reference import totals_of

from sandbox.generate.flood import TOPICS, Flood, Kind


def corpus(flood: Flood) -> list[dict[str, Any]]:
    return [
        {
            "topic": TOPICS[flood.kind],
            "partition_key": key.decode(),
            "key": key.decode(),
            "value": value.decode(),
            "timestamp_ms": timestamp_ms,
        }
        for key, value, timestamp_ms in flood
    ]


def small_flood(kind: Kind, duplicates: float = 0.0) -> Flood:
    return Flood(
        kind, events=10_000, seed=3, workflow_count=50, user_count=7, duplicates=duplicates, parallel=20
    )


@pytest.mark.parametrize("kind", get_args(Kind))
@pytest.mark.parametrize("duplicates", [0.0, 0.1])
def test_the_totals_are_what_the_records_say(kind: Kind, duplicates: float) -> None:
    flood = small_flood(kind, duplicates)
    computed = totals_of(corpus(flood))

    assert computed["malformed"] == []
    assert {
        (row["user_id"], row["workflow_id"]): (
            row["total_jobs"],
            row["total_job_execution_duration"],
            row["total_joblogs"],
        )
        for row in computed["workflows"]
    } == flood.by_workflow()
    assert {user: tuple(totals.values()) for user, totals in computed["users"].items()} == {
        user: (flows, jobs, lines, seconds) for user, (flows, jobs, seconds, lines) in flood.by_user().items()
    }


@pytest.mark.parametrize("kind", get_args(Kind))
def test_the_same_seed_gives_the_same_flood(kind: Kind) -> None:
    assert list(small_flood(kind)) == list(small_flood(kind))


@pytest.mark.parametrize("duplicates", [0.0, 0.25])
def test_as_many_records_come_as_were_asked_for(duplicates: float) -> None:
    flood = small_flood("jobs", duplicates)

    assert len(list(flood)) == flood.totals.records == 10_000
    assert flood.totals.repeats == pytest.approx(10_000 * duplicates, rel=0.1)


def test_log_lines_are_numbered_within_their_stream() -> None:
    seen: dict[str, int] = {}
    for _, value, _ in small_flood("job_logs"):
        line = json.loads(value)
        stream = line["EventKey"].rsplit(":", 1)[0]
        assert line["SequenceNum"] == seen.get(stream, 0) + 1
        seen[stream] = line["SequenceNum"]
