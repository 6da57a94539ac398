"""What callers see of a running stack: the same numbers by reflection as by stubs, how fresh they are, faults."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import msgspec
import pytest
from google.protobuf import descriptor_pool, json_format, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from analytics import analytics_pb2, analytics_pb2_grpc
from analytics.cli.objects import KEYS
from sandbox.records import CorpusRecord
from sandbox.tokens import call_metadata, sign_token
from sandbox.totals import Answers, ExpectedTotals, read_expected
from tests.eventually import eventually
from tests.integration.stack_world import StackUnderTest, records_of, running_stack

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

SMALL = Path(__file__).parents[1] / "data" / "small.jsonl.gz"
EXPECTED = Path(__file__).parents[1] / "data" / "small.expected.json"
SERVICE = "analytics.AnalyticsService"


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Iterator[StackUnderTest]:
    """A stack that has counted the small corpus."""
    with running_stack(tmp_path_factory.mktemp("stack") / "run") as running:
        running.play(records_of(SMALL))
        running.await_counted()
        yield running


@pytest.fixture(scope="module")
def expected() -> ExpectedTotals:
    return read_expected(EXPECTED)


def token_of(world: StackUnderTest, subject: str) -> str:
    return sign_token(Path(world.running.keys.private), subject, now=datetime.now(UTC))


def ask_by_reflection(world: StackUnderTest, method: str, fields: dict[str, str]) -> dict[str, Any]:
    """Call with nothing but what the server says of itself."""
    with grpc.insecure_channel(world.running.grpc) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        described = (
            descriptor_pool.DescriptorPool(database).FindServiceByName(SERVICE).methods_by_name[method]
        )
        request = message_factory.GetMessageClass(described.input_type)(**fields)
        call = channel.unary_unary(
            f"/{SERVICE}/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=message_factory.GetMessageClass(described.output_type).FromString,
        )
        answer = call(request, metadata=call_metadata(token_of(world, fields["user_id"])), timeout=5)
    return json_format.MessageToDict(answer, preserving_proto_field_name=True)


def ask_by_grpcurl(world: StackUnderTest, method: str, fields: dict[str, str]) -> dict[str, Any]:
    headers = [f"{name}: {value}" for name, value in call_metadata(token_of(world, fields["user_id"]))]
    command = ["grpcurl", "-plaintext", *(part for header in headers for part in ("-H", header))]
    command += ["-d", json.dumps(fields), world.running.grpc, f"{SERVICE}/{method}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout)
    return {_snake(name): value for name, value in answer.items()}


def _snake(name: str) -> str:
    return "".join(f"_{one.lower()}" if one.isupper() else one for one in name)


ASK = [ask_by_reflection]
if shutil.which("grpcurl"):  # a Go program: where it is not, the Python client of reflection does the same
    ASK.append(ask_by_grpcurl)


@pytest.mark.parametrize("ask", ASK)
def test_reflection_gives_the_same_numbers(world, expected, ask):
    """A caller without our stubs reads what is true."""
    workflow = max(expected.workflows, key=lambda one: one.total_jobs)
    user = expected.users[workflow.user_id]
    of_user = ask(world, "GetUserAnalytics", {"user_id": workflow.user_id})
    assert int(of_user["total_jobs"]) == user.total_jobs
    assert int(of_user["total_workflows"]) == user.total_workflows
    assert int(of_user["total_joblogs"]) == user.total_joblogs
    assert int(of_user["total_job_execution_duration"]) == user.total_job_execution_duration
    fields = {"user_id": workflow.user_id, "workflow_id": workflow.workflow_id}
    of_workflow = ask(world, "GetWorkflowAnalytics", fields)
    assert of_workflow["workflow_id"] == workflow.workflow_id
    assert int(of_workflow["total_jobs"]) == workflow.total_jobs
    assert int(of_workflow["total_joblogs"]) == workflow.total_joblogs


def test_a_stranger_is_refused(world, expected):
    """A token of one user does not read another one's totals."""
    owner, stranger = list(expected.users)[:2]
    with grpc.insecure_channel(world.running.grpc) as channel:
        stub = analytics_pb2_grpc.AnalyticsServiceStub(channel)
        request = analytics_pb2.GetUserAnalyticsRequest(user_id=owner)
        with pytest.raises(grpc.RpcError) as caught:
            stub.GetUserAnalytics(request, metadata=call_metadata(token_of(world, stranger)))
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED


