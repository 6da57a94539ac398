"""A filter in memory that knows most keys to be fresh, so that only few have to be looked up in the index.

A blocked Bloom filter: each key sets four bits of one 64-bit word (Putze, Sanders, Singler: "Cache-, Hash- and
Space-Efficient Bloom Filters", 2007). It holds every key of its partition, from its floor on, below the offset
that its owner keeps beside it: so "not in here" means fresh, while "in here" and "older than the floor" mean ask.
"""

from typing import Final

import numpy as np

from processor.decode.events import Bools
from processor.ids import UInt64s

BITS_PER_KEY: Final = 16
_BITS_OF_A_KEY: Final = 4
_MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)
_HALF: Final = np.uint64(32)
_ONE: Final = np.uint64(1)
_SIX_BITS: Final = np.uint64(63)


def mixed(hi: UInt64s, lo: UInt64s) -> UInt64s:
    """Return 64 well mixed bits of each key."""
    value = (hi ^ (lo << _HALF | lo >> _HALF)) * _MULTIPLIER
    value ^= value >> _HALF
    return (value + lo) * _MULTIPLIER


class SeenKeys:
    """The filter of one partition, of a fixed size. Keys may be added twice."""

    def __init__(self, size_bytes: int) -> None:
        words = 1 << (size_bytes // 8).bit_length() - 1
        self._words = np.zeros(words, dtype=np.uint64)
        self._shift = np.uint64(64 - words.bit_length() + 1)
        self._floor_hi = np.uint64(0)
        self._capacity = words * 64 // BITS_PER_KEY
        self._count = 0

    @property
    def is_full(self) -> bool:
        """Whether more keys would make it answer "ask" too often: time to load a new one."""
        return self._count >= self._capacity

    def may_have(self, hi: UInt64s, lo: UInt64s) -> Bools:
        """Return which keys have to be looked up; every other one is fresh."""
        words, bits = self._places(hi, lo)
        asked: Bools = (self._words[words] & bits == bits) | (hi < self._floor_hi)
        return asked

    def know_from(self, floor_hi: int) -> None:
        """Have all keys looked up that are below: some of them may not be in here."""
        self._floor_hi = np.uint64(floor_hi)

    def add(self, hi: UInt64s, lo: UInt64s) -> None:
        """Remember keys."""
        words, bits = self._places(hi, lo)
        np.bitwise_or.at(self._words, words, bits)
        self._count += len(hi)

    def _places(self, hi: UInt64s, lo: UInt64s) -> tuple[UInt64s, UInt64s]:
        """Return the word of each key and its bits there."""
        value = mixed(hi, lo)
        bits = np.zeros_like(value)
        for number in range(_BITS_OF_A_KEY):
            bits |= _ONE << (value >> np.uint64(6 * number) & _SIX_BITS)
        return value >> self._shift, bits
