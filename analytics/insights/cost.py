"""What numbers cost, in exact decimal numbers. Pure."""

from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Final, NamedTuple

from analytics.insights.model import Measured

_DIGITS: Final = 80  # more than any product here has
_PLACES: Final = Decimal("0.000000001")
_HOUR_S: Final = 3_600
_MILLION: Final = 1_000_000
_GIBIBYTE: Final = 2**30


class Rates(NamedTuple):
    """Prices, not negative."""

    currency_code: str
    per_execution_hour: Decimal
    per_job: Decimal
    per_million_log_lines: Decimal
    per_log_gibibyte: Decimal


class Cost(NamedTuple):
    """What numbers cost, by what."""

    execution: Decimal
    jobs: Decimal
    logs: Decimal

    @property
    def total(self) -> Decimal:
        """The sum."""
        with localcontext(prec=_DIGITS):
            return self.execution + self.jobs + self.logs


def cost_of(measured: Measured, rates: Rates) -> Cost:
    """Return what numbers cost, each part rounded half to even to nine places."""
    with localcontext(prec=_DIGITS):
        lines = rates.per_million_log_lines * measured.log_lines / _MILLION
        volume = rates.per_log_gibibyte * measured.log_bytes / _GIBIBYTE
        return Cost(
            _rounded(rates.per_execution_hour * measured.execution_seconds / _HOUR_S),
            _rounded(rates.per_job * measured.jobs),
            _rounded(lines + volume),
        )


def _rounded(number: Decimal) -> Decimal:
    return number.quantize(_PLACES, ROUND_HALF_EVEN)
