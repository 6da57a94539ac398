"""Log lines as Chronoverse's Go program prints them, cut into fields in bulk. See `forms`.

    {"EventKey":"log:<job>:<stream>:<number>","JobID":"<job>","WorkflowID":"<id>","UserID":"<id>","Message":"<text>",
     "TimeStamp":"<time>","SequenceNum":<number>,"Stream":"<stream>","Retention":<flag>,"LivePublished":<flag>}

Lines of a first attempt whose message needs no escaping, which are nearly all. The others are for the caller.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from processor.decode.events import Bools
from processor.decode.forms import Buffer, Octets, Pattern, numbers, runs, utc_seconds
from processor.ids import Int64s

_KEY: Final = Pattern(b'{"EventKey":"log:<job:36>:<stream:6>:')
_IDS: Final = Pattern(b'","JobID":"<job:36>","WorkflowID":"<workflow:36>","UserID":"<user:36>","Message":"')
_TIME: Final = Pattern(b'","TimeStamp":"')
_NUMBER: Final = Pattern(b'","SequenceNum":')
_STREAM: Final = Pattern(b',"Stream":"<stream:6>","Retention":')
_PUBLISHED: Final = Pattern(b',"LivePublished":')
_MOST_DIGITS: Final = 8
_LONGEST_TIME: Final = len("2026-03-01T10:00:00.123456789Z")
_TRUE, _BEFORE_TRUE = np.uint64(int.from_bytes(b"true", "little")), np.uint64(32)
_FALSE, _BEFORE_FALSE = np.uint64(int.from_bytes(b"false", "little")), np.uint64(24)
_QUOTE, _BACKSLASH, _SPACE, _TILDE = b'"\\ ~'
SHORTEST: Final = (
    _KEY.length + _IDS.length + _TIME.length + _NUMBER.length + _STREAM.length + _PUBLISHED.length
)


class GoLines(NamedTuple):
    """Lines, a row each; only rows that are `taken` mean anything.

    `source` says which of `sources` a row is of: job, stream, workflow and user beside each other. Job and stream
    are not checked to be any.
    """

    taken: Bools
    source: Int64s
    sources: list[bytes]
    second: Int64s
    message_bytes: Int64s
    sequence: Int64s


def cut(values: Sequence[bytes]) -> GoLines:
    """Cut values of at least `SHORTEST` bytes."""
    buffer = Buffer(values)
    octets, starts, ends = buffer.octets, buffer.starts, buffer.ends
    key = _KEY.at(buffer, starts)
    number = starts + _KEY.length
    number_end = number + _length_before_quote(buffer.windows(number, _MOST_DIGITS + 1))
    ids = _IDS.at(buffer, number_end)
    message = number_end + _IDS.length
    published = ends - 1 - _length_of_flag(octets, ends - 1) - _PUBLISHED.length
    retention = published - _length_of_flag(octets, published)
    stream = _STREAM.at(buffer, retention - _STREAM.length)
    again_end = retention - _STREAM.length
    again = again_end - (number_end - number)
    time_end = again - _NUMBER.length
    time = time_end - _length_after_quote(buffer.windows(time_end - _LONGEST_TIME - 1, _LONGEST_TIME + 1))
    message_end = time - _TIME.length

    sequence, text, taken = numbers(buffer, number, number_end)
    _, text_again, valid = numbers(buffer, again, again_end)
    second, is_time = utc_seconds(buffer, time, time_end)
    taken &= valid & (text == text_again) & is_time & (octets[ends - 1] == ord("}"))
    taken &= key.matches & ids.matches & stream.matches & (message_end >= message)
    for pattern, at in ((_TIME, message_end), (_NUMBER, time_end), (_PUBLISHED, published)):
        taken &= pattern.at(buffer, at).matches
    taken &= _same(key.hole("job"), ids.hole("job")) & _same(key.hole("stream"), stream.hole("stream"))
    taken &= _flags(buffer, retention, published) & _flags(buffer, published + _PUBLISHED.length, ends - 1)
    taken[taken] = _needs_no_escape(buffer, message[taken], message_end[taken])
    of = key.hole("job"), key.hole("stream"), ids.hole("workflow"), ids.hole("user")
    source, sources = runs(np.concatenate(of, axis=1))
    return GoLines(taken, source, sources, second, message_end - message, sequence.astype(np.int64))


def _length_before_quote(rows: Octets) -> Int64s:
    """Return how many octets come before the first quote of each row; 0 when there is none."""
    length: Int64s = (rows == _QUOTE).argmax(axis=1)
    return length


def _length_after_quote(rows: Octets) -> Int64s:
    """Return how many octets come behind the last quote of each row; 0 when there is none."""
    length: Int64s = (rows[:, ::-1] == _QUOTE).argmax(axis=1)
    return length


def _length_of_flag(octets: Octets, ends: Int64s) -> Int64s:
    return np.where(octets[ends - len("false")] == ord("f"), len("false"), len("true"))


def _flags(buffer: Buffer, starts: Int64s, ends: Int64s) -> Bools:
    """Return which of the values between positions are `true` or `false`."""
    words, lengths = buffer.words(ends), ends - starts
    is_true: Bools = (words >> _BEFORE_TRUE == _TRUE) & (lengths == len("true"))
    is_true |= (words >> _BEFORE_FALSE == _FALSE) & (lengths == len("false"))
    return is_true


def _same(left: Octets, right: Octets) -> Bools:
    same: Bools = (left == right).all(axis=1)
    return same


def _needs_no_escape(buffer: Buffer, starts: Int64s, ends: Int64s) -> Bools:
    """Return which stretches hold nothing but ASCII without quotes, backslashes and control characters."""
    if not len(starts):
        return np.zeros(0, bool)
    special = buffer.octets == _QUOTE
    if b"\\" in buffer.joined:
        special |= buffer.octets == _BACKSLASH
    if not buffer.joined.isascii() or buffer.octets.min() < _SPACE:
        special |= buffer.octets - np.uint8(_SPACE) > _TILDE - _SPACE  # below the space it wraps around
    edges = np.stack((starts, ends), axis=1).ravel()
    found = np.maximum.reduceat(special.view(np.uint8), edges)[::2]
    clean: Bools = (found == 0) | (starts == ends)
    return clean
