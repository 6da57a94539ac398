"""Records of a known form, taken apart in bulk: their bytes are compared with the form, and fields are cut out.

Nearly all records are printed by the same few lines of code, so that they agree in every byte but those of their
fields. What does not agree is for the other decoders; what does is JSON of exactly that form, because the bytes
around the fields were compared and each field was found to be a number, an id and so on, with nothing to escape.
"""

import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from processor.decode.events import Bools
from processor.decode.times import utc_second
from processor.ids import Int64s, UInt64s

Octets = npt.NDArray[np.uint8]

_HOLE: Final = re.compile(rb"<(\w+):(\d+)>")
_WORD: Final = 8  # octets
_BITS: Final = 8  # of an octet
_PADDING: Final = b" " * 512  # more than any pattern is long, so that windows at the edges are in the buffer
_CLOCK_LENGTH: Final = len("2026-03-01T10:00:00")
_MOST_FRACTION: Final = 9
_ZERO, _NINE, _HYPHEN = ord("0"), 9, ord("-")
_HYPHENS: Final = (8, 13, 18, 23)

_LOW_NIBBLES: Final = np.uint64(0x0F0F0F0F0F0F0F0F)
_HIGH_NIBBLES: Final = ~_LOW_NIBBLES
_ALL: Final = np.uint64(2**64 - 1)
_LOW_BITS: Final = np.uint64(0x0101010101010101)
_SIXES: Final = np.uint64(0x0606060606060606)
_ZEROS: Final = np.uint64(0x3030303030303030)
_FOUR, _SIX, _LETTER, _TO_LOWER = np.uint64(4), np.uint64(6), np.uint64(9), np.uint64(39)


