"""Every metric of the service alone; those that the processor has too are in `analytics.shared_metrics`.

Name, unit and meaning are given here only: `make docs` writes docs/metrics.md from them. Labels hold names from fixed
sets only: never an id, a token or text of a user.
"""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

_REQUEST_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)

GRPC_REQUESTS: Final = Counter(
    "analytics_grpc_requests", "Answered RPCs.", ("method", "code"), unit="requests"
)
GRPC_REQUEST_SECONDS: Final = Histogram(
    "analytics_grpc_request_seconds",
    "Time from the request to its answer.",
    ("method",),
    unit="seconds",
    buckets=_REQUEST_BUCKETS,
)
GRPC_STREAMS: Final = Gauge(
    "analytics_grpc_streams", "Streams that are open now.", ("method",), unit="streams"
)
LOOKUPS: Final = Counter(
    "analytics_lookups", "Totals that callers asked for; concurrent ones share a query.", unit="lookups"
)
LOOKUPS_WAITING: Final = Gauge(
    "analytics_waiting_lookups", "Lookups that wait for their query to begin.", unit="lookups"
)
LOOKUPS_REFUSED: Final = Counter(
    "analytics_refused_lookups",
    "Lookups refused because they would have been answered too late.",
    unit="lookups",
)
LOOKUP_KEYS: Final = Histogram(
    "analytics_lookup_keys",
    "Keys of concurrent lookups in one query.",
    unit="keys",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128),
)
LOOKUP_SECONDS: Final = Histogram(
    "analytics_lookup_seconds", "Time of such a query.", unit="seconds", buckets=_REQUEST_BUCKETS
)
AS_OF: Final = Gauge(
    "analytics_as_of_timestamp_seconds",
    "Unix time up to which every published event is in the answers; 0 while that is not known.",
    unit="seconds",
)
CALLS_REFUSED: Final = Counter(
    "analytics_refused_calls",
    "Calls refused because their caller had too many running already.",
    unit="calls",
)
