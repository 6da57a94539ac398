"""Our own two programs as children: the processor and the gRPC service."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import grpc
from grpc_health.v1 import health_pb2

from sandbox.ports import is_free
from sandbox.processes import ChildProcess
from sandbox.server import LocalProgram, LocalServer

START_WITHIN_S: Final = 60.0
_PYTHON: Final = (
    sys.executable,
    "-P",
    "-m",
)  # -P: a folder `processor` where the user stands is not our package


class LocalProcessor(LocalProgram):
    """One `chronoverse-processor run`; `environment` is asked at every start."""

    def __init__(self, name: str, environment: Callable[[], Mapping[str, str]], log: Path) -> None:
        super().__init__()
        self.name = name
        self._environment, self._log = environment, log

    def _spawn(self) -> ChildProcess:
        command = [*_PYTHON, "processor", "run"]
        return ChildProcess(self.name, command, self._log, environment=self._environment())


class LocalService(LocalServer):
    """One `chronoverse-analytics serve`; it answers when its health is SERVING."""

    def __init__(self, environment: Callable[[], Mapping[str, str]], log: Path, port: int = 0) -> None:
        super().__init__(port)
        self._environment, self._log = environment, log

    def _spawn(self) -> ChildProcess:
        command = [*_PYTHON, "analytics", "serve"]
        environment = {**self._environment(), "GRPC_PORT": str(self.port)}
        return ChildProcess("service", command, self._log, environment=environment)

    def _await(self, child: ChildProcess) -> None:
        with grpc.insecure_channel(self.address) as channel:
            child.wait_until(lambda: not is_free(self.port) and _is_serving(channel), START_WITHIN_S)


def _is_serving(channel: grpc.Channel) -> bool:
    check = channel.unary_unary(
        "/grpc.health.v1.Health/Check",
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )
    try:
        answer = check(health_pb2.HealthCheckRequest(), timeout=1.0)
    except grpc.RpcError:
        return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
