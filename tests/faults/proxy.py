"""A TCP proxy before ClickHouse that lets a statement go wrong: its answer lost or late, its data cut or late.

It reads the client's bytes only as far as it must: a statement is recognised by words of its text, and the end of a
request by the empty block with which the native protocol ends it.
"""

import random
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from types import TracebackType
from typing import Final, Literal, Self

from sandbox.ports import LOCALHOST, free_port

Action = Literal["lose answer", "hold answer", "cut data", "cut end", "hold data", "hold end", "swallow"]

_CHUNK: Final = 1 << 20
_TEXT_WITHIN: Final = 1 << 16  # bytes of a request in which its words must be
_QUIET_S: Final = 0.05
_END_OF_REQUEST: Final = bytes.fromhex("02 00 01 00 02 ff ff ff ff 00 00 00")
_END_OF_ANSWER: Final = b"\x05"


class Rule:
    """What happens to the next `times` statements whose text has all these words.

    lose answer    the server does it; the connection is cut before its answer
    hold answer    the server does it; its answer waits for `release()`
    cut data       half of an insert's block is sent, then the connection is cut
    cut end        the whole block is sent, then the connection is cut before the empty one that means "that was all"
    hold data      the block waits for `release()`, and goes its way although the client has left meanwhile
    hold end       the same with the empty block: the server has the data before
    swallow        nothing reaches the server, and nobody answers
    """

    def __init__(self, action: Action, words: tuple[str, ...], times: int) -> None:
        self.action = action
        self.happened = 0
        """How often something was lost, cut or swallowed, or is held."""
        self.let_go = 0
        """How often what was held has gone its way since: it was answered, or had no end because the client had left."""
        self._words, self._left = [word.encode() for word in words], times
        self._lock, self._released = threading.Lock(), threading.Event()

    def release(self) -> None:
        """Let go of what is held; nothing more happens by this rule."""
        with self._lock:
            self._left = 0
        self._released.set()

    def takes(self, request: bytes) -> bool:
        """Whether this request, as far as it has come, is one of its statements."""
        with self._lock:
            found = self._left > 0 and all(word in request for word in self._words)
            self._left -= found
        return found

    def give_back(self) -> None:
        """It did not happen to a statement after all: the next one has it."""
        with self._lock:
            if not self._released.is_set():
                self._left += 1

    def note_happened(self) -> None:
        with self._lock:
            self.happened += 1

    def await_release(self) -> None:
        self._released.wait()

    def note_let_go(self) -> None:
        with self._lock:
            self.let_go += 1


class ClickHouseProxy:
    """Listens on a port of its own until the end of its `with` block."""

    def __init__(self, server: str) -> None:
        host, _, port = server.rpartition(":")
        self._server = (host, int(port))
        self._rules: list[Rule] = []
        self._cutting: random.Random | None = None
        self.cuts = 0
        self._conversations: list[_Conversation] = []
        self._listener = socket.create_server((LOCALHOST, free_port()))
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        host, port = self._listener.getsockname()
        return f"{host}:{port}"

    def rule(self, action: Action, *words: str, times: int = 1) -> Rule:
        """Add a rule; the first one that takes a statement has it."""
        rule = Rule(action, words, times)
        self._rules.append(rule)
        return rule

    @contextmanager
    def cutting(self, *, seed: int) -> Iterator[None]:
        """Cut every connection after a random number of bytes, while this lasts; `cuts` counts them."""
        self._cutting = random.Random(seed)
        self.end_connections()  # else those of now would not be cut
        yield
        self._cutting = None

    def end_connections(self) -> None:
        """Cut all connections there are."""
        conversations, self._conversations = self._conversations, []
        for one in conversations:
            one.end()

    def rule_for(self, request: bytes) -> Rule | None:
        """Return the rule that takes a request."""
        return next((rule for rule in self._rules if rule.takes(request)), None)

    def note_cut(self) -> None:
        self.cuts += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        self.end_connections()
        for rule in self._rules:
            rule.release()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._begin(client)

    def _begin(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._server)
        except OSError:
            client.close()
            return
        conversation = _Conversation(self, client, server, self._budget())
        self._conversations.append(conversation)
        conversation.begin()

    def _budget(self) -> int | None:
        return None if self._cutting is None else self._cutting.randrange(300, 30_000)


