"""Who may call what: every kind of token against every method of the service, whichever methods there are."""

import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.json_format import ParseDict
from google.protobuf.message_factory import GetMessageClass
from grpc import StatusCode, aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from analytics.analytics_pb2 import DESCRIPTOR
from analytics.insights.reads import InsightReads
from analytics.interceptors import SERVICE_PREFIX
from analytics.reads import QueryRunner
from tests.grpc_world import (
    STRANGER,
    USER,
    USER_TOTALS,
    WORKFLOW,
    WORKFLOW_TOTALS,
    FakeLookups,
    metadata,
    reason_of,
    serving,
    token,
)
from tests.processor_world import fresh_database

METHODS = tuple(DESCRIPTOR.services_by_name["AnalyticsService"].methods)
REQUESTS = {
    "GetUserAnalytics": {"user_id": str(USER)},
    "GetWorkflowAnalytics": {"user_id": str(USER), "workflow_id": str(WORKFLOW)},
    "GetAnalyticsSummary": {"user_id": str(USER)},
    "QueryTimeSeries": {"user_id": str(USER), "interval": "INTERVAL_DAY"},
    "ListWorkflowAnalytics": {"user_id": str(USER)},
    "WatchAnalytics": {"summary": {"user_id": str(USER)}},
    "ListAnomalies": {"user_id": str(USER), "range": {"start_time": "2026-03-01T00:00:00Z"}},
    "GetAnalyticsStatus": {"user_id": str(USER)},
}
"""The least that is a valid request for USER, by method."""

ADMITTED = "admitted"
MISSING = (StatusCode.FAILED_PRECONDITION, "MISSING_CREDENTIALS")
INVALID = (StatusCode.UNAUTHENTICATED, "INVALID_TOKEN")
DENIED = (StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED")
_UNSIGNED = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0." + token().split(".")[1] + "."

CALLERS = {
    "nothing at all": (lambda: [], MISSING),
    "no token": (lambda: metadata(authorization=None), MISSING),
    "wrong signature": (lambda: metadata(token(key=Ed25519PrivateKey.generate())), INVALID),
    "expired": (lambda: metadata(token(exp=int(time.time()) - 1)), INVALID),
    "not yet valid": (lambda: metadata(token(nbf=int(time.time()) + 600)), INVALID),
    "other algorithm": (lambda: metadata(token(key="k" * 64, algorithm="HS256")), INVALID),
    "no algorithm": (lambda: metadata(_UNSIGNED), INVALID),
    "admin with a wrong signature": (
        lambda: metadata(token("internal/x", role="admin", key=Ed25519PrivateKey.generate()), role="admin"),
        INVALID,
    ),
    "other user's": (lambda: metadata(token(STRANGER)), DENIED),
    "other user's, who says admin beside the token": (
        lambda: metadata(token(STRANGER), role="admin"),
        DENIED,
    ),
    "nobody's": (lambda: metadata(token("internal/executor")), DENIED),
    "user": (lambda: metadata(token(USER)), ADMITTED),
    "admin": (lambda: metadata(token("internal/executor", role="admin"), role="admin"), ADMITTED),
}


def request_for(method):
    """A valid request for USER."""
    if method.name not in REQUESTS:
        pytest.fail(f"REQUESTS of {__name__} has no valid request for {method.name}: add one")
    return ParseDict(REQUESTS[method.name], GetMessageClass(method.input_type)())


async def outcome(channel, method, sent):
    """Code and reason of a call; of a stream, of its first message."""
    open_call = channel.unary_stream if method.server_streaming else channel.unary_unary
    call = open_call(
        SERVICE_PREFIX + method.name,
        request_serializer=GetMessageClass(method.input_type).SerializeToString,
        response_deserializer=GetMessageClass(method.output_type).FromString,
    )(request_for(method), metadata=sent, timeout=10)
    try:
        if method.server_streaming:
            await call.read()
            call.cancel()
        else:
            await call
    except aio.AioRpcError as error:
        return error.code(), reason_of(error)
    return StatusCode.OK, ""


@pytest.fixture(scope="module")
def reads(clickhouse):
    """What questions about ranges read: tables in which nothing is counted."""
    runner = QueryRunner(fresh_database(clickhouse.address), size=2, timeout_s=10)
    yield InsightReads(runner, parallel=2, most_waiting=100)
    runner.close()


@pytest.fixture
async def channel(reads):
    """A channel to a service that knows totals of USER and WORKFLOW."""
    fake = FakeLookups()
    fake.users, fake.workflows = {USER: USER_TOTALS}, {(USER, WORKFLOW): WORKFLOW_TOTALS}
    async with serving(fake, reads=reads) as address, aio.insecure_channel(address) as opened:
        yield opened


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
async def test_every_caller_meets_the_code_table_at_every_method(channel, method, caller):
    """Whoever may not read USER's data is told so by the code of the contract; who may is not held up."""
    sent, expected = CALLERS[caller]
    found = await outcome(channel, method, sent())
    if expected is ADMITTED:
        assert found in {(StatusCode.OK, ""), (StatusCode.NOT_FOUND, "NO_ANALYTICS")}
    else:
        assert found == expected


async def test_health_needs_no_token(channel):
    """The probes of an operator have none."""
    stub = health_pb2_grpc.HealthStub(channel)
    assert (await stub.Check(health_pb2.HealthCheckRequest())).status == 1
    watch = stub.Watch(health_pb2.HealthCheckRequest())
    assert (await watch.read()).status == 1
    watch.cancel()


async def test_reflection_needs_no_token(channel):
    """Outside of production everybody may ask what there is."""
    ask = reflection_pb2.ServerReflectionRequest(list_services="")
    call = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(iter([ask]))
    names = [one.name async for answer in call for one in answer.list_services_response.service]
    assert DESCRIPTOR.services_by_name["AnalyticsService"].full_name in names
