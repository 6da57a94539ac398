"""Certificates that are replaced under a running server: no restart, no call lost, nobody let in who should not be."""

import asyncio
import socket
import ssl

import grpc
import pytest
from cryptography import x509
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from structlog.testing import capture_logs

from tests.authority import Authority
from tests.grpc_world import FakeLookups, serving


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path, "chronoverse")


@pytest.fixture
async def port(authority):
    """The port of a server with the files analytics.crt, analytics.key and ca.crt."""
    crt, pem = authority.issue("analytics")
    tls = {
        "grpc_host": "localhost",
        "grpc_tls_enabled": True,
        "grpc_tls_ca_file": authority.file,
        "grpc_tls_cert_file": crt,
        "grpc_tls_key_file": pem,
    }
    async with serving(FakeLookups(), **tls) as address:
        yield int(address.rpartition(":")[2])


def shown(port):
    """The serial number of the certificate that the server shows to a new connection."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    with (
        socket.create_connection(("localhost", port), 5) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as tls,
    ):
        return x509.load_der_x509_certificate(tls.getpeercert(binary_form=True)).serial_number


async def shown_now(port):
    """The same, without holding up the server, which runs in this loop."""
    return await asyncio.to_thread(shown, port)


def serial_of(file):
    return x509.load_pem_x509_certificate(file.read_bytes()).serial_number


def channel_of(authority, port, trusting, name="client", **issued):
    """A channel with a certificate of that authority."""
    crt, pem = authority.issue(name, **issued)
    credentials = grpc.ssl_channel_credentials(trusting.read_bytes(), pem.read_bytes(), crt.read_bytes())
    return aio.secure_channel(f"localhost:{port}", credentials)


async def is_healthy(channel):
    check = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
    return (await check).status == health_pb2.HealthCheckResponse.SERVING


async def test_new_connections_get_the_new_certificate_and_old_ones_live_on(authority, port, tmp_path):
    async with channel_of(authority, port, authority.file) as before:
        assert await is_healthy(before)
        crt, _ = authority.issue("analytics")
        assert await shown_now(port) == serial_of(crt)
        assert await is_healthy(before)
        async with channel_of(authority, port, authority.file, "another") as after:
            assert await is_healthy(after)


async def test_a_broken_file_keeps_the_old_certificate_and_is_logged_once(authority, port, tmp_path):
    old = serial_of(tmp_path / "analytics.crt")
    (tmp_path / "analytics.key").write_text(
        "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n"
    )
    with capture_logs() as logs:
        assert [await shown_now(port) for _ in range(3)] == [old] * 3
    (one,) = [log for log in logs if log["event"] == "certificates_not_reloaded"]
    assert "GRPC_TLS_KEY_FILE" in one["why"]
    assert "c2VjcmV0" not in str(logs)


async def test_half_a_rotation_keeps_the_old_certificate_until_the_other_half_comes(
    authority, port, tmp_path
):
    old_key = (tmp_path / "analytics.key").read_bytes()
    old = serial_of(tmp_path / "analytics.crt")
    crt, pem = authority.issue("analytics")
    new_key = pem.read_bytes()
    pem.write_bytes(old_key)
    assert await shown_now(port) == old
    pem.write_bytes(new_key)
    assert await shown_now(port) == serial_of(crt)


async def test_a_removed_file_keeps_the_old_certificate(authority, port, tmp_path):
    old = serial_of(tmp_path / "analytics.crt")
    (tmp_path / "analytics.crt").unlink()
    assert await shown_now(port) == old


async def test_a_replaced_authority_is_the_one_that_clients_must_have(authority, port, tmp_path):
    """Whoever had a certificate of the former one gets no new connection."""
    own_ca = tmp_path / "own_ca.crt"  # of the server's certificate, which stays
    own_ca.write_bytes(authority.file.read_bytes())
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other", "other")
    authority.file.write_bytes(other.file.read_bytes())
    async with channel_of(other, port, own_ca) as admitted:
        assert await is_healthy(admitted)
    async with channel_of(authority, port, own_ca) as refused:
        with pytest.raises(aio.AioRpcError):
            await is_healthy(refused)


@pytest.mark.parametrize("days", [(-2, -1), (1, 2)], ids=["expired", "not yet valid"])
async def test_a_client_certificate_out_of_its_time_gives_no_connection(authority, port, days):
    async with channel_of(authority, port, authority.file, days=days) as channel:
        with pytest.raises(aio.AioRpcError):
            await is_healthy(channel)
