"""Each row of the code table in the contract, over a real socket, on the fake and on a real ClickHouse."""

import asyncio
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.duration_pb2 import Duration
from grpc import StatusCode, aio

from analytics import analytics_pb2 as pb
from analytics.analytics_pb2_grpc import AnalyticsServiceStub
from analytics.errors import StoreTimeout, StoreUnavailable
from analytics.freshness_pb2 import Freshness
from tests.grpc_world import (
    NO_CLAIM,
    NOBODYS_WORKFLOW,
    STRANGER,
    USER,
    WORKFLOW,
    FailingLookups,
    FakeLookups,
    failure,
    metadata,
    serving,
    token,
    violated_fields,
)

ASK_USER = pb.GetUserAnalyticsRequest(user_id=str(USER))
ASK_WORKFLOW = pb.GetWorkflowAnalyticsRequest(user_id=str(USER), workflow_id=str(WORKFLOW))
NIL = "00000000-0000-0000-0000-000000000000"
USER_RPC = "/analytics.AnalyticsService/GetUserAnalytics"


def both(stub, sent):
    """The two RPCs with good requests and the given metadata."""
    return stub.GetUserAnalytics(ASK_USER, metadata=sent), stub.GetWorkflowAnalytics(
        ASK_WORKFLOW, metadata=sent
    )


async def test_user_totals(stub):
    """The owner of a token reads the totals of that user."""
    answer = await stub.GetUserAnalytics(ASK_USER, metadata=metadata())
    assert (answer.total_workflows, answer.total_jobs) == (2, 30)
    assert (answer.total_joblogs, answer.total_job_execution_duration) == (1000, 86400)


async def test_workflow_totals(stub):
    """The owner of a token reads the totals of a workflow, whose id comes back canonical."""
    request = pb.GetWorkflowAnalyticsRequest(user_id=USER.hex, workflow_id="{" + WORKFLOW.hex.upper() + "}")
    answer = await stub.GetWorkflowAnalytics(request, metadata=metadata())
    assert (answer.workflow_id, answer.total_jobs) == (str(WORKFLOW), 12)
    assert (answer.total_joblogs, answer.total_job_execution_duration) == (999, 4000)


async def test_admin_reads_any_user(stub):
    """A token with the claim admin reads every user."""
    sent = metadata(token("internal/executor", role="admin"))
    assert [await call for call in both(stub, sent)]


@pytest.mark.parametrize("name", ["audience", "role", "authorization"])
async def test_missing_metadata(stub, name):
    """audience, role or authorization missing: FAILED_PRECONDITION."""
    for call in both(stub, metadata(**{name: None})):
        assert await failure(call) == (StatusCode.FAILED_PRECONDITION, "MISSING_CREDENTIALS")


async def test_malformed_authorization(stub):
    """`bearer` in lower case: FAILED_PRECONDITION."""
    for call in both(stub, metadata(authorization=f"bearer {token()}")):
        assert await failure(call) == (StatusCode.FAILED_PRECONDITION, "MISSING_CREDENTIALS")


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": int(time.time()) - 1},
        {"nbf": int(time.time()) + 86_400},  # longer than any run of all tests
        {"key": Ed25519PrivateKey.generate()},
        {"key": "k" * 64, "algorithm": "HS256"},
        {"exp": NO_CLAIM},
        {"sub": NO_CLAIM},
    ],
    ids=["expired", "not yet valid", "other key", "other algorithm", "no exp", "no sub"],
)
async def test_bad_tokens(stub, changes):
    """A token that does not hold: UNAUTHENTICATED."""
    for call in both(stub, metadata(token(**changes))):
        assert await failure(call) == (StatusCode.UNAUTHENTICATED, "INVALID_TOKEN")


async def test_garbage_token(stub):
    """Garbage as token: UNAUTHENTICATED."""
    for call in both(stub, metadata("garbage")):
        assert await failure(call) == (StatusCode.UNAUTHENTICATED, "INVALID_TOKEN")


