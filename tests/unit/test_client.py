"""The client on gRPC's own fake channel: what it sends, what it returns, what it raises."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import grpc
import grpc_testing
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import error_details_pb2, status_pb2
from grpc import StatusCode
from grpc_status import rpc_status

from analytics import analytics_pb2 as pb
from analytics import client as api
from analytics import verdicts
from analytics.client import errors
from analytics.freshness_pb2 import Freshness
from tests.grpc_world import USER, WORKFLOW

SERVICE = pb.DESCRIPTOR.services_by_name["AnalyticsService"]
SECRET = "eyJhbGciOi.secret.token"
DOMAIN = "analytics.chronoverse"
GRPCS_OWN = {
    ("grpc.metadata_added_by_runtime", "gRPC is allowed to add metadata in transmission and does so.")
}


class World:
    """A fake channel, a client on it, and the test in the place of the service."""

    def __init__(self):
        self.channel = grpc_testing.channel([SERVICE], grpc_testing.strict_fake_time(0))
        self.tokens = iter([SECRET, "second", "third"])
        self.client = api.AnalyticsClient(self.channel, lambda: next(self.tokens), audience="server")
        self._thread = ThreadPoolExecutor(1)

    def asked(self, ask, answer=None, *, code=StatusCode.OK, words="", trailing=()):
        """Let the client call, and answer it; return its metadata and request, and the future of its result."""
        result = self._thread.submit(ask, self.client)
        method = SERVICE.methods_by_name[
            "GetWorkflowAnalytics" if ask is ask_workflow else "GetUserAnalytics"
        ]
        metadata, request, call = self.channel.take_unary_unary(method)
        call.send_initial_metadata(())
        call.terminate(answer or pb.GetUserAnalyticsResponse(), trailing, code, words)
        return {pair for pair in metadata if pair not in GRPCS_OWN}, request, result

    def failure(self, *details, code, words="words", status_code=None):
        """Answer with a status; return what the client raises."""
        packed = [pack(detail) for detail in details]
        status = status_pb2.Status(code=(status_code or code).value[0], message=words, details=packed)
        trailing = rpc_status.to_status(status).trailing_metadata
        _, _, result = self.asked(ask_user, code=code, words=words, trailing=trailing)
        error = result.exception(10)
        assert isinstance(error, api.CallFailed), error
        return error

    def close(self):
        self._thread.shutdown()


@pytest.fixture
def world():
    opened = World()
    yield opened
    opened.close()


def ask_user(client):
    return client.user(USER)


def ask_workflow(client):
    return client.workflow(str(USER), WORKFLOW)


def pack(message):
    packed = AnyMessage()
    packed.Pack(message)
    return packed


def info(reason, domain=DOMAIN):
    return error_details_pb2.ErrorInfo(reason=reason, domain=domain)


# --- what is sent ---


def test_a_call_carries_who_calls_and_the_token(world):
    metadata, request, _ = world.asked(ask_user)
    assert metadata == {("audience", "server"), ("role", "user"), ("authorization", f"Bearer {SECRET}")}
    assert request == pb.GetUserAnalyticsRequest(user_id=str(USER))


def test_every_call_asks_for_a_token(world):
    for expected in (SECRET, "second"):
        metadata, _, _ = world.asked(ask_user)
        assert ("authorization", f"Bearer {expected}") in metadata


def test_without_a_supplier_no_token_is_sent(world):
    world.client = api.AnalyticsClient(world.channel, None, audience="server", role="admin")
    metadata, _, _ = world.asked(ask_user)
    assert metadata == {("audience", "server"), ("role", "admin")}


@pytest.mark.parametrize(
    "bad", ["", "two words", "line\n", "ключ"], ids=["empty", "blank", "newline", "not ASCII"]
)
def test_a_token_that_grpc_would_print_in_its_error_is_refused_unsaid(world, bad):
    """gRPC's ValueError shows all metadata."""
    client = api.AnalyticsClient(world.channel, lambda: bad, audience="server")
    with pytest.raises(api.Misconfigured, match=r"^token: must be visible ASCII"):
        client.user(USER)


def test_a_bad_audience_is_said_at_once(world):
    with pytest.raises(api.Misconfigured, match="audience"):
        api.AnalyticsClient(world.channel, None, audience="my service")


def test_what_the_supplier_raises_reaches_the_caller(world):
    client = api.AnalyticsClient(world.channel, lambda: 1 / 0, audience="server")
    with pytest.raises(ZeroDivisionError):
        client.user(USER)


def test_a_handed_in_channel_stays_open(world):
    with world.client:
        pass
    assert world.asked(ask_user)[2].result(10)


# --- what is returned ---


def test_user_totals(world):
    answer = pb.GetUserAnalyticsResponse(
        total_workflows=2,
        total_jobs=30,
        total_joblogs=1000,
        total_job_execution_duration=2**64 - 1,
        freshness=Freshness(
            as_of_time=datetime(2026, 11, 24, 15, 57, 24, 708_000, UTC),
            age=timedelta(seconds=1.2),
            stale=False,
        ),
        cache_max_age=timedelta(seconds=45),
    )
    _, _, result = world.asked(ask_user, answer)
    assert result.result(10) == api.UserAnalytics(
        workflows=2,
        jobs=30,
        execution_seconds=2**64 - 1,
        log_lines=1000,
        freshness=api.Freshness(
            as_of=datetime(2026, 11, 24, 15, 57, 24, 708_000, UTC), age=timedelta(seconds=1.2), stale=False
        ),
        cache_max_age=timedelta(seconds=45),
    )


