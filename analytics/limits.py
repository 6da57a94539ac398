"""How many calls of one caller may run at the same time, so that nobody takes the whole service.

A caller is the subject of the token; without tokens it is the certificate of the connection, or else the audience that
the caller claims. Whoever may read everything is another service, which asks for many users, and may run more.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from typing import Any, Final, NamedTuple, Self

from analytics import metrics
from analytics.call import current_call
from analytics.errors import Overloaded
from analytics.interceptors import SERVICE_PREFIX, Layer
from analytics.settings import ServiceSettings

_RETRY_AFTER_S: Final = 0.2  # most calls take a few milliseconds
_CERTIFICATE_NAMES: Final = ("x509_common_name", "x509_subject_alternative_name")


class _Who(NamedTuple):
    is_service: bool
    name: str


class LimitCallers(Layer):
    """Refuses, as an overload, a call too many of one caller. To be inside of Admit, which knows who is calling.

    A stream counts for as long as it is open. Health and reflection are not limited.
    """

    def __init__(self, *, per_user: int, per_service: int) -> None:
        self._per_user, self._per_service = per_user, per_service
        self._running: Counter[_Who] = Counter()

    @classmethod
    def of(cls, settings: ServiceSettings) -> Self:
        """Return the layer with the limits of the settings."""
        return cls(
            per_user=settings.analytics_max_concurrent_per_caller,
            per_service=settings.analytics_max_concurrent_per_service,
        )

    def wrap(self, method: str, handler: Any) -> Any:
        """See Layer."""
        if not method.startswith(SERVICE_PREFIX):
            return handler

        async def answer(request: Any, context: Any) -> Any:
            with self._place(_who_calls(context)):
                return await handler.unary_unary(request, context)

        return handler._replace(unary_unary=answer)

    def wrap_stream(self, method: str, handler: Any) -> Any:  # noqa: ARG002 -- every stream counts alike
        """See Layer."""

        async def answers(request: Any, context: Any) -> AsyncIterator[Any]:
            with self._place(_who_calls(context)):
                async with aclosing(handler.unary_stream(request, context)) as stream:
                    async for one in stream:
                        yield one

        return handler._replace(unary_stream=answers)

    @contextmanager
    def _place(self, who: _Who) -> Iterator[None]:
        """Take one of the caller's places for a while. Raises Overloaded."""
        if self._running[who] >= (self._per_service if who.is_service else self._per_user):
            metrics.CALLS_REFUSED.inc()
            raise Overloaded(
                "too many requests of this caller run already; try again", retry_after_s=_RETRY_AFTER_S
            )
        self._running[who] += 1
        try:
            yield
        finally:
            self._running[who] -= 1
            if not self._running[who]:
                del self._running[who]


def _who_calls(context: Any) -> _Who:
    caller = current_call().caller
    return _Who(caller.reads_everything, caller.name or _unsigned_name(context))


def _unsigned_name(context: Any) -> str:
    """Return who is calling where no token says it."""
    certificate = context.auth_context()
    for kind in _CERTIFICATE_NAMES:
        for name in certificate.get(kind, ()):
            return str(name.decode(errors="replace"))
    return next((str(value) for name, value in context.invocation_metadata() if name == "audience"), "")
