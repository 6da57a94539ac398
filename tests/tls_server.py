"""A TLS server that demands a certificate of its clients, and notes which ones they show.

It hands on what they say, to a server that has no TLS itself; without such a server it says nothing.
"""

import socket
import ssl
import threading
from contextlib import suppress
from typing import Self

from cryptography import x509

from tests.authority import Authority


class TlsServer:
    """Listens on 127.0.0.1 with a certificate of the authority, whose certificates it demands."""

    def __init__(
        self,
        authority: Authority,
        *,
        newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
        before: str = "",
    ) -> None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.file))
        context.verify_mode = ssl.CERT_REQUIRED
        context.set_ciphers("ALL:@SECLEVEL=0")  # else our own side refuses old versions
        context.minimum_version, context.maximum_version = ssl.TLSVersion.MINIMUM_SUPPORTED, newest
        context.load_cert_chain(*authority.issue("server"))
        self._context, self._before = context, before
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
                threading.Thread(target=self._meet, args=(plain,), daemon=True).start()

    def _meet(self, plain: socket.socket) -> None:
        plain.settimeout(5)
        with suppress(OSError), plain, self._context.wrap_socket(plain, server_side=True) as tls:
            shown = tls.getpeercert(binary_form=True)
            assert shown is not None
            self.serials.append(x509.load_der_x509_certificate(shown).serial_number)
            if self._before:
                _relay(tls, self._before)


def _relay(tls: ssl.SSLSocket, address: str) -> None:
    """Hand on what either says, until one of them ends."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port))) as behind:
        tls.settimeout(None)
        threading.Thread(target=_pump, args=(behind, tls), daemon=True).start()
        _pump(tls, behind)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while said := source.recv(1 << 16):
            sink.sendall(said)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
