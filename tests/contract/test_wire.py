"""What callers of other languages and of older versions see on the wire."""

import asyncio
import gzip

import grpc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc import StatusCode, aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_tools import protoc
from prometheus_client import REGISTRY

from analytics import analytics_pb2 as pb
from analytics.analytics_pb2_grpc import AnalyticsServiceStub
from tests.eventually import eventually
from tests.grpc_world import USER, FakeLookups, failure, metadata, serving

ASK = pb.GetUserAnalyticsRequest(user_id=str(USER))
USER_RPC = "/analytics.AnalyticsService/GetUserAnalytics"
PADDING = (
    b"\x7a\xe8\x07" + b"a" * 1000
)  # an unknown field, so that gzip makes the request smaller and gRPC uses it


@pytest.fixture
def frozen(tmp_path, request):
    """Message classes of the contract as the other services compiled it, apart from ours."""
    image = tmp_path / "frozen.binpb"
    source = request.config.rootpath / "tests/data/frozen"
    assert (
        protoc.main(["protoc", f"-I{source}", f"--descriptor_set_out={image}", "analytics/analytics.proto"])
        == 0
    )
    files = descriptor_pb2.FileDescriptorSet.FromString(image.read_bytes())
    pool = descriptor_pool.DescriptorPool()
    return message_factory.GetMessages(files.file, pool=pool)


async def test_old_client_notices_nothing(channel, frozen):
    """A client compiled before freshness reads the same four numbers from a new answer."""
    old = channel.unary_unary(
        USER_RPC,
        request_serializer=frozen["analytics.GetUserAnalyticsRequest"].SerializeToString,
        response_deserializer=frozen["analytics.GetUserAnalyticsResponse"].FromString,
    )
    answer = await old(frozen["analytics.GetUserAnalyticsRequest"](user_id=str(USER)), metadata=metadata())
    numbers = {field.name: value for field, value in answer.ListFields()}
    assert numbers == {
        "total_workflows": 2,
        "total_jobs": 30,
        "total_joblogs": 1000,
        "total_job_execution_duration": 86400,
    }


@pytest.mark.parametrize("compression", [None, grpc.Compression.Gzip])
async def test_both_encodings_are_answered(channel, compression):
    """A request may come compressed with gzip or not at all."""
    raw = channel.unary_unary(USER_RPC, response_deserializer=pb.GetUserAnalyticsResponse.FromString)
    padded = ASK.SerializeToString() + PADDING
    assert (await raw(padded, metadata=metadata(), compression=compression)).total_jobs == 30


async def test_forced_gzip_is_read(channel):
    """A request that is compressed although that makes it larger, as Go's clients send it, is read."""
    raw = channel.unary_unary(USER_RPC, response_deserializer=pb.GetUserAnalyticsResponse.FromString)
    packed = gzip.compress(ASK.SerializeToString())
    assert (await raw(packed, metadata=metadata())).total_jobs == 30


async def test_deflate_is_refused(stub):
    """An encoding that nobody uses is UNIMPLEMENTED, as gRPC wants it."""
    with pytest.raises(aio.AioRpcError) as caught:
        await stub.GetUserAnalytics(ASK, metadata=metadata(), compression=grpc.Compression.Deflate)
    assert caught.value.code() is StatusCode.UNIMPLEMENTED


async def test_too_large_request(channel):
    """A request beyond 1 MiB is RESOURCE_EXHAUSTED, compressed or not."""
    call = channel.unary_unary(USER_RPC)(gzip.compress(bytes(2 << 20)), metadata=metadata())
    assert await failure(call) == (StatusCode.RESOURCE_EXHAUSTED, "REQUEST_TOO_LARGE")
    with pytest.raises(aio.AioRpcError) as caught:
        await channel.unary_unary(USER_RPC)(bytes(2 << 20), metadata=metadata())
    assert caught.value.code() is StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("name", ["", "analytics-service", "analytics.AnalyticsService"])
@pytest.mark.parametrize("compression", [None, grpc.Compression.Gzip])
async def test_health_needs_no_token(channel, name, compression):
    """Health answers SERVING for each of its names, without any metadata."""
    stub = health_pb2_grpc.HealthStub(channel)
    answer = await stub.Check(health_pb2.HealthCheckRequest(service=name), compression=compression)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_health_of_the_probe(channel):
    """The metadata of Chronoverse's probe does not disturb."""
    stub = health_pb2_grpc.HealthStub(channel)
    sent = (("audience", "grpc_probe"), ("role", "admin"))
    answer = await stub.Check(health_pb2.HealthCheckRequest(), metadata=sent)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_health_of_an_unknown_service(channel):
    """A name that is not ours is NOT_FOUND, as the health protocol wants it."""
    with pytest.raises(aio.AioRpcError) as caught:
        await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service="jobs"))
    assert caught.value.code() is StatusCode.NOT_FOUND


async def reflected_services(channel):
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    async for answer in stub.ServerReflectionInfo(iter([request])):
        return {service.name for service in answer.list_services_response.service}
    raise AssertionError("reflection gave no answer")


async def test_reflection_needs_no_token(channel):
    """Reflection lists the service without any metadata."""
    assert "analytics.AnalyticsService" in await reflected_services(channel)


async def test_no_reflection_in_production():
    """ENV=production hides reflection."""
    async with serving(FakeLookups(), env="production") as address, aio.insecure_channel(address) as channel:
        with pytest.raises(aio.AioRpcError) as caught:
            await reflected_services(channel)
    assert caught.value.code() is StatusCode.UNIMPLEMENTED


async def test_unknown_method(channel):
    """A method that we do not have is UNIMPLEMENTED."""
    with pytest.raises(aio.AioRpcError) as caught:
        await channel.unary_unary("/analytics.AnalyticsService/GetEverything")(b"", metadata=metadata())
    assert caught.value.code() is StatusCode.UNIMPLEMENTED


async def test_requests_are_counted(stub):
    """Each answer is counted by method and code, just after it is sent."""

    def counted():
        labels = {"method": USER_RPC, "code": "FAILED_PRECONDITION"}
        return REGISTRY.get_sample_value("analytics_grpc_requests_total", labels) or 0

    before = counted()
    await failure(stub.GetUserAnalytics(ASK))
    await asyncio.to_thread(eventually, lambda: counted() == before + 1)


def test_stub_is_the_generated_one():
    """The stub has exactly the frozen methods, and whatever was added later."""
    with grpc.insecure_channel("127.0.0.1:1") as channel:
        assert {"GetUserAnalytics", "GetWorkflowAnalytics"} <= set(vars(AnalyticsServiceStub(channel)))
