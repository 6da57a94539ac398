"""What stands behind the benchmark of queries: full tables, the service with and without auth, an echo, callers."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import grpc

from analytics.store.pool import Connection
from benchmarks.asked import Truth
from benchmarks.caller import Question
from benchmarks.echo import LocalEcho
from benchmarks.prepared import DATABASE, connected
from benchmarks.tables import Shape, fill_progress, fill_totals, wait_until_merged
from sandbox.clickhouse import LocalClickHouse
from sandbox.ports import LOCALHOST
from sandbox.programs import LocalService
from sandbox.server import LocalServer
from sandbox.tokens import call_metadata, create_key_pair


@contextmanager
def full_clickhouse(
    directory: Path, shapes: tuple[Shape, ...]
) -> Iterator[tuple[LocalClickHouse, Connection]]:
    """Yield a server with our tables, filled and merged, and a connection to it."""
    with LocalClickHouse(directory / "clickhouse") as clickhouse, connected(clickhouse) as connection:
        fill_progress(connection)
        for shape in shapes:
            fill_totals(connection, shape)
        wait_until_merged(connection)
        yield clickhouse, connection


class Services(NamedTuple):
    """The same service twice; `private_key` signs for the one that checks tokens."""

    with_auth: LocalService
    without_auth: LocalService
    private_key: Path


@contextmanager
def services(directory: Path, clickhouse: LocalClickHouse) -> Iterator[Services]:
    """Yield the service, started with auth and without."""
    private_key, public_key = directory / "auth.ed", directory / "auth.ed.pub"
    create_key_pair(private_key, public_key)

    def service(name: str, auth: str) -> LocalService:
        settings = _environment(clickhouse.address) | {"AUTH_ENABLED": auth}
        return LocalService(
            lambda: settings | {"AUTH_PUBLIC_KEY_PATH": str(public_key)}, directory / f"{name}.log"
        )

    with service("service", "true") as with_auth, service("service-without-auth", "false") as without_auth:
        yield Services(with_auth, without_auth, private_key)


def echo_of(service: LocalServer, user: Truth, workflow: Truth, log: Path) -> LocalEcho:
    """Return an echo server whose answers have the size of the service's, which must not want a token."""
    with grpc.insecure_channel(service.address) as channel:
        answers = [_answer(channel, one.question()) for one in (user, workflow)]
    return LocalEcho(answers[0], answers[1], log)


def _answer(channel: grpc.Channel, question: Question) -> bytes:
    call: Any = channel.unary_unary(question.method)  # bytes in, bytes out
    answer: bytes = call(question.message, metadata=call_metadata("unchecked"), timeout=10)
    return answer


def _environment(clickhouse: str) -> dict[str, str]:
    """What the local stack sets, as far as the service reads it."""
    return {
        "ENV": "development",
        "GRPC_HOST": LOCALHOST,
        "GRPC_TLS_ENABLED": "false",
        "ANALYTICS_MAX_CONCURRENT_PER_CALLER": "1024",  # one user asks here for what many would
        "CLICKHOUSE_HOSTS": clickhouse,
        "CLICKHOUSE_DATABASE": DATABASE,
        "CLICKHOUSE_USERNAME": "default",
        "CLICKHOUSE_PASSWORD": "",
        "CLICKHOUSE_TLS_ENABLED": "false",
    }
