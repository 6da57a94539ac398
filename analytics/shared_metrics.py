"""Metrics of both programs. A program must not have the other's: a gauge of 0 would look like a value.

Name, unit and meaning are given here only: `make docs` writes docs/metrics.md from them. Labels hold names from fixed
sets only: never an id, a token or text of a user.
"""

from typing import Final

from prometheus_client import Counter, Histogram

STATEMENT_SECONDS: Final = Histogram(
    "clickhouse_statement_seconds",
    "Time of a statement at ClickHouse, failed ones too, by what it does to which table.",
    ("statement",),
    unit="seconds",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
STATEMENT_FAILURES: Final = Counter(
    "clickhouse_statement_failures",
    "Statements that ended with an error, by kind: `unavailable`, `timeout`, or `refused` by the server.",
    ("statement", "kind"),
    unit="failures",
)
SPANS: Final = Counter(
    "trace_spans",
    "Spans of traces, by whether the collector took them: `taken` or `lost`.",
    ("outcome",),
    unit="spans",
)
