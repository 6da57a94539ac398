"""One process of callers: each asks, waits for the answer, and asks the next question at once.

A process of its own, so that what the callers cost is theirs; several of them, so that they do not limit. Questions
and tokens are made before the clock starts. Requests go out gzipped, as the HTTP gateway sends them.
"""

import asyncio
import gc
import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any, Final, NamedTuple

import grpc
import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from analytics.errors import AnalyticsError
from analytics.store.pool import Connection, StatementFailed
from sandbox.clickhouse import local_settings
from sandbox.tokens import AUDIENCE, ISSUER, call_metadata

_TIMEOUT_S: Final = 10.0
_AFTER_FAILURE_S: Final = 0.01
SAMPLE_EVERY: Final = 101
_VALID_FOR: Final = timedelta(hours=1)

Metadata = tuple[tuple[str, str], ...]


class Question(NamedTuple):
    """One request. `method` is its path, `message` the request as protobuf bytes, `subject` the user of the token."""

    method: str
    message: bytes
    subject: str


class Statement(NamedTuple):
    """What the store itself is asked for."""

    sql: str
    parameters: Mapping[str, object]


SELECT_1: Final = Statement("SELECT 1", {})


@dataclass(frozen=True)
class Job:
    """What one process is to do. Without `questions` it sends ClickHouse the `statement`, else it asks a gRPC server.

    `private_key`: sign a new token for each of `tokens` requests; None: all requests have one token, which nobody
    checks. `warm_up_s` goes before `measured_s` and does not count. One of `sample_every` answers is kept.
    """

    address: str
    callers: int
    questions: Sequence[Question]
    private_key: Path | None
    tokens: int
    warm_up_s: float
    measured_s: float
    statement: Statement = SELECT_1
    sample_every: int = SAMPLE_EVERY


@dataclass
class Told:
    """What came back within the measured time. `samples`: the place of the question, and its answer's bytes."""

    latencies_ms: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    samples: list[tuple[int, bytes]] = field(default_factory=list)


class Window(NamedTuple):
    """Monotonic seconds between which answers count."""

    first_s: float
    end_s: float


def serve(pipe: Pipe) -> None:
    """Do jobs until the pipe closes: job in, None out when it is prepared, start in, `Told` out."""
    while True:
        try:
            job: Job = pipe.recv()
        except EOFError:
            return
        prepared = list(prepare(job))
        gc.collect()
        gc.freeze()  # a million objects are not to be looked at while we measure
        pipe.send(None)
        start_s: float = pipe.recv()
        window = Window(start_s + job.warm_up_s, start_s + job.warm_up_s + job.measured_s)
        pipe.send(_ask_grpc(job, prepared, window) if job.questions else _ask_store(job, window))
        gc.unfreeze()


class _Prepared(NamedTuple):
    """`place`: of the question in the job."""

    place: int
    question: Question
    metadata: Metadata


def prepare(job: Job) -> Iterator[_Prepared]:
    """Yield every request: as many as there are tokens, or as questions."""
    key = None if job.private_key is None else _load(job.private_key)
    count, now = (job.tokens if key else len(job.questions)), datetime.now(UTC)
    same = call_metadata("unchecked")
    for number in range(count if job.questions else 0):
        question = job.questions[number % len(job.questions)]
        metadata = same if key is None else call_metadata(_token(key, question.subject, number, now))
        yield _Prepared(number % len(job.questions), question, metadata)


def _load(path: Path) -> Ed25519PrivateKey:
    key = load_pem_private_key(path.read_bytes(), None)
    assert isinstance(key, Ed25519PrivateKey)
    return key


def _token(key: Ed25519PrivateKey, subject: str, number: int, now: datetime) -> str:
    """Return a token that no other request has: `jti` stands for the second in which the gateway would sign it."""
    claims = {
        "aud": AUDIENCE, "iss": ISSUER, "sub": subject, "role": "user",
        "nbf": now, "iat": now, "exp": now + _VALID_FOR, "jti": str(number),
    }  # fmt: skip
    return jwt.encode(claims, key, algorithm="EdDSA")


def _ask_grpc(job: Job, prepared: Sequence[_Prepared], window: Window) -> Told:
    return asyncio.run(_ask_together(job, prepared, window))


async def _ask_together(job: Job, prepared: Sequence[_Prepared], window: Window) -> Told:
    told, requests = Told(), itertools.cycle(prepared)
    async with grpc.aio.insecure_channel(job.address, compression=grpc.Compression.Gzip) as channel:
        calls: dict[str, Any] = {
            one.method: channel.unary_unary(one.method) for one in job.questions
        }  # bytes in, bytes out
        await asyncio.gather(
            *(_ask_on(calls, requests, window, told, job.sample_every) for _ in range(job.callers))
        )
    return told


async def _ask_on(
    calls: dict[str, Any], requests: Iterator[_Prepared], window: Window, told: Told, sample_every: int
) -> None:
    """One caller: the only place where a millisecond of ours would be a millisecond of theirs."""
    while (asked_s := time.monotonic()) < window.end_s:
        place, question, metadata = next(requests)
        try:
            answer = await calls[question.method](question.message, metadata=metadata, timeout=_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            told.failures[error.code().name] += 1
            await asyncio.sleep(_AFTER_FAILURE_S)
        else:
            _note(told, window, asked_s)
            if len(told.latencies_ms) % sample_every == 1:
                told.samples.append((place, answer))


def _note(told: Told, window: Window, asked_s: float) -> None:
    answered_s = time.monotonic()
    if window.first_s <= answered_s < window.end_s:
        told.latencies_ms.append((answered_s - asked_s) * 1000)


def _ask_store(job: Job, window: Window) -> Told:
    """A thread and a connection for each caller. `SELECT 1`: what no query can be faster than."""
    told = [Told() for _ in range(job.callers)]
    threads = [threading.Thread(target=_select_on, args=(job, window, one)) for one in told]
    _run(threads)
    return merged(told)


def _run(threads: Sequence[threading.Thread]) -> None:
    actions: tuple[Callable[[threading.Thread], None], ...] = (threading.Thread.start, threading.Thread.join)
    for action in actions:
        for one in threads:
            action(one)


def _select_on(job: Job, window: Window, told: Told) -> None:
    connection = Connection(local_settings(job.address, "default"), timeout_s=_TIMEOUT_S)
    while (asked_s := time.monotonic()) < window.end_s:
        try:
            connection.query(*job.statement)
        except (AnalyticsError, StatementFailed) as error:
            told.failures[type(error).__name__] += 1
            time.sleep(_AFTER_FAILURE_S)
        else:
            _note(told, window, asked_s)
    connection.close()


def merged(told: Sequence[Told]) -> Told:
    """Return what all of them were told; samples of several jobs must not be mixed, and are left out."""
    return Told(
        [one for each in told for one in each.latencies_ms],
        sum((each.failures for each in told), Counter()),
        [],
    )
