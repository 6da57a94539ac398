"""TLS of the gRPC server: clients must show a certificate, and ours is replaced without a restart."""

import grpc

from analytics.certificates import CertificateFiles, Certificates, UnusableCertificates
from analytics.settings import InvalidSettings
from analytics.tls_files import TlsFiles


def server_credentials(files: TlsFiles) -> grpc.ServerCredentials:
    """Return credentials that follow the files: each handshake uses what is in them. Raises InvalidSettings.

    gRPC speaks TLS 1.2 and newer only.
    """
    try:
        certificates = CertificateFiles(files)
    except UnusableCertificates as error:
        raise InvalidSettings(f"invalid settings:\n  {error}") from None

    def newer() -> grpc.ServerCertificateConfiguration | None:
        found = certificates.changed()
        return None if found is None else _configuration(found)

    return grpc.dynamic_ssl_server_credentials(
        _configuration(certificates.current),
        newer,  # type: ignore[arg-type] # the stubs do not know that None means: no change
        require_client_authentication=True,
    )


def _configuration(found: Certificates) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(found.key, found.chain)], found.authority)