def test_workflow_totals_of_an_older_service(world):
    """Freshness and cache_max_age are absent, not zero."""
    answer = pb.GetWorkflowAnalyticsResponse(
        workflow_id=str(WORKFLOW), total_jobs=12, total_joblogs=999, total_job_execution_duration=4000
    )
    _, request, result = world.asked(ask_workflow, answer)
    assert request == pb.GetWorkflowAnalyticsRequest(user_id=str(USER), workflow_id=str(WORKFLOW))
    assert result.result(10) == api.WorkflowAnalytics(
        workflow_id=UUID(str(WORKFLOW)),
        jobs=12,
        execution_seconds=4000,
        log_lines=999,
        freshness=None,
        cache_max_age=None,
    )


def test_an_unknown_age_is_none(world):
    _, _, result = world.asked(ask_user, pb.GetUserAnalyticsResponse(freshness=Freshness(stale=True)))
    assert result.result(10).freshness == api.Freshness(as_of=None, age=None, stale=True)


# --- what is raised ---


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", api.InvalidRequest),
        (StatusCode.INVALID_ARGUMENT, "MALFORMED_REQUEST", api.InvalidRequest),
        (StatusCode.FAILED_PRECONDITION, "MISSING_CREDENTIALS", api.NotAuthenticated),
        (StatusCode.UNAUTHENTICATED, "INVALID_TOKEN", api.NotAuthenticated),
        (StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED", api.NotAllowed),
        (StatusCode.NOT_FOUND, "NO_ANALYTICS", api.NotFound),
        (StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE", api.Unavailable),
        (StatusCode.DEADLINE_EXCEEDED, "STORE_TIMEOUT", api.TimedOut),
        (StatusCode.RESOURCE_EXHAUSTED, "REQUEST_TOO_LARGE", api.InvalidRequest),
        (StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED", api.Overloaded),
        (StatusCode.INTERNAL, "INTERNAL", api.ServiceFailed),
        (StatusCode.UNIMPLEMENTED, "", api.ServiceFailed),
        (StatusCode.ABORTED, "", api.Unavailable),
    ],
)
def test_every_status_has_its_error(world, code, reason, kind):
    error = world.failure(*([info(reason)] if reason else []), code=code)
    assert type(error) is kind
    assert (error.code, error.reason, str(error)) == (code, reason, "words")
    assert isinstance(error.__cause__, grpc.RpcError)


def test_every_reason_of_the_service_is_tried_above():
    """The table above has all that the service can answer."""
    (table,) = [
        mark.args[1] for mark in test_every_status_has_its_error.pytestmark if mark.name == "parametrize"
    ]
    tried = {(code, reason) for code, reason, _ in table}
    assert {(verdict.code, verdict.reason) for verdict in verdicts.VERDICTS.values()} <= tried
    assert errors.DOMAIN == verdicts.DOMAIN


def test_an_invalid_field_is_named_with_its_rule(world):
    violation = error_details_pb2.BadRequest.FieldViolation(field="user_id", description="must be a UUID")
    bad = error_details_pb2.BadRequest(field_violations=[violation])
    error = world.failure(info("INVALID_FIELD"), bad, code=StatusCode.INVALID_ARGUMENT)
    assert (error.field, error.rule) == ("user_id", "must be a UUID")


def test_the_service_says_when_to_come_back(world):
    retry = error_details_pb2.RetryInfo()
    retry.retry_delay.FromMilliseconds(1500)
    error = world.failure(info("OVERLOADED"), retry, code=StatusCode.RESOURCE_EXHAUSTED)
    assert error.retry_after == timedelta(seconds=1.5)


def test_nothing_said_about_when_is_none(world):
    assert world.failure(code=StatusCode.UNAVAILABLE).retry_after is None


def test_a_reason_of_somebody_else_is_not_ours(world):
    """A proxy on the way has reasons of its own."""
    error = world.failure(info("REQUEST_TOO_LARGE", domain="proxy"), code=StatusCode.RESOURCE_EXHAUSTED)
    assert (type(error), error.reason) == (api.Overloaded, "")


def test_details_that_contradict_the_status_are_left_out(world):
    error = world.failure(info("NO_ANALYTICS"), code=StatusCode.UNAVAILABLE, status_code=StatusCode.NOT_FOUND)
    assert (type(error), error.reason, str(error)) == (api.Unavailable, "", "words")


def test_garbage_for_details_is_left_out(world):
    _, _, result = world.asked(
        ask_user, code=StatusCode.NOT_FOUND, trailing=(("grpc-status-details-bin", b"\xff\xff"),)
    )
    error = result.exception(10)
    assert (type(error), str(error)) == (api.NotFound, "NOT_FOUND")


def test_errors_can_be_sent_to_another_process(world):
    error = world.failure(info("NO_ANALYTICS"), code=StatusCode.NOT_FOUND)
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), copy.failure, str(copy)) == (api.NotFound, error.failure, "words")
    other = pickle.loads(pickle.dumps(api.Misconfigured("ca_file", "is missing")))
    assert str(other) == "ca_file: is missing"


def test_no_token_is_shown(world):
    error = world.failure(code=StatusCode.UNAUTHENTICATED)
    shown = [repr(world.client), repr(error), str(error), repr(error.__cause__), repr(vars(error))]
    assert not any("secret" in text for text in shown)
