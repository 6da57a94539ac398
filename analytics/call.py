"""What is known of the call that is being answered: set once by the interceptor, read by the service."""

import time
from contextvars import ContextVar
from dataclasses import dataclass

from analytics.auth import Caller


@dataclass(frozen=True, slots=True)
class Call:
    """Who is calling, and until when (monotonic clock) somebody waits for the answer."""

    caller: Caller
    give_up_at: float

    def left_s(self) -> float:
        """Return the seconds left; not positive when nobody waits any more."""
        return self.give_up_at - time.monotonic()


_CURRENT: ContextVar[Call] = ContextVar("call")


def enter_call(call: Call) -> None:
    """Make it the current call of this task; each RPC runs in a task of its own."""
    _CURRENT.set(call)


def current_call() -> Call:
    """Return the call that is being answered. Raises LookupError where nobody identified a caller."""
    return _CURRENT.get()
