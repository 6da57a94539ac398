"""Builders for tests of the service: tokens, metadata, fakes of the store, and a server on a real socket."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.rpc import error_details_pb2
from grpc import StatusCode, aio
from grpc_status import rpc_status

from analytics.auth import Identify, TokenVerifier
from analytics.errors import StoreUnavailable
from analytics.lookups import Lookups
from analytics.model import ALL_WORKFLOWS, Totals, WorkflowKey
from analytics.server import AnalyticsServer
from analytics.service import Backends
from analytics.settings import ServiceSettings

KEY = Ed25519PrivateKey.generate()
USER = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
STRANGER = UUID("01890a5d-ac96-774b-bcce-b302099a8058")
WORKFLOW = UUID("01890a5d-ac97-7000-8000-000000000001")
NOBODYS_WORKFLOW = UUID("01890a5d-ac97-7000-8000-000000000002")
USER_TOTALS = Totals(workflows=2, jobs=30, execution_seconds=86400, log_lines=1000)
WORKFLOW_TOTALS = Totals(workflows=1, jobs=12, execution_seconds=4000, log_lines=999)
NO_CLAIM = object()


def token(subject: object = USER, *, key: Any = KEY, algorithm: str = "EdDSA", **changes: object) -> str:
    """A token as the gateway makes it; a claim changed to NO_CLAIM is left out."""
    now = int(time.time())
    claims = {
        "aud": "server",
        "iss": "server",
        "sub": str(subject),
        "role": "user",
        "nbf": now,
        "iat": now,
        "exp": now + 900,
    }
    kept = {name: value for name, value in (claims | changes).items() if value is not NO_CLAIM}
    return jwt.encode(kept, key, algorithm)


def metadata(bearer: str | None = None, **changes: str | None) -> list[tuple[str, str]]:
    """Metadata as the gateway sends it; a value changed to None is left out."""
    values = {"audience": "server", "role": "user", "authorization": f"Bearer {bearer or token()}"} | changes
    return [(name, value) for name, value in values.items() if value is not None]


class FakeLookups:
    """A store in memory."""

    def __init__(self) -> None:
        self.users: dict[UUID, Totals] = {}
        self.workflows: dict[tuple[UUID, UUID], Totals] = {}
        self.within_s: list[float] = []

    async def totals(self, key: WorkflowKey, *, within_s: float) -> Totals | None:
        self.within_s.append(within_s)
        return self.users.get(key.user_id) if key.workflow_id == ALL_WORKFLOWS else self.workflows.get(key)


class FailingLookups:
    """A store that always fails."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def totals(self, key: WorkflowKey, *, within_s: float) -> Totals | None:
        raise self._error


class NoReads:
    """In place of the reads about ranges: a store that cannot be reached."""

    async def run(self, read: Any, within_s: float) -> Any:
        raise StoreUnavailable("no store in this test")

    async def extent(self, user_id: UUID, within_s: float) -> Any:
        raise StoreUnavailable("no store in this test")


def backends(
    lookups: Lookups, *, as_of_ms: int | None = None, reads: Any = None, topics: Any = ()
) -> Backends:
    """What a server answers from."""
    return Backends(lookups, reads or NoReads(), lambda: as_of_ms, lambda: topics)


def service_settings(**changes: object) -> ServiceSettings:
    """Settings of a server on a free port of 127.0.0.1."""
    return ServiceSettings(**{"grpc_host": "127.0.0.1", "grpc_port": 0, "grpc_drain_timeout": 0.5} | changes)


@asynccontextmanager
async def serving(
    lookups: Lookups,
    *,
    as_of_ms: int | None = None,
    identify: Identify | None = None,
    reads: Any = None,
    **settings: object,
) -> AsyncIterator[str]:
    """Run a server over the lookups; yields its address."""
    identify = identify or TokenVerifier(KEY.public_key())
    behind = backends(lookups, as_of_ms=as_of_ms, reads=reads)
    server = AnalyticsServer(service_settings(**settings), behind, identify)
    await server.start()
    try:
        yield f"127.0.0.1:{server.port}"
    finally:
        await server.drain()


def reason_of(error: aio.AioRpcError) -> str:
    """The reason in the ErrorInfo of an error, whose domain must be ours."""
    info = error_details_pb2.ErrorInfo()
    status = rpc_status.from_call(error)
    assert any(detail.Unpack(info) for detail in status.details)
    assert info.domain == "analytics.chronoverse"
    return info.reason


def violated_fields(error: aio.AioRpcError) -> list[str]:
    """The fields in the BadRequest of an error."""
    bad = error_details_pb2.BadRequest()
    any(detail.Unpack(bad) for detail in rpc_status.from_call(error).details)
    return [violation.field for violation in bad.field_violations]


async def failure(call: Any) -> tuple[StatusCode, str]:
    """Code and reason of a call that must fail."""
    try:
        answer = await call
    except aio.AioRpcError as error:
        return error.code(), reason_of(error)
    raise AssertionError(f"it was answered: {answer}")
