"""What one caller may take of the service at the same time, over a real socket."""

import asyncio
import time

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2
from grpc import StatusCode, aio
from grpc_status import rpc_status

from analytics import analytics_pb2 as pb
from analytics import queries
from analytics.analytics_pb2_grpc import AnalyticsServiceStub
from analytics.auth import Caller, allow_everyone
from analytics.call import Call, enter_call
from analytics.errors import Overloaded, StoreTimeout
from analytics.interceptors import SERVICE_PREFIX
from analytics.limits import LimitCallers
from analytics.store.pool import Connection
from tests.grpc_world import STRANGER, USER, USER_TOTALS, FakeLookups, failure, metadata, serving, token

OVERLOADED = (StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")
LIMITS = {"analytics_max_concurrent_per_caller": 2, "analytics_max_concurrent_per_service": 3}
ADMIN = "internal/executor"


class WaitingLookups(FakeLookups):
    """A store that answers when it is told to; `asked` counts who waits."""

    def __init__(self):
        super().__init__()
        self.go_on, self.asked = asyncio.Event(), asyncio.Semaphore(0)

    async def totals(self, key, *, within_s):
        self.asked.release()
        await self.go_on.wait()
        return USER_TOTALS

    async def await_asked(self, calls):
        for _ in range(calls):
            await self.asked.acquire()


@pytest.fixture
def store():
    return WaitingLookups()


@pytest.fixture
async def ask(store):
    """Ask for USER with some metadata; the call has begun when `store` was asked."""
    async with serving(store, **LIMITS) as address, aio.insecure_channel(address) as channel:
        yield asker(channel)
        store.go_on.set()


def asker(channel):
    stub = AnalyticsServiceStub(channel)

    def call(sent, user=USER):
        return stub.GetUserAnalytics(pb.GetUserAnalyticsRequest(user_id=str(user)), metadata=sent)

    return call


async def test_a_call_too_many_of_one_user_is_refused_and_the_others_are_answered(store, ask):
    """Another token of the same user is the same user."""
    running = [ask(metadata(token(USER))), ask(metadata(token(str(USER).upper(), iat=0)))]
    await store.await_asked(2)
    assert await failure(ask(metadata())) == OVERLOADED
    store.go_on.set()
    assert [(await one).total_jobs for one in running] == [USER_TOTALS.jobs] * 2


async def test_another_user_is_not_held_up(store, ask):
    for _ in range(2):
        ask(metadata())
    await store.await_asked(2)
    other = ask(metadata(token(STRANGER)), STRANGER)
    await store.await_asked(1)
    store.go_on.set()
    assert await other


async def test_a_service_may_run_more(store, ask):
    """A token that reads every user is one of a service."""
    sent = metadata(token(ADMIN, role="admin"))
    for _ in range(3):
        ask(sent)
    await store.await_asked(3)
    assert await failure(ask(sent)) == OVERLOADED


async def test_a_call_that_ended_makes_room(store, ask):
    for _ in range(2):
        ask(metadata())
    await store.await_asked(2)
    store.go_on.set()
    store.asked = asyncio.Semaphore(0)
    assert await ask(metadata())


async def test_a_call_that_was_given_up_makes_room(store, ask):
    running = [ask(metadata()) for _ in range(2)]
    await store.await_asked(2)
    running[0].cancel()

    async def has_room():
        call = ask(metadata())
        try:
            async with asyncio.timeout(1):
                await store.await_asked(1)
        except TimeoutError:
            return False
        return not call.done()

    async with asyncio.timeout(10):
        while not await has_room():
            pass


async def test_the_refusal_says_when_to_come_again(store, ask):
    for _ in range(2):
        ask(metadata())
    await store.await_asked(2)
    with pytest.raises(aio.AioRpcError) as caught:
        await ask(metadata())
    retry = error_details_pb2.RetryInfo()
    assert any(detail.Unpack(retry) for detail in rpc_status.from_call(caught.value).details)
    assert retry.retry_delay == Duration(nanos=200_000_000)
    assert dict(caught.value.trailing_metadata())["grpc-retry-pushback-ms"] == "200"


async def test_without_tokens_callers_are_told_apart_by_their_audience(store):
    """The certificate would come first, but there is none here."""
    async with (
        serving(store, identify=allow_everyone, **LIMITS) as address,
        aio.insecure_channel(address) as channel,
    ):
        ask = asker(channel)
        for _ in range(3):
            ask([("audience", "server")])
        await store.await_asked(3)
        assert await failure(ask([("audience", "server")])) == OVERLOADED
        ask([("audience", "executor")])
        await store.await_asked(1)
        store.go_on.set()


class Context:
    """As much of a call's context as the layer asks for."""

    def __init__(self, **certificate):
        self._certificate = {name: [value] for name, value in certificate.items()}

    def auth_context(self):
        return self._certificate

    def invocation_metadata(self):
        return [("audience", "server")]


async def endless(request, context):
    while True:
        yield request


def stream_of(layer, answers=endless):
    handler = grpc.unary_stream_rpc_method_handler(answers)
    return layer.around(SERVICE_PREFIX + "WatchAnalytics", handler).unary_stream


async def test_a_stream_counts_while_it_is_open():
    enter_call(Call(Caller(reads_everything=False, user_id=USER, name=str(USER)), 0.0))
    watch = stream_of(LimitCallers(per_user=1, per_service=1))
    first = watch("now", Context())
    assert await anext(first) == "now"
    with pytest.raises(Overloaded):
        await anext(watch("now", Context()))
    await first.aclose()
    assert await anext(watch("now", Context())) == "now"


async def test_a_stream_that_fails_makes_room():
    async def failing(request, context):
        raise ZeroDivisionError
        yield

    enter_call(Call(Caller(reads_everything=True, name=ADMIN), 0.0))
    watch = stream_of(LimitCallers(per_user=1, per_service=1), failing)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            await anext(watch("now", Context()))


async def test_without_tokens_callers_are_told_apart_by_their_certificate():
    """What it says is verified, an audience is not."""
    enter_call(Call(Caller(reads_everything=True), 0.0))
    watch = stream_of(LimitCallers(per_user=1, per_service=1))
    gateway = watch("now", Context(x509_common_name=b"server"))
    await anext(gateway)
    other = watch("now", Context(x509_common_name=b"executor"))
    await anext(other)
    with pytest.raises(Overloaded):
        await anext(watch("now", Context(x509_common_name=b"server")))


def test_health_is_not_limited():
    """An overload must not look like a death."""
    handler = grpc.unary_unary_rpc_method_handler(endless)
    layer = LimitCallers(per_user=1, per_service=1)
    assert layer.around("/grpc.health.v1.Health/Check", handler) is handler


async def test_an_answer_may_have_what_a_client_takes_unless_told_otherwise():
    """4 MiB, which is gRPC's own bound; a larger one ends as RESOURCE_EXHAUSTED at the server."""
    from analytics.server import _OPTIONS

    assert dict(_OPTIONS)["grpc.max_send_message_length"] == 4 << 20


@pytest.mark.integration
def test_clickhouse_gives_up_when_the_caller_does(database):
    """The time of a query is a limit of the server's, too, so that nothing goes on for nobody."""
    connection = Connection(database, timeout_s=30)
    started = time.monotonic()
    with pytest.raises(StoreTimeout, match="Timeout exceeded"):
        connection.query(
            "SELECT sleepEachRow(0.1) FROM numbers(100) SETTINGS max_block_size = 1",
            settings=queries._point_read(0.3),
        )
    connection.close()
    assert time.monotonic() - started < 5
