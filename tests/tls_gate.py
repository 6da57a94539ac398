"""TLS in front of a PostgreSQL that was built without: it answers the client's request for TLS, and passes the rest on."""

import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

_TLS_REQUEST_BYTES = 8
_PIECE_BYTES = 65_536


class TlsGate:
    """Demands certificates of an authority from its clients; `port` is where it listens on 127.0.0.1."""

    def __init__(self, server: tuple[str, int], *, authority: Path, certificate: Path, key: Path) -> None:
        self._server = server
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority))
        self._context.verify_mode = ssl.CERT_REQUIRED
        self._context.load_cert_chain(certificate, key)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        with suppress(OSError), client:
            client.recv(_TLS_REQUEST_BYTES, socket.MSG_WAITALL)
            client.sendall(b"S")
            with (
                self._context.wrap_socket(client, server_side=True) as inside,
                socket.create_connection(self._server) as server,
            ):
                back = threading.Thread(target=_pump, args=(server, inside), daemon=True)
                back.start()
                _pump(inside, server)
                back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(_PIECE_BYTES):
            target.sendall(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
