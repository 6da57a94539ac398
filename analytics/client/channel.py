"""How the client reaches the service: keepalive, gzip, round-robin, retries, TLS."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc

from analytics.client.errors import Misconfigured

SERVICE_CONFIG: Final = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [
        {
            "name": [{"service": "analytics.AnalyticsService"}],
            "retryPolicy": {
                "maxAttempts": 4,  # the first one and three more
                "initialBackoff": "0.2s",
                "backoffMultiplier": 2,
                "maxBackoff": "1s",
                "retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED", "ABORTED"],
            },
        }
    ],
    # After about fifty failures in a row nothing is tried again until calls succeed: no storm on a sick service.
    "retryThrottling": {"maxTokens": 100, "tokenRatio": 0.1},
}
CHANNEL_OPTIONS: Final = (
    ("grpc.service_config", json.dumps(SERVICE_CONFIG)),
    ("grpc.service_config_disable_resolution", 1),  # ours, whatever the DNS says
    ("grpc.keepalive_time_ms", 20_000),  # the server allows a ping every 10 s
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),  # as many as an idle connection needs
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5_000),  # the usual 2 minutes are long when the service is back
)
"""For a channel of one's own, also an asyncio one: `grpc.aio.insecure_channel(address, CHANNEL_OPTIONS)`."""


@dataclass(frozen=True)
class Tls:
    """PEM files. Without `ca_file` the authorities that gRPC brings along; certificate and key go together."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


def open_channel(address: str, tls: Tls | None = None) -> grpc.Channel:
    """Return a channel to `host:port` (or any other name that gRPC resolves); it connects at the first call.

    Raises Misconfigured, which names the field of `tls`.
    """
    if tls is None:
        return grpc.insecure_channel(address, CHANNEL_OPTIONS, grpc.Compression.Gzip)
    return grpc.secure_channel(address, credentials(tls), CHANNEL_OPTIONS, grpc.Compression.Gzip)


def credentials(tls: Tls) -> grpc.ChannelCredentials:
    """Return the credentials of the files. Raises Misconfigured: gRPC itself would only say "unavailable"."""
    ca, certificate, key = (_read(name, getattr(tls, name)) for name in ("ca_file", "cert_file", "key_file"))
    if (certificate is None) != (key is None):
        raise Misconfigured("key_file" if key is None else "cert_file", "certificate and key go together")
    _check(ca, certificate, key)
    return grpc.ssl_channel_credentials(ca, key, certificate)


def _read(field: str, path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        raise Misconfigured(field, f"cannot read {path}: {error.strerror}") from None


def _check(ca: bytes | None, certificate: bytes | None, key: bytes | None) -> None:
    """Raise Misconfigured unless they are what they shall be, and key and certificate belong together."""
    from cryptography import x509  # slow to load, and needed with TLS only
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    field = "ca_file"
    try:
        if ca is not None:
            x509.load_pem_x509_certificates(ca)
        if certificate is None or key is None:
            return
        field = "cert_file"
        certified = x509.load_pem_x509_certificates(certificate)[0].public_key()
        field = "key_file"
        fits = load_pem_private_key(key, password=None).public_key() == certified
    except (ValueError, TypeError):  # TypeError: the key is encrypted
        kind = "an unencrypted private key" if field == "key_file" else "a certificate"
        raise Misconfigured(field, f"must hold {kind} (PEM)") from None
    if not fits:
        raise Misconfigured("key_file", "is not the key of the certificate in cert_file")
