"""A gRPC server that does nothing: `python -m benchmarks.echo PORT USER_ANSWER WORKFLOW_ANSWER` (answers in hex).

The same library, methods and sizes of messages as the service, compressed alike; no tokens, no interceptors, no
store: what no service in Python can be faster than.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any, Final

import grpc

from sandbox.ports import LOCALHOST
from sandbox.processes import ChildProcess
from sandbox.server import LocalServer

SERVICE: Final = "analytics.AnalyticsService"
USER_METHOD: Final = f"/{SERVICE}/GetUserAnalytics"
WORKFLOW_METHOD: Final = f"/{SERVICE}/GetWorkflowAnalytics"
_START_WITHIN_S: Final = 20.0
_PROBE_S: Final = 0.2


class LocalEcho(LocalServer):
    """The server as a child; it answers with these bytes, whatever it is asked."""

    def __init__(self, user_answer: bytes, workflow_answer: bytes, log: Path) -> None:
        super().__init__()
        self._answers, self._log = (user_answer, workflow_answer), log

    def _spawn(self) -> ChildProcess:
        answers = [one.hex() for one in self._answers]
        return ChildProcess(
            "echo", [sys.executable, "-m", "benchmarks.echo", str(self.port), *answers], self._log
        )

    def _await(self, child: ChildProcess) -> None:
        with grpc.insecure_channel(self.address) as channel:
            child.wait_until(lambda: _answers(channel), _START_WITHIN_S)


def _answers(channel: grpc.Channel) -> bool:
    try:
        call: Any = channel.unary_unary(USER_METHOD)
        call(b"", timeout=_PROBE_S)
    except grpc.RpcError:
        return False
    return True


async def echo(port: int, user_answer: bytes, workflow_answer: bytes) -> None:
    """Serve until the process ends."""
    server = grpc.aio.server(compression=grpc.Compression.Gzip)
    answers = {"GetUserAnalytics": user_answer, "GetWorkflowAnalytics": workflow_answer}
    methods: dict[str, Any] = {
        name: grpc.unary_unary_rpc_method_handler(_always(answer)) for name, answer in answers.items()
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))
    server.add_insecure_port(f"{LOCALHOST}:{port}")
    await server.start()
    await server.wait_for_termination()


def _always(answer: bytes) -> Any:
    async def method(_: bytes, __: Any) -> bytes:
        return answer

    return method


if __name__ == "__main__":
    asyncio.run(echo(int(sys.argv[1]), bytes.fromhex(sys.argv[2]), bytes.fromhex(sys.argv[3])))
