"""The numbers that events add to table `analytics`: one place for their names, types, and how they are added up."""

from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np

NO_DURATION_S: Final = 2**32 - 1
"""The shortest duration of no job."""


class Measure(NamedTuple):
    """A column of numbers. `aggregate`: how rows are put together, in SQL; `neutral`: what a row has that does not tell."""

    sql_type: str
    aggregate: str
    reduce: np.ufunc
    neutral: int


_SUM: Final = Measure("Int64", "sum", np.add, 0)

MEASURES: Final = {
    "workflows": _SUM,
    "jobs": _SUM,
    "execution_seconds": _SUM,
    "shortest_seconds": Measure("UInt32", "min", np.minimum, NO_DURATION_S),
    "longest_seconds": Measure("UInt32", "max", np.maximum, 0),
    "jobs_with_status": _SUM,
    "failed_seconds": _SUM,
    "jobs_completed": _SUM,
    "jobs_failed": _SUM,
    "log_lines": _SUM,
    "log_bytes": _SUM,
    "stderr_lines": _SUM,
    "stderr_bytes": _SUM,
}
"""By column."""

COUNTERS: Final = MappingProxyType(
    {
        "durations": "jobs",
        "failed_durations": "failed_durations",
        "failures": "jobs_failed",
    }
)
"""Columns that count jobs by a thing, which is a duration bin, or a failure kind and error code: and what is counted."""
