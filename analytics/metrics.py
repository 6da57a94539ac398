"""Every metric of the service, in one table; those of the processor are in `processor.metrics`.

Labels hold names from fixed sets only: never an id, a token or text of a user.
"""

from typing import Final

import structlog
from prometheus_client import Counter, Histogram, start_http_server

from analytics.errors import CannotListen

_log = structlog.get_logger(__name__)

_REQUEST_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)

# --- service ---
GRPC_REQUESTS: Final = Counter("analytics_grpc_requests", "Answered RPCs.", ("method", "code"))
GRPC_REQUEST_SECONDS: Final = Histogram(
    "analytics_grpc_request_seconds",
    "Time from the request to its answer.",
    ("method",),
    buckets=_REQUEST_BUCKETS,
)
LOOKUP_KEYS: Final = Histogram(
    "analytics_lookup_keys", "Keys of concurrent lookups in one query.", buckets=(1, 2, 4, 8, 16, 32, 64, 128)
)
LOOKUP_SECONDS: Final = Histogram(
    "analytics_lookup_seconds", "Time of such a query.", buckets=_REQUEST_BUCKETS
)
LOOKUPS_REFUSED: Final = Counter(
    "analytics_lookups_refused", "Lookups refused because too many callers waited already."
)

CALLS_REFUSED: Final = Counter(
    "analytics_calls_refused", "Calls refused because their caller had too many running already."
)


def serve_metrics(port: int | None) -> None:
    """Serve /metrics in a thread that ends with the process. None: not at all, 0: any free port.

    Raises CannotListen.
    """
    if port is None:
        return
    try:
        server, _ = start_http_server(port)
    except OSError as error:
        raise CannotListen(f"cannot listen on METRICS_PORT {port}: {error}") from None
    _log.info("metrics_served", port=server.server_port)
