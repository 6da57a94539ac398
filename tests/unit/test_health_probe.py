"""The health probe against a service whose certificate names another host than the one that it asks, as Chronoverse's do."""

import asyncio
import datetime
import os
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.grpc_world import FakeLookups, serving

ROOT = Path(__file__).parents[2]


@pytest.fixture
def files(tmp_path):
    """Authority, certificate and key in one: it signs itself, and is `analytics-service`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "chronoverse-analytics-service")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("analytics-service")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    crt, pem = tmp_path / "service.crt", tmp_path / "service.key"
    crt.write_bytes(certificate.public_bytes(Encoding.PEM))
    pem.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return {"grpc_tls_ca_file": crt, "grpc_tls_cert_file": crt, "grpc_tls_key_file": pem}


async def test_it_expects_the_name_that_is_in_the_certificate(files):
    async with serving(FakeLookups(), grpc_host="localhost", grpc_tls_enabled=True, **files) as address:
        given = {name.upper(): str(file) for name, file in files.items()}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            ROOT / "deploy" / "health_probe.py",
            env=os.environ
            | given
            | {"PYTHONPATH": str(ROOT), "GRPC_PORT": address.rpartition(":")[2], "GRPC_TLS_ENABLED": "true"},
            stderr=asyncio.subprocess.PIPE,
        )
        _, words = await process.communicate()
    assert (process.returncode, words.decode()) == (0, "")
