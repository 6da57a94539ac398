"""A TLS server that demands a certificate of its clients, and notes which ones they show. It speaks nothing else."""

import socket
import ssl
import threading
from contextlib import suppress
from typing import Self

from cryptography import x509

from tests.authority import Authority


class TlsServer:
    """Listens on 127.0.0.1 with a certificate of the authority, whose certificates it demands."""

    def __init__(self, authority: Authority, *, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.file))
        context.verify_mode = ssl.CERT_REQUIRED
        context.set_ciphers("ALL:@SECLEVEL=0")  # else our own side refuses old versions
        context.minimum_version, context.maximum_version = ssl.TLSVersion.MINIMUM_SUPPORTED, newest
        context.load_cert_chain(*authority.issue("server"))
        self._context = context
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self.serials: list[int] = []
        """Of the certificates that were shown, one a connection."""

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                plain, _ = self._listening.accept()
                self._meet(plain)

    def _meet(self, plain: socket.socket) -> None:
        plain.settimeout(5)
        with suppress(OSError), plain, self._context.wrap_socket(plain, server_side=True) as tls:
            shown = tls.getpeercert(binary_form=True)
            assert shown is not None
            self.serials.append(x509.load_der_x509_certificate(shown).serial_number)
