"""Whether the service can answer with fresh numbers: for `/ready`. Health over gRPC is about the process alone."""

import time
from collections.abc import Callable

from analytics.freshness import FreshnessReader


def service_problems(
    freshness: FreshnessReader,
    is_draining: Callable[[], bool],
    *,
    stale_after_s: float,
    now_s: Callable[[], float] = time.time,
) -> list[str]:
    """Return why the service is not ready, in words for an operator; nothing when it is. For any thread."""
    if is_draining():
        return ["draining"]
    if not freshness.store_answers:
        return ["ClickHouse does not answer; see log event `freshness_unknown`"]
    as_of_ms = freshness.as_of_ms()
    if as_of_ms is None:
        return ["how old the numbers are is not known: a topic or one of its partitions was never counted"]
    age_s = now_s() - as_of_ms / 1000
    return [f"the numbers are {age_s:.0f} s old"] if age_s > stale_after_s else []
