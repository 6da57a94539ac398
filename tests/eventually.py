"""Waiting in tests: until a fact holds, never for a fixed time."""

import time
from collections.abc import Callable
from typing import TypeVar

_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 0.5
_SHARE = 0.1
"""A pause is a tenth of the time waited so far: to look more often takes the time of those that are waited for."""

T = TypeVar("T")


def eventually(predicate: Callable[[], T], *, within_s: float = 10.0, pause_s: float = _PAUSE_S) -> T:
    """Return the first true value of `predicate()`. An AssertionError of the predicate means "not yet".

    `pause_s`: the shortest pause, longer for what takes seconds and is dear to ask.
    Raises AssertionError with the last value, or the last AssertionError, after `within_s`.
    """
    began = time.monotonic()
    while True:
        failure, value = _attempt(predicate)
        if failure is None and value:
            return value  # type: ignore[return-value] # it is set when there is no failure
        waited_s = time.monotonic() - began
        if waited_s > within_s:
            raise AssertionError(f"not within {within_s:g} s: {failure or repr(value)}") from failure
        time.sleep(min(max(pause_s, waited_s * _SHARE), _LONGEST_PAUSE_S))


def _attempt(predicate: Callable[[], T]) -> tuple[AssertionError | None, T | None]:
    try:
        return None, predicate()
    except AssertionError as error:
        return error, None
