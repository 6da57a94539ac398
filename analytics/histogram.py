"""Bins of durations: logarithmic, so that a bin tells a duration within 1% of its value, and counts merge exactly.

The mapping is that of DDSketch (Masson, Rim, Lee: "DDSketch: A fast and fully-mergeable quantile sketch with
relative-error guarantees", VLDB 2019, section 2.1): with gamma = (1 + a) / (1 - a), bin i holds the durations in
(gamma^(i-1), gamma^i], and 2 gamma^i / (gamma + 1) is within a share a of each. Bin 0 holds zero, bin 1 is one second.
The bins are in the tables: neither the mapping nor its error may ever be changed.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

RELATIVE_ERROR: Final = 0.01
RESOLUTION_S: Final = 1
"""What producers round durations to."""

_GAMMA: Final = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)

Int64s = npt.NDArray[np.int64]


def bins(seconds: Int64s) -> Int64s:
    """Return the bins of durations in whole seconds, 0 or more."""
    found: Int64s = np.searchsorted(_UPPER_BOUNDS, seconds, side="left").astype(np.int64)
    return found


def value_s(number: int) -> float:
    """Return the duration that stands for a bin, in seconds."""
    return float(_VALUES[number])


def _upper_bounds() -> npt.NDArray[np.float64]:
    """Return the largest duration of each bin; the last one holds more than a job may run (366 days)."""
    exponents = np.arange(int(np.ceil(np.log(2**32) / np.log(_GAMMA))) + 1)
    return np.concatenate(([0.0], _GAMMA**exponents))


def _values() -> npt.NDArray[np.float64]:
    """Return what stands for each bin: its only whole second, where it has just one; below 50 seconds all are so."""
    longest = np.floor(_UPPER_BOUNDS)
    whole = np.diff(longest, prepend=-1.0)
    return np.where(whole == 1, longest, _UPPER_BOUNDS * 2 / (_GAMMA + 1))


_UPPER_BOUNDS: Final = _upper_bounds()
_VALUES: Final = _values()
BINS: Final = len(_VALUES)
