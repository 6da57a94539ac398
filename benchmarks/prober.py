"""From an event to its answer: events of users of their own, published as their producer would, and asked for.

Asking begins 30 ms after the event, for asking before takes the cores from what is measured, and goes on every few
milliseconds, more seldom the longer it takes. So the time has everything in it: broker, fetch, decoding, both
indexes, the guarded insert and its read-back, the query, and half of the pause between two questions.
"""

import asyncio
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import grpc
import msgspec
from confluent_kafka import Producer

from analytics import analytics_pb2, analytics_pb2_grpc
from benchmarks.errors import BenchmarkFailed
from benchmarks.fill import PARTITIONS
from sandbox.directory import Running
from sandbox.partitioner import partition_of
from sandbox.tokens import call_metadata, sign_token

_EVERY_S: Final = 0.2
_FIRST_AFTER_S: Final = 0.03
_PAUSE_S: Final = 0.005
_PAUSE_SHARE: Final = 0.03
_GIVE_UP_S: Final = 30.0
_TIMEOUT_S: Final = 5.0
_VALID_FOR: Final = timedelta(hours=2)
_LATER: Final = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)


class Prober:
    """Publishes to the broker of a stack and asks its service."""

    def __init__(self, running: Running) -> None:
        self.published = 0
        self._address = running.grpc
        self._producer = Producer({"bootstrap.servers": running.kafka, "linger.ms": 0})
        token = sign_token(
            Path(running.keys.private),
            "internal/benchmark",
            now=datetime.now(UTC),
            role="admin",
            ttl=_VALID_FOR,
        )
        self._metadata = call_metadata(token, "admin")

    def latencies_ms(self, seconds: float) -> list[float]:
        """Return how long the events of so many seconds took. Raises BenchmarkFailed when one never came."""
        return asyncio.run(self._probe_for(seconds))

    async def _probe_for(self, seconds: float) -> list[float]:
        async with grpc.aio.insecure_channel(self._address, compression=grpc.Compression.Gzip) as channel:
            stub = analytics_pb2_grpc.AnalyticsServiceStub(channel)  # type: ignore[no-untyped-call] # generated
            end_s, probes = time.monotonic() + seconds, []
            while time.monotonic() < end_s:
                probes.append(asyncio.create_task(self._probe(stub)))
                await asyncio.sleep(_EVERY_S)
            return await asyncio.gather(*probes)

    async def _probe(self, stub: Any) -> float:
        user, workflow, started_s = str(uuid.uuid4()), str(uuid.uuid4()), time.monotonic()
        self._publish(user, workflow)
        await asyncio.sleep(_FIRST_AFTER_S)
        while not await self._is_counted(stub, user):
            waited_s = time.monotonic() - started_s
            if waited_s > _GIVE_UP_S:
                raise BenchmarkFailed(f"an event was not answered within {_GIVE_UP_S:g} s")
            await asyncio.sleep(_PAUSE_S + waited_s * _PAUSE_SHARE)
        return (time.monotonic() - started_s) * 1000

    def _publish(self, user: str, workflow: str) -> None:
        place, now_ms = partition_of(workflow, PARTITIONS), time.time_ns() // 1_000_000
        self._producer.produce("analytics", _job(user, workflow), workflow, place, timestamp=now_ms)
        self._producer.poll(0)
        self.published += 1

    async def _is_counted(self, stub: Any, user: str) -> bool:
        request = analytics_pb2.GetUserAnalyticsRequest(user_id=user)
        try:
            answer = await stub.GetUserAnalytics(request, metadata=self._metadata, timeout=_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            if error.code() in (grpc.StatusCode.NOT_FOUND, *_LATER):
                return False
            raise BenchmarkFailed(f"the service answers {error.code().name}: {error.details()}") from error
        if answer.total_jobs != 1:
            raise BenchmarkFailed(f"one job of a user was counted {answer.total_jobs} times")
        return True


def _job(user: str, workflow: str) -> bytes:
    event = {
        "EventKey": f"analytics:job:{uuid.uuid4()}:completed",
        "UserID": user,
        "WorkflowID": workflow,
        "EventType": "JOBS",
        "Data": {"job_execution_duration": 1},
    }
    return msgspec.json.encode(event)
