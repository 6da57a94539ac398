"""Rows of text that were met before, found in bulk: a dictionary for arrays, which makes no object of Python a row."""

from typing import Final

import numpy as np
import numpy.typing as npt

from processor.ids import Int64s, UInt64s

UNKNOWN: Final = -1
_PLACES_BITS: Final = 17  # 131,072 places, 0.5 MB, for at most 25,000 rows or so
_FIRST_CAPACITY: Final = 1_024
_HALF: Final = np.uint64(32)
_TO_PLACE: Final = np.uint64(64 - _PLACES_BITS)
_MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)


class KnownRows:
    """Rows of `width` octets, a multiple of eight, each with a number from 0 on.

    Each row has two places in a table, and what is found there is compared in full. A row whose places were taken
    by others stays unknown: callers have a slower way for what is unknown.
    """

    def __init__(self, width: int) -> None:
        self._words = width // 8
        odd = np.arange(1, 2 * self._words, 2, dtype=np.uint64)
        self._multipliers = odd * _MULTIPLIER | np.uint64(1)
        self._numbers = np.full(1 << _PLACES_BITS, UNKNOWN, np.int32)
        self._rows = np.zeros((_FIRST_CAPACITY, self._words), np.uint64)  # by number

    def find(self, rows: npt.NDArray[np.uint8]) -> Int64s:
        """Return the number of each row, UNKNOWN for the others."""
        words = rows.view(np.uint64)
        value = self._mixed(words)
        found = self._at(value >> _TO_PLACE, words)
        missed = np.flatnonzero(found == UNKNOWN)
        found[missed] = self._at(_second(value[missed]), words[missed])
        return found

    def add(self, rows: npt.NDArray[np.uint8], numbers: Int64s) -> None:
        """Remember rows, or let those be unknown whose places are taken. A row may come again, with its number."""
        if not len(numbers):
            return
        while numbers.max() >= len(self._rows):
            self._rows = np.concatenate((self._rows, np.zeros_like(self._rows)))
        words = rows.view(np.uint64)
        self._rows[numbers] = words
        value = self._mixed(words)
        left = ~self._take(value >> _TO_PLACE, numbers)
        self._take(_second(value[left]), numbers[left])

    def _take(self, places: UInt64s, numbers: Int64s) -> npt.NDArray[np.bool_]:
        """Give places to rows unless they are taken; return which rows have theirs."""
        is_free = self._numbers[places] == UNKNOWN
        self._numbers[places[is_free]] = numbers[is_free]  # of several that want one, the last
        has_it: npt.NDArray[np.bool_] = self._numbers[places] == numbers
        return has_it

    def _mixed(self, words: UInt64s) -> UInt64s:
        value: UInt64s = words[:, 0] * self._multipliers[0]
        for at in range(1, self._words):
            value += words[:, at] * self._multipliers[at]
        value ^= value >> _HALF
        value *= _MULTIPLIER
        return value

    def _at(self, places: UInt64s, words: UInt64s) -> Int64s:
        numbers = self._numbers[places].astype(np.int64)
        differ = np.bitwise_or.reduce(self._rows[numbers] ^ words, axis=1) != 0
        numbers[differ] = UNKNOWN
        return numbers


def _second(value: UInt64s) -> UInt64s:
    return (value * _MULTIPLIER) >> _TO_PLACE
