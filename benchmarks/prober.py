"""From an event to its answer: events published as their producer would, and asked for.

One user a partition, with one workflow: its events are counted in the order in which they were published, so one
question tells of all that are on their way. Asking costs what is measured its cores, so it begins 30 ms after an
event, and happens every 10 ms at most, more seldom the longer an event takes. The time has everything in it: broker,
fetch, decoding, both indexes, the guarded insert and its read-back, the query, and half of the pause between two
questions.
"""

import asyncio
import time
import uuid
from dataclasses import dataclass, field
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
_PAUSE_S: Final = 0.01
_PAUSE_SHARE: Final = 0.05
_GIVE_UP_S: Final = 30.0
_TIMEOUT_S: Final = 5.0
_VALID_FOR: Final = timedelta(hours=2)
_LATER: Final = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)


@dataclass
class Lane:
    """The events of one user, all in one partition. Times are monotonic seconds."""

    partition: int
    user: str = field(default_factory=lambda: str(uuid.uuid4()))
    published_s: list[float] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.workflow = str(uuid.uuid4())
        while partition_of(self.workflow, PARTITIONS) != self.partition:
            self.workflow = str(uuid.uuid4())

    def waited_s(self, now_s: float) -> float:
        """Return how long the oldest event that is not counted has waited; 0 if all are."""
        counted = len(self.latencies_ms)
        return now_s - self.published_s[counted] if counted < len(self.published_s) else 0.0

    def note(self, jobs: int, now_s: float) -> None:
        """Note that the answer says so many jobs. Raises BenchmarkFailed for more than there are."""
        if jobs > len(self.published_s):
            raise BenchmarkFailed(f"{len(self.published_s)} jobs of a user were counted as {jobs}")
        for published_s in self.published_s[len(self.latencies_ms) : jobs]:
            self.latencies_ms.append((now_s - published_s) * 1000)


class Prober:
    """Publishes to the broker of a stack and asks its service."""

    def __init__(self, running: Running) -> None:
        self.published = 0
        self._address = running.grpc
        self._producer = Producer({"bootstrap.servers": running.kafka, "linger.ms": 0, "log_level": 3})
        key, now = Path(running.keys.private), datetime.now(UTC)
        token = sign_token(key, "internal/benchmark", now=now, role="admin", ttl=_VALID_FOR)
        self._metadata = call_metadata(token, "admin")

    def latencies_ms(self, seconds: float) -> list[float]:
        """Return how long the events of so many seconds took. Raises BenchmarkFailed when one never came."""
        return asyncio.run(self._probe_for(seconds))

    def close(self) -> None:
        """Wait for what is on its way to the broker."""
        self._producer.flush(_TIMEOUT_S)

    async def _probe_for(self, seconds: float) -> list[float]:
        lanes = [Lane(partition) for partition in range(PARTITIONS)]
        async with grpc.aio.insecure_channel(self._address, compression=grpc.Compression.Gzip) as channel:
            stub = analytics_pb2_grpc.AnalyticsServiceStub(channel)  # type: ignore[no-untyped-call] # generated
            publishing = asyncio.create_task(self._publish_for(lanes, seconds))
            await asyncio.gather(publishing, *(self._watch(stub, lane, publishing) for lane in lanes))
        return [latency_ms for lane in lanes for latency_ms in lane.latencies_ms]

    async def _publish_for(self, lanes: list[Lane], seconds: float) -> None:
        """Publish in turns, one event every 200 ms."""
        for number in range(round(seconds / _EVERY_S)):
            self._publish(lanes[number % len(lanes)])
            await asyncio.sleep(_EVERY_S)

    def _publish(self, lane: Lane) -> None:
        lane.published_s.append(time.monotonic())
        now_ms = time.time_ns() // 1_000_000
        self._producer.produce("analytics", _job(lane), lane.workflow, lane.partition, timestamp=now_ms)
        self._producer.poll(0)
        self.published += 1

    async def _watch(self, stub: Any, lane: Lane, publishing: "asyncio.Task[None]") -> None:
        """Ask until every event of the lane is in an answer. Raises BenchmarkFailed."""
        while (waited_s := lane.waited_s(time.monotonic())) or not publishing.done():
            if waited_s >= _FIRST_AFTER_S:
                lane.note(await self._jobs(stub, lane.user), time.monotonic())
            if waited_s > _GIVE_UP_S:
                raise BenchmarkFailed(f"an event was not answered within {_GIVE_UP_S:g} s")
            await asyncio.sleep(_PAUSE_S + waited_s * _PAUSE_SHARE)

    async def _jobs(self, stub: Any, user: str) -> int:
        """Return how many jobs of a user are counted."""
        request = analytics_pb2.GetUserAnalyticsRequest(user_id=user)
        try:
            answer = await stub.GetUserAnalytics(request, metadata=self._metadata, timeout=_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            if error.code() in (grpc.StatusCode.NOT_FOUND, *_LATER):
                return 0
            raise BenchmarkFailed(f"the service answers {error.code().name}: {error.details()}") from error
        return int(answer.total_jobs)


def _job(lane: Lane) -> bytes:
    event = {
        "EventKey": f"analytics:job:{uuid.uuid4()}:completed",
        "UserID": lane.user,
        "WorkflowID": lane.workflow,
        "EventType": "JOBS",
        "Data": {"job_execution_duration": 1},
    }
    return msgspec.json.encode(event)