class Pattern:
    """Text with holes of fixed width, as in `b'"UserID":"<user:36>"'`. Holes may hold anything: check what they do."""

    def __init__(self, text: bytes) -> None:
        fixed, compared, end = b"", b"", 0
        holes: dict[str, tuple[int, int]] = {}
        for match in _HOLE.finditer(text):
            literal, width = text[end : match.start()], int(match[2])
            fixed, compared = fixed + literal, compared + b"\xff" * len(literal)
            holes[match[1].decode()] = len(fixed), width
            fixed, compared, end = fixed + bytes(width), compared + bytes(width), match.end()
        fixed, compared = fixed + text[end:], compared + b"\xff" * len(text[end:])
        self.length = len(fixed)
        self.width = (
            -(-self.length // _WORD) * _WORD
        )  # in whole words, with bytes before it that are not compared
        before = self.width - self.length
        self._fixed = np.frombuffer(bytes(before) + fixed, np.uint64)
        self._compared = np.frombuffer(bytes(before) + compared, np.uint64)
        self._holes = {name: slice(before + at, before + at + width) for name, (at, width) in holes.items()}

    def at(self, buffer: "Buffer", starts: Int64s) -> "Found":
        """Compare what stands at these positions of a buffer."""
        rows = buffer.windows(starts - (self.width - self.length), self.width)
        differ = (rows.view(np.uint64) ^ self._fixed) & self._compared
        return Found(np.bitwise_or.reduce(differ, axis=1) == 0, rows, self._holes)


class Found(NamedTuple):
    """Where a pattern was looked for: which rows have it, and what is in its holes."""

    matches: Bools
    rows: Octets
    holes: dict[str, slice]

    def hole(self, name: str) -> Octets:
        """Return what is in a hole, a row each."""
        return self.rows[:, self.holes[name]]


class Buffer:
    """The values of some records behind each other. `starts` and `ends` are positions in `octets`."""

    def __init__(self, values: Sequence[bytes]) -> None:
        self.joined = b"".join((_PADDING, *values, _PADDING))
        self.octets: Octets = np.frombuffer(self.joined, np.uint8)
        lengths = np.fromiter(map(len, values), np.int64, len(values))
        self.ends: Int64s = np.cumsum(lengths) + len(_PADDING)
        self.starts: Int64s = self.ends - lengths

    def words(self, ends: Int64s) -> UInt64s:
        """Return the eight octets before each position; the last one is the most significant."""
        return self.windows(ends - _WORD, _WORD).view("<u8")[:, 0]

    def windows(self, starts: Int64s, width: int) -> Octets:
        """Return `width` octets from each position on, a row each."""
        dtype: Any = np.dtype((np.void, width))
        places = np.ndarray((len(self.octets) - width + 1,), dtype, self.joined, strides=(1,))
        return places[starts].view(np.uint8).reshape(len(starts), width)


def texts(*columns: Octets) -> list[bytes]:
    """Return the columns beside each other, one bytes object a row."""
    joined = np.concatenate(columns, axis=1)
    width = joined.shape[1]
    whole = joined.tobytes()
    return [whole[at : at + width] for at in range(0, len(whole), width)]


def id_halves(rows: Octets) -> tuple[UInt64s, UInt64s, Bools]:
    """Return upper and lower halves of ids in 36 characters, and which rows are ids in lower case."""
    text = np.empty((len(rows), 32), np.uint8)
    text[:, :8], text[:, 8:12], text[:, 12:16] = rows[:, :8], rows[:, 9:13], rows[:, 14:18]
    text[:, 16:20], text[:, 20:] = rows[:, 19:23], rows[:, 24:]
    words = text.view(np.uint64)  # eight characters at a time
    digits = (words & _LOW_NIBBLES) + (words >> _SIX & _LOW_BITS) * _LETTER
    again = digits + _ZEROS + (digits + _SIXES >> _FOUR & _LOW_BITS) * _TO_LOWER
    wrong = again ^ words | digits & _HIGH_NIBBLES
    valid = np.bitwise_or.reduce(wrong, axis=1) == 0
    for at in _HYPHENS:
        valid &= rows[:, at] == _HYPHEN
    nibbles = digits.view(np.uint8)
    halves = (nibbles[:, ::2] << 4 | nibbles[:, 1::2]).view(">u8").astype(np.uint64)
    return halves[:, 0], halves[:, 1], valid


def numbers(buffer: Buffer, starts: Int64s, ends: Int64s) -> tuple[UInt64s, UInt64s, Bools]:
    """Return numbers, their texts as words, and which are written in one to eight digits as JSON writes integers.

    Eight digits at a time: https://kholdstare.github.io/technical/2020/05/26/faster-integer-parsing.html
    """
    lengths = ends - starts
    valid = (lengths >= 1) & (lengths <= _WORD) & ((lengths == 1) | (buffer.octets[starts] != _ZERO))
    missing = (np.clip(_WORD - lengths, 0, _WORD - 1) * _BITS).astype(np.uint64)
    words = buffer.words(ends)
    words = words >> missing << missing | _ZEROS & ~(
        _ALL << missing
    )  # what is before the number becomes zeros
    valid &= (words & _HIGH_NIBBLES == _ZEROS) & (words + _SIXES & _HIGH_NIBBLES == _ZEROS)
    value = (words & _LOW_NIBBLES) * np.uint64(10 * 2**8 + 1) >> np.uint64(8) & np.uint64(0x00FF00FF00FF00FF)
    value = value * np.uint64(100 * 2**16 + 1) >> np.uint64(16) & np.uint64(0x0000FFFF0000FFFF)
    return value * np.uint64(10_000 * 2**32 + 1) >> np.uint64(32), words, valid


def runs(rows: Octets) -> tuple[Int64s, list[bytes]]:
    """Return the number of each row's run, from 0 on, and what the rows of each run hold: equal neighbours are one."""
    width = rows.shape[1]
    padded = np.zeros((len(rows), -(-width // _WORD) * _WORD), np.uint8)
    padded[:, :width] = rows
    words = padded.view(np.uint64)
    is_new = np.ones(len(rows), bool)
    is_new[1:] = np.bitwise_or.reduce(words[1:] ^ words[:-1], axis=1) != 0
    return np.cumsum(is_new) - 1, texts(rows[is_new])


def utc_seconds(buffer: Buffer, starts: Int64s, ends: Int64s) -> tuple[Int64s, Bools]:
    """Return Unix seconds, rounded down, of the times between positions, and which are RFC 3339 with a `Z`."""
    run, clocks = runs(buffer.windows(starts, _CLOCK_LENGTH))
    seconds = [utc_second(one.decode("latin-1")) for one in clocks]
    known = np.array([one is not None for one in seconds])[run]
    return np.array([one or 0 for one in seconds], np.int64)[run], known & _has_fraction_and_z(
        buffer, starts, ends
    )


def _has_fraction_and_z(buffer: Buffer, starts: Int64s, ends: Int64s) -> Bools:
    octets, lengths = buffer.octets, ends - starts
    places = lengths - _CLOCK_LENGTH - len("Z.")  # digits of the fraction; -1: there is none
    digits = buffer.windows(ends - 1 - _MOST_FRACTION, _MOST_FRACTION) - np.uint8(_ZERO)
    digits[np.arange(_MOST_FRACTION) < (_MOST_FRACTION - places)[:, None]] = 0
    fraction = (places >= 1) & (places <= _MOST_FRACTION) & (octets[starts + _CLOCK_LENGTH] == ord("."))
    has_it: Bools = (fraction & (digits <= _NINE).all(axis=1)) | (places == -1)
    has_it &= octets[ends - 1] == ord("Z")
    return has_it
