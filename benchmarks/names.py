"""The names of rows: what is measured and what is judged must mean the same."""

from enum import Enum
from typing import Final

CONTENDERS: Final = {
    "limit": "librdkafka alone (C limit)",
    "engine-jsoneachrow": "Kafka engine, JSONEachRow",
    "engine-rawblob": "Kafka engine, RawBLOB",
    "processor-1": "our processor",
    "processor-2": "our processor, 2 processes",
}
"""By key."""

EMPTIEST: Final = 10**6
FULLEST: Final = 10**8


class Auth(Enum):
    """Whether the service checks tokens."""

    ON = "auth"
    OFF = "no auth"


def ingested(kind: str, key: str) -> str:
    """Return the row of ingestion of a contender."""
    return f"{kind}, {CONTENDERS[key]}"


def all_ingested(kind: str, key: str) -> list[str]:
    """Return the rows of ingestion of those contenders whose key begins so."""
    return [ingested(kind, one) for one in CONTENDERS if one.startswith(key)]


def asked(target: str, callers: int, auth: Auth | None = None) -> str:
    """Return the row of queries; `auth` None: there is nothing to check."""
    counted = "1 caller" if callers == 1 else f"{callers} callers"
    return f"{target}, {counted}" + (f", {auth.value}" if auth else "")


def situations() -> tuple[str, str, str]:
    """Return the rows of latency."""
    return "at 100 events/s", "at half of the most", "after a rebalance"


def flat(what: str, events: int) -> str:
    """Return a row of flatness; `events`: a power of ten."""
    return f"{what}, 10^{len(str(events)) - 1} events there"