class _Conversation:
    """One connection. `budget`: after so many bytes it is cut."""

    def __init__(
        self, proxy: ClickHouseProxy, client: socket.socket, server: socket.socket, budget: int | None
    ) -> None:
        self._proxy, self._client, self._server, self._budget = proxy, client, server, budget
        self._held: Rule | None = None
        self._has_happened = False  # what a rule says, to the statement of now

    def begin(self) -> None:
        threading.Thread(target=self._run, daemon=True).start()

    def end(self) -> None:
        """Cut it, from another thread."""
        for one in (self._client, self._server):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _run(self) -> None:
        with closing(self._client), closing(self._server), suppress(OSError, EOFError):
            request = bytearray()  # since the last answer
            while True:
                for one, chunk in self._received():
                    if one is self._server:
                        request.clear()
                        self._send(self._client, chunk)
                        continue
                    request += chunk
                    if rule := self._proxy.rule_for(bytes(request[:_TEXT_WITHIN])):
                        self._break(rule, bytes(request), chunk)
                        request.clear()
                    else:
                        self._send(self._server, chunk)

    def _received(self) -> Iterator[tuple[socket.socket, bytes]]:
        """Yield what comes next. Raises OSError or EOFError when one of the two has left."""
        for one in select.select([self._client, self._server], [], [])[0]:
            chunk = one.recv(_CHUNK)
            if not chunk:
                raise EOFError("one of the two has left")
            yield one, chunk

    def _send(self, to: socket.socket, chunk: bytes) -> None:
        if self._budget is not None:
            if len(chunk) >= self._budget:
                to.sendall(chunk[: self._budget])
                self._proxy.note_cut()
                raise ConnectionAbortedError("cut")
            self._budget -= len(chunk)
        to.sendall(chunk)

    # --- what goes wrong ---

    def _break(self, rule: Rule, request: bytes, chunk: bytes) -> None:
        """Take a statement to its end, or to that of the connection. `chunk`: the part not yet sent."""
        if rule.action == "swallow":
            self._note_happened(rule)
            while self._client.recv(_CHUNK):
                pass
            raise EOFError("the client has left")
        self._has_happened = False
        try:
            self._pass_on(rule, request, chunk)
        except (OSError, EOFError):
            if not self._has_happened:  # one of the two had left before
                rule.give_back()
            raise
        finally:
            if self._held is not None:
                self._held.note_let_go()
                self._held = None

    def _pass_on(self, rule: Rule, request: bytes, chunk: bytes) -> None:
        self._server.sendall(chunk)
        if not request.endswith(_END_OF_REQUEST):
            self._server.sendall(self._from_client())
        if b"INSERT INTO" in request:
            self._break_insert(rule)
        answer = self._answer()
        if rule.action == "lose answer":
            self._note_happened(rule)
            raise ConnectionAbortedError("the answer is lost")
        if rule.action == "hold answer":
            self._hold(rule)
        self._client.sendall(answer)

    def _break_insert(self, rule: Rule) -> None:
        """Send the block, which the server answers, and the empty one, with which the insert begins to count."""
        block, end = _split(self._from_client())
        if rule.action == "hold data":
            self._hold(rule)
        if rule.action == "cut data":
            block = block[: len(block) // 2]
        self._server.sendall(block)
        if rule.action in ("cut data", "cut end"):
            self._note_happened(rule)
            raise ConnectionAbortedError("the data are cut")
        end = end or self._from_client()
        if rule.action == "hold end":
            self._hold(rule)
        self._server.sendall(end)

    def _note_happened(self, rule: Rule) -> None:
        self._has_happened = True
        rule.note_happened()

    def _hold(self, rule: Rule) -> None:
        self._held = rule
        self._note_happened(rule)
        rule.await_release()

    def _from_client(self) -> bytes:
        """Return what the client has to say until it waits for an answer; meanwhile it hears the server."""
        said = bytearray()
        while not said or select.select([self._client], [], [], _QUIET_S)[0]:
            for one, chunk in self._received():
                if one is self._client:
                    said += chunk
                else:
                    self._client.sendall(chunk)
        return bytes(said)

    def _answer(self) -> bytes:
        """Return the server's whole answer; no other bytes follow its end."""
        answer = bytearray()
        while chunk := self._server.recv(_CHUNK):
            answer += chunk
            is_end = answer.endswith(_END_OF_ANSWER) or b"DB::Exception" in answer
            if is_end and not select.select([self._server], [], [], _QUIET_S)[0]:
                return bytes(answer)
        raise EOFError("the server has left")


def _split(data: bytes) -> tuple[bytes, bytes]:
    """Return the block and the empty one behind it, which the driver sends at once when the server has said something."""
    at = len(data) - len(_END_OF_REQUEST) if data.endswith(_END_OF_REQUEST) else len(data)
    return data[:at], data[at:]
