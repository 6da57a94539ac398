"""A stream without an end: what WatchAnalytics sends, over as many calls as that takes."""

import random
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import grpc

from analytics.client.errors import CallFailed, TryLater, error_of
from analytics.insights_pb2 import WatchAnalyticsResponse

_FIRST_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 5.0


def events(
    opened: Callable[[], Any], on_break: Callable[[TryLater], object]
) -> Iterator[WatchAnalyticsResponse]:
    """Yield what streams send, one stream after the other; `opened` starts the next one.

    A stream that ends with OK (its token was about to expire, or its server drains) is followed by another within
    0.2 s; one that breaks is too, after `on_break` was told, and later and later while none brings an event. Raises
    CallFailed for what another try cannot mend.
    """
    empty_streams = 0
    while True:
        stream, broken = opened(), None
        try:
            for event in stream:
                empty_streams = 0
                yield event
        except grpc.RpcError as error:
            broken = _worth_another_try(error)
            on_break(broken)
        finally:
            stream.cancel()  # whoever stops listening must not leave it open
        time.sleep(
            _pause_s(empty_streams, broken)
        )  # back-off: a service that refuses is not to be asked in a tight loop
        empty_streams += 1


def _worth_another_try(error: grpc.RpcError) -> TryLater:
    failed: CallFailed = error_of(error)
    if not isinstance(failed, TryLater):
        raise failed from error
    failed.__cause__ = error
    return failed


def _pause_s(empty_streams: int, broken: TryLater | None) -> float:
    """Return some time up to a limit that grows: all watchers of a server are sent away at once."""
    limit_s = min(_FIRST_PAUSE_S * 2**empty_streams, _LONGEST_PAUSE_S)
    asked_s = broken.retry_after.total_seconds() if broken and broken.retry_after else 0.0
    return asked_s + random.uniform(0.0, limit_s)  # noqa: S311 -- no secret