def test_answers_say_how_fresh_they_are(world, expected):
    """In a quiet system the as-of time follows the clock: everything published before it is counted."""
    user, asked_at = next(iter(expected.users)), time.time()

    def fresh() -> bool:
        freshness = ask_by_reflection(world, "GetUserAnalytics", {"user_id": user})["freshness"]
        assert "as_of_time" in freshness, freshness
        assert not freshness.get("stale")
        return datetime.fromisoformat(freshness["as_of_time"]).timestamp() > asked_at

    eventually(fresh, within_s=60)


def test_a_new_event_is_answered(world):
    """One event in a quiet system arrives; how soon is a matter of benchmarks/."""
    user, workflow, job = (f"0195643e-d943-7293-84fc-8ba6a49b000{number}" for number in (1, 2, 3))
    event = {
        "EventKey": f"analytics:job:{job}:completed",
        "UserID": user,
        "WorkflowID": workflow,
        "EventType": "JOBS",
        "Data": {"job_execution_duration": 7},
    }
    now_ms = time.time_ns() // 1_000_000
    world.play(
        [
            CorpusRecord(
                topic="analytics", partition_key=workflow, timestamp_ms=now_ms, value=json.dumps(event)
            )
        ]
    )
    world.await_counted()
    answer = ask_by_reflection(world, "GetUserAnalytics", {"user_id": user})
    assert (answer["total_workflows"], answer["total_jobs"]) == (1, "1")
    assert answer["total_job_execution_duration"] == "7"


def command_line(world: StackUnderTest, user_id: str, *arguments: str) -> list[dict[str, Any]]:
    """What the real program prints for a user, one object a line."""
    program = Path(sys.executable).with_name("chronoverse-analytics")
    environment = {"ANALYTICS_ADDRESS": world.running.grpc, "ANALYTICS_TOKEN": token_of(world, user_id)}
    done = subprocess.run(
        [program, *arguments, "--json"],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_command_line_gives_the_same_numbers(world, expected):
    """`chronoverse-analytics` prints what is true of a user and of a workflow."""
    workflow = max(expected.workflows, key=lambda one: one.total_jobs)
    (of_user,) = command_line(world, workflow.user_id, "user", workflow.user_id)
    assert of_user.items() >= msgspec.to_builtins(expected.users[workflow.user_id]).items()
    assert set(of_user) == set(KEYS)
    (of_workflow,) = command_line(world, workflow.user_id, "workflow", workflow.workflow_id)
    assert of_workflow.items() >= msgspec.to_builtins(workflow).items()


def test_watch_asks_the_stack_again_and_again(world, expected):
    """Two rounds of `watch` for a user and a workflow are four lines."""
    workflow = expected.workflows[0]
    options = ("--count", "2", "--interval", "100ms")
    found = command_line(
        world, workflow.user_id, "watch", workflow.user_id, f"/{workflow.workflow_id}", *options
    )
    assert [one["workflow_id"] for one in found] == [None, workflow.workflow_id] * 2


def test_the_python_example_of_the_readme_works(world, expected, tmp_path):
    """The client as the README shows it."""
    user_id, totals = next(iter(expected.users.items()))
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    program = tmp_path / "ask.py"
    program.write_text(readme.partition("```python\n")[2].partition("```")[0])
    command = [sys.executable, str(program), world.running.grpc, user_id, token_of(world, user_id)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"{totals.total_jobs} jobs, {totals.total_job_execution_duration} s, ")


def test_clickhouse_dies_while_events_are_counted(tmp_path, expected):
    """kill -9 of ClickHouse, twice, in mid-stream: the processor waits for it, and the numbers are exact."""
    records = records_of(SMALL)
    with running_stack(tmp_path / "run") as world:
        with world.playing(records, rate=len(records) / 8) as player:
            for _ in range(2):
                player.join(2.0)
                os.kill(world.stack.clickhouse.pid, signal.SIGKILL)
                eventually(lambda: world.stack.clickhouse.exit_code is not None)
                eventually(lambda: world.supervise() or world.stack.clickhouse.exit_code is None)
        world.await_counted()
        assert world.answers(expected) == Answers(dict(expected.users), expected.workflows)
        assert world.stack.processors[0].exit_code is None, "it did not have to be started again"
