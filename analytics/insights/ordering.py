"""By what workflows can be ordered: words of a request to SQL. Pure."""

import re
from typing import Final

from analytics.errors import InvalidField
from analytics.histogram import BINS, value_s
from analytics.insights.conditions import level_text, sum_of
from analytics.insights.workflow_queries import Ordering

_FIELD: Final = "order_by"
_RANK: Final = re.compile(r"p(\d{1,2}(?:\.\d{1,6})?|100)")
_DIRECTIONS: Final = {"": False, "asc": False, "desc": True}

_SHORT_NAMES: Final = {
    "jobs": "finished",
    "jobs_completed": "completed",
    "jobs_failed": "failed",
    "execution_seconds": "seconds",
    "log_lines": "lines",
    "log_bytes": "bytes",
    "stderr_lines": "err_lines",
    "stderr_bytes": "err_bytes",
}
_SUMS: Final = ", ".join(f"{sum_of(column)} AS {name}" for column, name in _SHORT_NAMES.items())
_DURATIONS: Final = """sum(jobs) AS finished, sum(arraySum(durations.values)) AS binned,
               min(shortest_seconds) AS shortest, max(longest_seconds) AS longest"""
_PERCENTILE: Final = "quantileExactWeightedArray({level})(durations.keys, durations.values) AS bin"

_OF_SUMS: Final = {
    "jobs": "finished",
    "jobs_completed": "completed",
    "jobs_failed": "failed",
    "success_ratio": "if(completed + failed = 0, NULL, completed / (completed + failed))",
    "execution_seconds": "seconds",
    "average_duration": "if(finished = 0, NULL, seconds / finished)",
    "log_lines": "lines",
    "log_bytes": "bytes",
    "stderr_lines": "err_lines",
    "stderr_bytes": "err_bytes",
    "stderr_ratio": "if(lines = 0, NULL, err_lines / lines)",
    "lines_per_job": "if(finished = 0, NULL, lines / finished)",
    "utilization": "seconds",  # all rows are of the same range
}
_OF_DURATIONS: Final = {"minimum_duration": "shortest", "maximum_duration": "longest"}
_VALUES_S: Final = ", ".join(repr(value_s(number)) for number in range(BINS))
_BIN_VALUE: Final = (
    f"least(greatest([{_VALUES_S}][bin + 1], shortest), longest)"  # as `answers.percentiles_s` has it
)
_IF_KNOWN: Final = "if(binned = 0 OR binned != finished, NULL, {})"


def parse_order(text: str) -> Ordering:
    """Return the ordering that words such as `p95 desc` ask for. Raises InvalidField."""
    name, _, direction = text.strip().partition(" ")
    if not text.strip():
        name, direction = "jobs", "desc"
    is_descending = _DIRECTIONS.get(direction.strip())
    if is_descending is None:
        raise InvalidField(_FIELD, 'must be a number and, optionally, "asc" or "desc"')
    if name in _OF_SUMS:
        return Ordering(_SUMS, _OF_SUMS[name], is_descending)
    if name in _OF_DURATIONS:
        return Ordering(_DURATIONS, _IF_KNOWN.format(_OF_DURATIONS[name]), is_descending)
    return Ordering(f"{_DURATIONS}, {_percentile(name)}", _IF_KNOWN.format(_BIN_VALUE), is_descending)


def _percentile(name: str) -> str:
    match = _RANK.fullmatch(name)
    if match is None or not float(match[1]):
        names = ", ".join([*_OF_SUMS, *_OF_DURATIONS])
        raise InvalidField(_FIELD, f"must be one of {names}, or a percentile such as p95")
    return _PERCENTILE.format(level=level_text(float(match[1]) / 100))
