"""A Kafka broker that is fenced at a word, as a real one is for a moment after it has stalled: no metadata list it then.

Only what a consumer asks until it waits for its group, in old versions: https://kafka.apache.org/protocol. It waits for
ever, as for the session of a dead member.
"""

import struct
from contextlib import ExitStack, suppress
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Event, Thread
from typing import Any, Final, Self

LOCALHOST: Final = "127.0.0.1"
_METADATA, _FIND_COORDINATOR, _JOIN_GROUP, _API_VERSIONS = 3, 10, 11, 18
_NEVER_ASKED: Final = {
    1: 3,
    2: 1,
    8: 2,
    9: 1,
    12: 0,
    13: 0,
    14: 0,
}  # but a consumer wants a broker that knows them
_VERSIONS: Final = _NEVER_ASKED | {_METADATA: 2, _FIND_COORDINATOR: 0, _JOIN_GROUP: 0, _API_VERSIONS: 0}
_LEADER_NOT_AVAILABLE, _UNSUPPORTED_VERSION = 5, 35  # errors
_NODE: Final = 1


class FencedBroker:
    """Answers from `__enter__` on. `joins`: a member waits for the group; `told`: somebody has heard that it is fenced."""

    def __init__(self) -> None:
        self.is_fenced, self.joins, self.told = False, Event(), Event()
        self._exits = ExitStack()

    def __enter__(self) -> Self:
        server = self._exits.enter_context(_Server((LOCALHOST, 0), _Connection))
        server.broker = self
        self.port = server.server_address[1]
        self._exits.callback(server.shutdown)
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._exits.close()

    @property
    def address(self) -> str:
        return f"{LOCALHOST}:{self.port}"

    def answer(self, api: int, version: int, body: bytes) -> bytes | None:
        """Return what the body of an answer holds; None for none."""
        if api == _API_VERSIONS:
            error = _UNSUPPORTED_VERSION if version else 0  # the client then asks in version 0
            return struct.pack(">hi", error, len(_VERSIONS)) + b"".join(
                struct.pack(">hhh", one, 0, most) for one, most in _VERSIONS.items()
            )
        if api == _METADATA:
            return self._metadata(_strings(body))
        if api == _FIND_COORDINATOR:
            return struct.pack(">hi", 0, _NODE) + self._place
        if api == _JOIN_GROUP:
            self.joins.set()
        return None

    @property
    def _place(self) -> bytes:
        return _string(LOCALHOST) + struct.pack(">i", self.port)

    def _metadata(self, topics: list[str]) -> bytes:
        none = struct.pack(">h", -1)
        brokers = [] if self.is_fenced else [struct.pack(">i", _NODE) + self._place + none]
        error, leader = (_LEADER_NOT_AVAILABLE, -1) if self.is_fenced else (0, _NODE)
        partition = struct.pack(">ihiiiiii", 1, error, 0, leader, 1, _NODE, 1, _NODE)
        found = [struct.pack(">h", 0) + _string(name) + b"\0" + partition for name in topics]
        if self.is_fenced:
            self.told.set()
        return _array(brokers) + none + struct.pack(">i", leader) + _array(found)


class _Server(ThreadingTCPServer):
    broker: FencedBroker
    daemon_threads = True
    block_on_close = False


class _Connection(StreamRequestHandler):
    server: Any

    def handle(self) -> None:
        with suppress(ConnectionError):
            while size := self.rfile.read(4):
                request = self.rfile.read(*struct.unpack(">i", size))
                api, version, number, client = struct.unpack_from(">hhih", request)
                answer = self.server.broker.answer(api, version, request[10 + client :])
                if answer is not None:
                    self.wfile.write(struct.pack(">ii", 4 + len(answer), number) + answer)


def _array(items: list[bytes]) -> bytes:
    return struct.pack(">i", len(items)) + b"".join(items)


def _string(text: str) -> bytes:
    return struct.pack(">h", len(text)) + text.encode()


def _strings(body: bytes) -> list[str]:
    (count,), at, found = struct.unpack_from(">i", body), 4, []
    for _ in range(max(count, 0)):
        (size,) = struct.unpack_from(">h", body, at)
        found.append(body[at + 2 : at + 2 + size].decode())
        at += 2 + size
    return found
