"""WatchAnalytics on a real socket: how streams begin, go on and end."""

import asyncio
import gzip
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import uuid4

import pytest
from google.protobuf.duration_pb2 import Duration
from grpc import Compression, StatusCode, aio
from prometheus_client import REGISTRY

from analytics import insights_pb2 as pb
from analytics.analytics_pb2_grpc import AnalyticsServiceStub
from analytics.store.migrate import migrate
from sandbox.clickhouse import LocalClickHouse, local_settings
from sandbox.ports import free_port
from tests.grpc_world import failure, metadata, token
from tests.insights_world import FLOWS, Flow, Job, count, insights_of, records_of
from tests.processor_world import fresh_database

pytestmark = pytest.mark.integration

RPC = "/analytics.AnalyticsService/WatchAnalytics"
DAY_S = 1_769_904_000  # 2026-02-01
SECOND = Duration(seconds=1)


@pytest.fixture(scope="module")
def database(clickhouse):
    return fresh_database(clickhouse.address)


@pytest.fixture
def user(database):
    """A user with one job."""
    user = uuid4()
    count(database, records_of([Flow(FLOWS[0], DAY_S, user=user)], [Job(FLOWS[0], DAY_S, user=user)]))
    return user


@asynccontextmanager
async def stub_of(database, **settings) -> AsyncIterator[AnalyticsServiceStub]:
    async with insights_of(database, **settings) as address, aio.insecure_channel(address) as channel:
        yield AnalyticsServiceStub(channel)


def request(user):
    return pb.WatchAnalyticsRequest(
        summary=pb.GetAnalyticsSummaryRequest(user_id=str(user)),
        min_interval=SECOND,
        heartbeat_interval=SECOND,
    )


def watch(stub, user, *, claims=None, **options):
    return stub.WatchAnalytics(request(user), metadata=metadata(token(user, **(claims or {}))), **options)


async def next_of(stream):
    async with asyncio.timeout(20):
        return await stream.read()


def jobs_of(message):
    return message.summary.summary.numbers.jobs.finished


async def open_streams(number):
    """Wait until the service has so many streams."""
    async with asyncio.timeout(10):
        while REGISTRY.get_sample_value("analytics_grpc_streams", {"method": RPC}) != number:
            await asyncio.sleep(0.01)


async def test_a_stream_begins_with_the_summary_that_a_single_call_gives(database, user):
    async with stub_of(database) as stub:
        stream = watch(stub, user)
        message = await next_of(stream)
        single = await stub.GetAnalyticsSummary(request(user).summary, metadata=metadata(token(user)))
        stream.cancel()
    assert message.WhichOneof("event") == "summary"
    assert message.summary.summary.numbers.jobs == single.summary.numbers.jobs


async def test_a_heartbeat_says_how_old_the_summary_is(database, user):
    async with stub_of(database, as_of_s=time.time()) as stub:
        stream = watch(stub, user)
        await next_of(stream)
        message = await next_of(stream)
        stream.cancel()
    assert message.WhichOneof("event") == "heartbeat"
    assert message.heartbeat.freshness.HasField("as_of_time")
    assert not message.heartbeat.freshness.stale


async def test_a_summary_follows_an_event_that_was_counted_meanwhile(database, user):
    async with stub_of(database) as stub:
        stream = watch(stub, user)
        assert jobs_of(await next_of(stream)) == 1
        late = records_of([], [Job(FLOWS[0], DAY_S + 60, user=user)])
        await asyncio.to_thread(count, database, late, already_named=FLOWS)
        while (message := await next_of(stream)).WhichOneof("event") == "heartbeat":
            pass
        stream.cancel()
    assert jobs_of(message) == 2


async def test_a_watch_may_be_asked_for_in_gzip_and_is_answered_so(database, user):
    """Also where gzip makes the request larger, as Go's clients send it."""
    async with insights_of(database) as address, aio.insecure_channel(address) as channel:
        raw = channel.unary_stream(RPC, response_deserializer=pb.WatchAnalyticsResponse.FromString)
        packed = gzip.compress(request(user).SerializeToString())
        for given, compression in ((packed, None), (request(user).SerializeToString(), Compression.Gzip)):
            stream = raw(given, metadata=metadata(token(user)), compression=compression)
            assert jobs_of(await next_of(stream)) == 1
            stream.cancel()


