"""What ends a benchmark."""


class BenchmarkFailed(Exception):
    """A measurement is impossible, or its numbers are wrong; shown without a stack trace."""
