"""Waiting in tests: until a fact holds, never for a fixed time."""

import time
from collections.abc import Callable
from typing import TypeVar

_PAUSE_S = 0.02
T = TypeVar("T")


def eventually(predicate: Callable[[], T], *, within_s: float = 10.0) -> T:
    """Return the first true value of `predicate()`. An AssertionError of the predicate means "not yet".

    Raises AssertionError with the last value, or the last AssertionError, after `within_s`.
    """
    deadline = time.monotonic() + within_s
    while True:
        failure, value = _attempt(predicate)
        if failure is None and value:
            return value  # type: ignore[return-value] # it is set when there is no failure
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s:g} s: {failure or repr(value)}") from failure
        time.sleep(_PAUSE_S)


def _attempt(predicate: Callable[[], T]) -> tuple[AssertionError | None, T | None]:
    try:
        return None, predicate()
    except AssertionError as error:
        return error, None
