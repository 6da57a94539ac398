"""What ends a measurement."""

from typing import Final

from analytics.errors import AnalyticsError
from analytics.store.pool import StatementFailed
from sandbox.errors import SandboxError


class BenchmarkFailed(Exception):
    """A measurement is impossible, or its numbers are wrong; shown without a stack trace."""


FAILURES: Final = (BenchmarkFailed, SandboxError, AnalyticsError, StatementFailed, EOFError)
"""What is noted, and does not end the others. EOFError: a process of callers has ended."""
