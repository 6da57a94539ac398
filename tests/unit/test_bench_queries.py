"""The benchmark of queries, without engines: who asks what, with which token, and whether the answer is true."""

from datetime import UTC, datetime
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from analytics.analytics_pb2 import GetUserAnalyticsResponse, GetWorkflowAnalyticsResponse
from benchmarks.asked import Truth, require_true
from benchmarks.caller import Job, Question, Told, merged, prepare
from benchmarks.callers import divided
from benchmarks.errors import BenchmarkFailed
from benchmarks.flatness import on_disk, shape_of
from benchmarks.tables import Stored
from sandbox.tokens import create_key_pair

FLOW = Truth("0190a000-0000-7000-8000-000000000001", "0190a000-0000-7000-8000-00000000000f", 0, 3, 90, 12)
USER = Truth("0190a000-0000-7000-8000-000000000001", "", 2, 5, 100, 20)
FLOW_ANSWER = GetWorkflowAnalyticsResponse(
    workflow_id=FLOW.workflow_id, total_jobs=3, total_job_execution_duration=90
)
USER_ANSWER = GetUserAnalyticsResponse(
    total_workflows=2, total_jobs=5, total_joblogs=20, total_job_execution_duration=100
)


def a_job(questions: int, callers: int = 4, private_key: Path | None = None, tokens: int = 0) -> Job:
    asked = [Question("/method", str(number).encode(), f"user-{number}") for number in range(questions)]
    return Job("127.0.0.1:1", callers, asked, private_key, tokens, warm_up_s=0.0, measured_s=1.0)


def test_no_two_processes_ask_the_same_question() -> None:
    first, second = divided(a_job(7), 2)

    assert not {one.message for one in first.questions} & {one.message for one in second.questions}
    assert len(first.questions) + len(second.questions) == 7


def test_no_caller_is_lost_when_they_are_divided() -> None:
    assert [job.callers for job in divided(a_job(9, callers=5), 2)] == [3, 2]


def test_who_asks_about_one_user_only_still_has_a_question_in_every_process() -> None:
    assert [len(job.questions) for job in divided(a_job(1), 2)] == [1, 1]


def test_every_request_has_a_token_of_its_own_user_that_no_other_request_has(tmp_path: Path) -> None:
    create_key_pair(tmp_path / "private", tmp_path / "public")

    requests = list(prepare(a_job(2, private_key=tmp_path / "private", tokens=6)))

    tokens = [dict(one.metadata)["authorization"].removeprefix("Bearer ") for one in requests]
    key = load_pem_public_key((tmp_path / "public").read_bytes())
    claims = [jwt.decode(token, key, ["EdDSA"], audience="server") for token in tokens]  # type: ignore[arg-type]
    assert len(set(tokens)) == 6
    assert [claim["sub"] for claim in claims] == ["user-0", "user-1"] * 3
    assert all(claim["exp"] > datetime.now(UTC).timestamp() for claim in claims)


def test_without_auth_each_question_is_prepared_once() -> None:
    assert [one.question.message for one in prepare(a_job(3))] == [b"0", b"1", b"2"]


def test_select_1_needs_no_preparation() -> None:
    assert list(prepare(a_job(0))) == []


def test_what_several_callers_were_told_is_put_together() -> None:
    first, second = Told([1.0]), Told([2.0])
    first.failures["UNAVAILABLE"] += 1

    together = merged([first, second])

    assert together.latencies_ms == [1.0, 2.0]
    assert together.failures.total() == 1


@pytest.mark.parametrize(("truth", "answer"), [(FLOW, FLOW_ANSWER), (USER, USER_ANSWER)])
def test_an_answer_that_says_what_the_tables_say_is_true(
    truth: Truth, answer: GetWorkflowAnalyticsResponse
) -> None:
    told = Told(samples=[(0, answer.SerializeToString())])

    assert require_true([told], [[truth.question()]], [truth]) == 1


def test_an_answer_about_another_workflow_ends_the_benchmark() -> None:
    told = Told(samples=[(1, FLOW_ANSWER.SerializeToString())])
    other = FLOW._replace(workflow_id="0190a000-0000-7000-8000-0000000000ff")

    with pytest.raises(BenchmarkFailed, match="a wrong answer"):
        require_true([told], [[FLOW.question(), other.question()]], [FLOW, other])


def test_10_to_the_8_events_are_100_000_workflows() -> None:
    shape = shape_of(10**8)

    assert (shape.events, shape.workflows, shape.jobs, shape.users) == (10**8, 100_000, 10**7, 10_000)


def test_bytes_on_disk_are_told_by_what_they_are_for() -> None:
    tables = {
        "event_keys": Stored(2000, 0, 1), "log_runs": Stored(9000, 0, 1),
        "analytics": Stored(5000, 0, 1), "workflows": Stored(1000, 0, 1),
    }  # fmt: skip

    found = on_disk(tables, shape_of(10_000))  # 1,000 jobs, 9,000 lines, 10 workflows

    assert found == {
        "disk per event": 1.7, "index per job": 2.0, "index per log line": 1.0, "numbers per workflow": 600.0
    }  # fmt: skip
