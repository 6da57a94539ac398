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


class Insight(Enum):
    """Questions about ranges."""

    SUMMARY = "summary of 30 days"
    SUMMARY_ODD = "summary of 30 days, odd ends"
    SUMMARY_TEN = "summary of 30 days, 10 workflows"
    SUMMARY_KIND = "summary of 30 days, a kind"
    SERIES = "series of 90 days"
    SERIES_ZONE = "series of 90 days, Berlin"
    SERIES_TEN = "series of 90 days, 10 workflows"
    SERIES_KIND = "series of 90 days, a kind"
    PAGE = "page by p95"
    ANOMALIES = "anomalies of a day"


def asked_of(insight: Insight, callers: int) -> str:
    """Return the row of a question about ranges."""
    return asked(insight.value, callers, Auth.ON)


def situations() -> tuple[str, str, str]:
    """Return the rows of latency."""
    return "at 100 events/s", "at half of the most", "after a rebalance"


def flat(what: str, events: int) -> str:
    """Return a row of flatness; `events`: a power of ten."""
    return f"{what}, 10^{len(str(events)) - 1} events there"
