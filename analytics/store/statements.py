"""What is observed of every statement at ClickHouse: its time, how it failed, and a span. Never its values."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Final

from prometheus_client import Histogram

from analytics import shared_metrics, tracing
from analytics.errors import Retryable, StoreTimeout

_VERB: Final = re.compile(r"\w+")
_TABLE: Final = re.compile(r"\b(?:FROM|INTO|TABLES?|EXISTS|DATABASE)\s+(?!IF\b)([a-zA-Z_`][\w.`]*)")
_OF_ITS_OWN: Final = re.compile(
    r"`|_[0-9a-f]{8,}\b"
)  # quotes, and what makes the name of a passing table unique


@lru_cache(maxsize=512)
def summary(sql: str) -> str:
    """Return what a statement does to which table, such as `SELECT analytics`: few names, however many statements."""
    verb, table = _VERB.search(sql), _TABLE.search(sql)
    words = [found for found in (verb and verb[0].upper(), table and table[1]) if found]
    return _OF_ITS_OWN.sub("", " ".join(words))


@contextmanager
def observed(statement: str) -> Iterator[None]:
    """Observe a statement, by its summary. Errors must be ours by now."""
    started = time.monotonic()
    try:
        with tracing.statement(statement):
            yield
    except Exception as error:
        shared_metrics.STATEMENT_FAILURES.labels(statement, _kind(error)).inc()
        raise
    finally:
        _seconds(statement).observe(time.monotonic() - started)


@lru_cache(maxsize=512)
def _seconds(statement: str) -> Histogram:
    return shared_metrics.STATEMENT_SECONDS.labels(statement)


def _kind(error: Exception) -> str:
    if isinstance(error, StoreTimeout):
        return "timeout"
    return "unavailable" if isinstance(error, Retryable) else "refused"
