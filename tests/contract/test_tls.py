"""TLS with client certificates, when it is enabled."""

import asyncio
import ssl

import grpc
import pytest
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from analytics.auth import allow_everyone
from analytics.server import AnalyticsServer
from analytics.settings import InvalidSettings
from tests.authority import Authority
from tests.grpc_world import FakeLookups, backends, service_settings, serving


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path, "chronoverse")


@pytest.fixture
def tls(authority):
    """Settings with TLS enabled."""
    crt, pem = authority.issue("analytics")
    return {
        "grpc_host": "localhost",
        "grpc_tls_enabled": True,
        "grpc_tls_ca_file": authority.file,
        "grpc_tls_cert_file": crt,
        "grpc_tls_key_file": pem,
    }


async def check(address, credentials):
    """Ask for health over TLS."""
    async with aio.secure_channel(address.replace("127.0.0.1", "localhost"), credentials) as channel:
        return await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)


async def test_client_with_certificate(authority, tls):
    """A client whose certificate the authority signed is served."""
    crt, pem = authority.issue("server")
    credentials = grpc.ssl_channel_credentials(
        tls["grpc_tls_ca_file"].read_bytes(), pem.read_bytes(), crt.read_bytes()
    )
    async with serving(FakeLookups(), **tls) as address:
        assert (await check(address, credentials)).status == health_pb2.HealthCheckResponse.SERVING


async def test_client_without_certificate(tls):
    """A client without a certificate gets no connection."""
    async with serving(FakeLookups(), **tls) as address:
        with pytest.raises(aio.AioRpcError):
            await check(address, grpc.ssl_channel_credentials(tls["grpc_tls_ca_file"].read_bytes()))


async def test_client_of_another_authority(tls, tmp_path):
    """A certificate that somebody else signed gives no connection."""
    (tmp_path / "other").mkdir()
    crt, pem = Authority(tmp_path / "other", "other").issue("server")
    credentials = grpc.ssl_channel_credentials(
        tls["grpc_tls_ca_file"].read_bytes(), pem.read_bytes(), crt.read_bytes()
    )
    async with serving(FakeLookups(), **tls) as address:
        with pytest.raises(aio.AioRpcError):
            await check(address, credentials)


async def test_missing_file_is_named(tls, tmp_path):
    """A certificate file that is not there is a matter of settings, named."""
    settings = service_settings(**tls | {"grpc_tls_cert_file": tmp_path / "absent"})
    with pytest.raises(InvalidSettings, match="GRPC_TLS_CERT_FILE"):
        AnalyticsServer(settings, backends(FakeLookups()), allow_everyone)


async def handshake(authority, tls, version):
    """Connect with exactly that version of TLS and a good certificate."""
    context = ssl.create_default_context(cafile=str(tls["grpc_tls_ca_file"]))
    context.load_cert_chain(*authority.issue("server"))
    context.set_alpn_protocols(["h2"])
    context.set_ciphers("ALL:@SECLEVEL=0")  # else our own side refuses old versions
    context.minimum_version = context.maximum_version = version
    async with serving(FakeLookups(), **tls) as address:
        _, writer = await asyncio.open_connection("localhost", int(address.rpartition(":")[2]), ssl=context)
        agreed = writer.get_extra_info("ssl_object").version()
        writer.transport.abort()
    return agreed


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")  # old versions are what is refused
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
async def test_old_protocols_are_refused(authority, tls, version):
    """The server breaks off a handshake of anything older than TLS 1.2."""
    with pytest.raises(ConnectionResetError):  # a refusal of our own side would be an SSLError
        await handshake(authority, tls, version)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_current_protocols_are_spoken(authority, tls, version):
    """TLS 1.2 and 1.3 are accepted."""
    assert (await handshake(authority, tls, version)).replace(".", "_") == version.name
