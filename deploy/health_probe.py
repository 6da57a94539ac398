"""Ask the gRPC service in this container for its health: exit 0 when it is SERVING, else 1 with the reason.

It speaks the protocol of grpc_health_probe, and reads the service's own settings. With TLS it shows the service's
certificate as the client's, and expects the name that is in it.
"""

import sys
from pathlib import Path

import grpc
from cryptography import x509
from grpc_health.v1 import health_pb2, health_pb2_grpc

from analytics.settings import ServiceSettings, load

_SERVICE = "analytics.AnalyticsService"
_METADATA = (("audience", "grpc_probe"), ("role", "admin"))  # as Chronoverse's own probes send it
_TIMEOUT_S = 3.0


def main() -> None:
    """Ask once."""
    with _channel(load(ServiceSettings)) as channel:
        request = health_pb2.HealthCheckRequest(service=_SERVICE)
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                request, timeout=_TIMEOUT_S, metadata=_METADATA
            )
        except grpc.RpcError as error:
            sys.exit(f"{error.code().name}: {error.details()}")
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        sys.exit(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))


def _channel(settings: ServiceSettings) -> grpc.Channel:
    address = f"localhost:{settings.grpc_port}"
    if not settings.grpc_tls_enabled:
        return grpc.insecure_channel(address)
    files = (settings.grpc_tls_ca_file, settings.grpc_tls_key_file, settings.grpc_tls_cert_file)
    authority, key, certificate = (Path(str(file)).read_bytes() for file in files)
    credentials = grpc.ssl_channel_credentials(authority, key, certificate)
    options = [("grpc.ssl_target_name_override", name) for name in _names(certificate)[:1]]
    return grpc.secure_channel(address, credentials, options)


def _names(certificate: bytes) -> list[str]:
    """Return the names of hosts in a certificate."""
    extensions = x509.load_pem_x509_certificate(certificate).extensions
    try:
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return names.get_values_for_type(x509.DNSName)


if __name__ == "__main__":
    main()