async def test_other_users_data(stub):
    """Another user's token: PERMISSION_DENIED, whatever its metadata says."""
    for call in both(stub, metadata(token(STRANGER), role="admin")):
        assert await failure(call) == (StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED")


@pytest.mark.parametrize(
    "bad", ["", "none", NIL, str(USER) + "\0", "a" * 100_000], ids=["empty", "word", "nil", "NUL", "100 kB"]
)
async def test_bad_user_id(stub, bad):
    """A bad user id: INVALID_ARGUMENT that names the field."""
    with pytest.raises(aio.AioRpcError) as caught:
        await stub.GetUserAnalytics(pb.GetUserAnalyticsRequest(user_id=bad), metadata=metadata())
    assert caught.value.code() is StatusCode.INVALID_ARGUMENT
    assert violated_fields(caught.value) == ["user_id"]


@pytest.mark.parametrize(
    "bad", ["", "none", NIL, str(USER) + "\0", "a" * 100_000], ids=["empty", "word", "nil", "NUL", "100 kB"]
)
async def test_bad_workflow_id(stub, bad):
    """A bad workflow id: INVALID_ARGUMENT that names the field."""
    request = pb.GetWorkflowAnalyticsRequest(user_id=str(USER), workflow_id=bad)
    with pytest.raises(aio.AioRpcError) as caught:
        await stub.GetWorkflowAnalytics(request, metadata=metadata())
    assert caught.value.code() is StatusCode.INVALID_ARGUMENT
    assert violated_fields(caught.value) == ["workflow_id"]


async def test_undecodable_request(channel):
    """Bytes that are no message: INVALID_ARGUMENT, not INTERNAL."""
    call = channel.unary_unary(USER_RPC)(b"\x0a\xff", metadata=metadata())
    assert await failure(call) == (StatusCode.INVALID_ARGUMENT, "MALFORMED_REQUEST")


async def test_unknown_user(stub):
    """A user of whom nothing was counted: NOT_FOUND."""
    nobody = "01890a5d-ac96-774b-bcce-b302099a8059"
    call = stub.GetUserAnalytics(pb.GetUserAnalyticsRequest(user_id=nobody), metadata=metadata(token(nobody)))
    assert await failure(call) == (StatusCode.NOT_FOUND, "NO_ANALYTICS")


async def test_unknown_and_foreign_workflows_look_alike(stub):
    """A workflow that is unknown and one of somebody else's get the same words."""
    words = []
    for workflow in (NOBODYS_WORKFLOW, "01890a5d-ac97-7000-8000-00000000000f"):
        request = pb.GetWorkflowAnalyticsRequest(user_id=str(USER), workflow_id=str(workflow))
        with pytest.raises(aio.AioRpcError) as caught:
            await stub.GetWorkflowAnalytics(request, metadata=metadata())
        assert caught.value.code() is StatusCode.NOT_FOUND
        words.append(caught.value.details())
    assert words[0] == words[1]


async def test_zeros_for_unknown_users(lookups):
    """ANALYTICS_UNKNOWN_USER=zeros answers zeros for an unknown user, and still NOT_FOUND for a workflow."""
    nobody = "01890a5d-ac96-774b-bcce-b302099a8059"
    sent = metadata(token(nobody))
    async with (
        serving(lookups, analytics_unknown_user="zeros") as address,
        aio.insecure_channel(address) as channel,
    ):
        stub = AnalyticsServiceStub(channel)
        answer = await stub.GetUserAnalytics(pb.GetUserAnalyticsRequest(user_id=nobody), metadata=sent)
        assert answer == pb.GetUserAnalyticsResponse(
            freshness=Freshness(stale=True), cache_max_age=Duration(seconds=30)
        )
        request = pb.GetWorkflowAnalyticsRequest(user_id=nobody, workflow_id=str(WORKFLOW))
        assert await failure(stub.GetWorkflowAnalytics(request, metadata=sent)) == (
            StatusCode.NOT_FOUND,
            "NO_ANALYTICS",
        )


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (StoreUnavailable("gone"), (StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE")),
        (StoreTimeout("slow"), (StatusCode.DEADLINE_EXCEEDED, "STORE_TIMEOUT")),
        (ZeroDivisionError("secret"), (StatusCode.INTERNAL, "INTERNAL")),
    ],
)
async def test_failing_store(error, expected):
    """The store away, slow, or broken in a way that nobody foresaw."""
    async with serving(FailingLookups(error)) as address, aio.insecure_channel(address) as channel:
        for call in both(AnalyticsServiceStub(channel), metadata()):
            assert await failure(call) == expected


class HangingLookups(FakeLookups):
    """A store that never answers."""

    async def totals(self, key, *, within_s):
        await asyncio.get_running_loop().create_future()


async def test_request_timeout_without_a_deadline():
    """A caller without deadline gets DEADLINE_EXCEEDED after GRPC_REQUEST_TIMEOUT."""
    async with (
        serving(HangingLookups(), grpc_request_timeout=0.1) as address,
        aio.insecure_channel(address) as channel,
    ):
        call = AnalyticsServiceStub(channel).GetUserAnalytics(ASK_USER, metadata=metadata())
        assert await failure(call) == (StatusCode.DEADLINE_EXCEEDED, "STORE_TIMEOUT")


async def test_query_gets_the_callers_time():
    """The query may take as long as the caller waits, at most GRPC_REQUEST_TIMEOUT."""
    fake = FakeLookups()
    async with serving(fake, grpc_request_timeout=5) as address, aio.insecure_channel(address) as channel:
        for timeout in (2, 60, None):
            await failure(
                AnalyticsServiceStub(channel).GetUserAnalytics(ASK_USER, metadata=metadata(), timeout=timeout)
            )
    short, *long = fake.within_s
    assert 1 < short < 2.1  # gRPC rounds the time left up by some milliseconds
    assert all(4 < within_s <= 5 for within_s in long)


async def test_freshness_comes_along(lookups):
    """The answer says up to when everything is counted."""
    now_ms = time.time_ns() // 1_000_000
    async with serving(lookups, as_of_ms=now_ms - 100) as address, aio.insecure_channel(address) as channel:
        answer = await AnalyticsServiceStub(channel).GetUserAnalytics(ASK_USER, metadata=metadata())
    assert answer.freshness.as_of_time.ToMilliseconds() == now_ms - 100
    assert 100 <= answer.freshness.age.ToMilliseconds() < 30_000
    assert not answer.freshness.stale
