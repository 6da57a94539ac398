"""Spans of traces: what the programs say while they work. While nobody collects them, it costs a look at a variable.

`analytics.otel` makes the spans. It, and OpenTelemetry with it, is loaded only when OTEL_EXPORTER_OTLP_ENDPOINT is set.
Attributes are names and numbers from our own vocabulary, never an id, a token, or a value of a record or statement.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Final, TypeVar

from analytics.settings import Settings

T = TypeVar("T")
Attributes = Mapping[str, str | int]
_NOTHING: Final[AbstractContextManager[None]] = nullcontext()


class Traces:
    """Makes no spans; `analytics.otel.OtelTraces` does."""

    is_on = False

    def step(self, name: str) -> AbstractContextManager[None]:
        """See `step`."""
        del name
        return _NOTHING

    def statement(self, summary: str) -> AbstractContextManager[None]:
        """See `statement`."""
        del summary
        return _NOTHING

    def batch(
        self, name: str, attributes: Attributes, origins: Sequence[str]
    ) -> AbstractContextManager[None]:
        """See `batch`."""
        del name, attributes, origins
        return _NOTHING

    def shared(self, name: str, places: Iterable[object]) -> AbstractContextManager[None]:
        """See `shared`."""
        del name, places
        return _NOTHING

    def here(self) -> object:
        """See `here`."""
        return None

    def ids(self) -> Mapping[str, str]:
        """See `ids`."""
        return {}

    def carried(self, action: Callable[[], T]) -> Callable[[], T]:
        """See `carried`."""
        return action

    def close(self) -> None:
        """See `end`."""


_traces = Traces()


def begin(settings: Settings, program: str) -> None:
    """Make spans from now on, under that name of a program, if the settings say who collects them."""
    if settings.otel_exporter_otlp_endpoint is not None:
        from analytics.otel import export_to  # loads OpenTelemetry

        use(export_to(settings.otel_exporter_otlp_endpoint, program))


def use(traces: Traces) -> None:
    """Make these the spans of this process."""
    global _traces
    _traces = traces


def end() -> None:
    """Send what is not sent yet, for a moment at most, and make no more spans."""
    _traces.close()
    use(Traces())


def current() -> Traces:
    """Return who makes the spans of this process."""
    return _traces


def is_on() -> bool:
    """Whether spans are made."""
    return _traces.is_on


def step(name: str) -> AbstractContextManager[None]:
    """A span below the current one; none where there is no current one."""
    return _traces.step(name)


def statement(summary: str) -> AbstractContextManager[None]:
    """A span for a statement at ClickHouse, below the current one; none where there is no current one."""
    return _traces.statement(summary)


def batch(name: str, attributes: Attributes, origins: Sequence[str]) -> AbstractContextManager[None]:
    """A span for a batch of records, linked to its origins: `traceparent` headers of some of them."""
    return _traces.batch(name, attributes, origins)


def shared(name: str, places: Iterable[object]) -> AbstractContextManager[None]:
    """A span for work that several callers share: below the first of their spans, linked with the others, both ways."""
    return _traces.shared(name, places)


def here() -> object:
    """Return the current span, for `shared`."""
    return _traces.here()


def ids() -> Mapping[str, str]:
    """Return `trace_id` and `span_id` of the current span, for logs; empty where there is none."""
    return _traces.ids()


def carried(action: Callable[[], T]) -> Callable[[], T]:
    """Return the action, to be called in another thread below the current span."""
    return _traces.carried(action)