@pytest.mark.parametrize("bytes_", [b"\xff\xff", gzip.compress(b"\x0a\x05", mtime=0)[:-4]])
async def test_what_is_no_request_is_refused(database, bytes_):
    async with insights_of(database) as address, aio.insecure_channel(address) as channel:
        raw = channel.unary_stream(RPC, response_deserializer=pb.WatchAnalyticsResponse.FromString)
        found = await failure(next_of(raw(bytes_, metadata=metadata())))
    assert found == (StatusCode.INVALID_ARGUMENT, "MALFORMED_REQUEST")


async def test_nobody_watches_another_users_numbers(database, user):
    async with stub_of(database) as stub:
        stream = stub.WatchAnalytics(request(user), metadata=metadata(token(uuid4())))
        found = await failure(next_of(stream))
    assert found == (StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED")


async def test_an_unknown_user_is_not_watched(database):
    async with stub_of(database) as stub:
        found = await failure(next_of(watch(stub, uuid4())))
    assert found == (StatusCode.NOT_FOUND, "NO_ANALYTICS")


async def test_a_bad_argument_ends_the_stream_before_it_begins(database, user):
    async with stub_of(database) as stub:
        asked = request(user)
        asked.min_interval.seconds = 301
        found = await failure(next_of(stub.WatchAnalytics(asked, metadata=metadata(token(user)))))
    assert found == (StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")


async def test_a_stream_ends_with_ok_before_the_token_expires(database, user):
    expires_s = time.time() + 7
    async with stub_of(database) as stub:
        stream = watch(stub, user, claims={"exp": expires_s})
        found = [one.WhichOneof("event") async for one in stream]
        assert await stream.code() is StatusCode.OK
    assert found[0] == "summary"
    assert time.time() < expires_s


async def test_a_stream_is_not_held_to_the_time_of_a_request(database, user):
    async with stub_of(database, grpc_request_timeout=0.9) as stub:
        stream = watch(stub, user)
        assert [(await next_of(stream)).WhichOneof("event") for _ in range(3)] == [
            "summary",
            *["heartbeat"] * 2,
        ]
        stream.cancel()


async def test_a_stream_ends_with_the_deadline_of_its_client(database, user):
    async with stub_of(database) as stub:
        stream = watch(stub, user, timeout=1.5)
        with suppress(aio.AioRpcError):
            async with asyncio.timeout(10):
                async for _ in stream:
                    pass
        assert await stream.code() in (StatusCode.OK, StatusCode.DEADLINE_EXCEEDED)
        await open_streams(0)


async def test_a_client_that_cancels_frees_its_stream(database, user):
    async with stub_of(database) as stub:
        streams = [watch(stub, user) for _ in range(3)]
        for stream in streams:
            await next_of(stream)
        await open_streams(3)
        for stream in streams:
            stream.cancel()
        await open_streams(0)


async def test_a_server_that_drains_ends_streams_with_ok(database, user):
    async with insights_of(database, grpc_drain_timeout=5) as address:
        channel = aio.insecure_channel(address)
        stream = watch(AnalyticsServiceStub(channel), user)
        await next_of(stream)
    while await next_of(stream) is not aio.EOF:
        pass
    assert await stream.code() is StatusCode.OK
    await channel.close()


async def test_a_stream_outlives_the_death_of_clickhouse(tmp_path):
    """Heartbeats while it is away, summaries again when it is back."""
    server, user = LocalClickHouse(tmp_path / "clickhouse", free_port()), uuid4()
    server.start()
    try:
        database = local_settings(server.address, "analytics")
        migrate(database)
        count(database, records_of([Flow(FLOWS[0], DAY_S, user=user)], [Job(FLOWS[0], DAY_S, user=user)]))
        async with stub_of(database) as stub:
            stream = watch(stub, user)
            assert jobs_of(await next_of(stream)) == 1
            await asyncio.to_thread(server.kill)
            for _ in range(2):
                assert (await next_of(stream)).WhichOneof("event") == "heartbeat"
            await asyncio.to_thread(server.start)
            late = records_of([], [Job(FLOWS[0], DAY_S + 60, user=user)])
            await asyncio.to_thread(count, database, late, already_named=FLOWS)
            while (message := await next_of(stream)).WhichOneof("event") == "heartbeat":
                pass
            assert jobs_of(message) == 2
            stream.cancel()
    finally:
        server.stop()
