"""The steps of applying a batch, observed: a metric always, a span while traces are made."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from analytics import tracing
from processor import metrics

Step = Literal["check", "park", "facts", "repeats", "fold", "insert"]


@contextmanager
def step(topic: str, name: Step) -> Iterator[None]:
    """Observe a step of applying a batch of a topic."""
    with metrics.STEP_SECONDS.labels(topic, name).time(), tracing.step(name):
        yield
