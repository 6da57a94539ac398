"""How far a value stands out from others, by median and MAD instead of mean and deviation. Pure.

Iglewicz and Hoaglin, "How to Detect and Handle Outliers" (1993): the modified z-score is 0.6745 (x - median) / MAD, and
above 3.5 an outlier. Here 1 / 0.6745 = 1.4826 is on the side of the MAD, and what is divided by is never smaller than
a difference that is taken seriously: without that, everything would stand out from values that are all the same.
"""

import math
from collections.abc import Sequence
from statistics import median
from typing import Final, NamedTuple

DEVIATIONS_PER_MAD: Final = 1.4826


class Score(NamedTuple):
    """How far a value is from the median of others, in multiples of `scale`."""

    median: float
    mad: float
    scale: float
    score: float


def robust_score(value: float, others: Sequence[float], least_scale: float) -> Score:
    """Return the score of a value against at least one other. `least_scale`: above zero."""
    middle = float(median(others))
    mad = float(median(abs(other - middle) for other in others))
    scale = max(DEVIATIONS_PER_MAD * mad, least_scale)
    return Score(middle, mad, scale, (value - middle) / scale)


def least_scale_of_count(middle: float) -> float:
    """Return the smallest difference between counts that is taken seriously: what chance alone does (Poisson)."""
    return max(1.0, math.sqrt(middle))


def least_scale_of_duration(middle_s: float) -> float:
    """Return the same for durations: twice the error of the bins, and the second that producers round to."""
    return max(1.0, 0.02 * middle_s)
