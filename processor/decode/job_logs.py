"""Topic `job_logs`: one record a log line.

A regular EventKey is `log:<job>:<stream>:<number>`, from the second attempt on
`log:<job>:attempt:<attempt>:<stream>:<number>`, with the job in canonical spelling: such a line is known by its
stream and number. One of any other form is known by its EventKey, like a job. The EventKey decides, not the fields.
"""

import re
from typing import Annotated, Final, Literal

import msgspec
import numpy as np

from processor.decode.careful import STREAMS, UINT32_MAX, Line, Malformed, read_job_logs
from processor.decode.events import LINE, STDERR, Bools, Decoded, Keyed, Lines, Records, Rejected, Stream
from processor.decode.go_lines import SHORTEST, GoLines, cut
from processor.decode.keys import hashed_key
from processor.decode.nesting import is_too_deep
from processor.decode.times import EARLIEST_BEFORE_S, LATEST_AFTER_S, line_second
from processor.ids import ID_LENGTH, NIL_TEXT, Int64s, is_canonical, parse_id


class _PlainLine(msgspec.Struct, gc=False):
    """A line with all it needs; anything else is read carefully."""

    EventKey: str
    JobID: str
    WorkflowID: str
    UserID: str
    Message: str
    TimeStamp: str
    SequenceNum: Annotated[int, msgspec.Meta(ge=0, le=UINT32_MAX)]
    Stream: Literal["stdout", "stderr"]


class _Source:
    """What is the same in all lines of a stream, as their records spell it."""

    __slots__ = ("index", "job", "stream", "user", "workflow")

    def __init__(self, index: int, line: _PlainLine) -> None:
        self.index = index
        self.job, self.stream, self.user, self.workflow = (
            line.JobID,
            line.Stream,
            line.UserID,
            line.WorkflowID,
        )

    def is_of(self, line: _PlainLine) -> bool:
        return (
            self.job == line.JobID
            and self.stream == line.Stream
            and self.user == line.UserID
            and self.workflow == line.WorkflowID
        )


class _Lists:
    """Lines of one call, in lists that grow together; `at` is the position among its records."""

    def __init__(self) -> None:
        self.at: list[int] = []
        self.source: list[int] = []
        self.second: list[int] = []
        self.length: list[int] = []
        self.sequence: list[int] = []


_decode_line: Final = msgspec.json.Decoder(_PlainLine).decode
_NOT_PLAIN: Final = (msgspec.MsgspecError, ValueError, RecursionError)
_UNKNOWN: Final = -1  # in place of the index of a source
_REGULAR: Final = re.compile(
    r"log:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?::attempt:([1-9]\d{0,9}))?:(stdout|stderr):(0|[1-9]\d{0,9})",
    re.ASCII,
)


class LogDecoder:
    """Decodes records of topic `job_logs` of one batch; it remembers the streams of that batch."""

    def __init__(self, into: Decoded) -> None:
        self._into = into
        self._sources: dict[str, _Source] = {}
        self._cut_sources: dict[bytes, int] = {}  # as `GoLines` has them → the index of a source
        self._streams: dict[Stream, int] = {}
        self._owner_of: list[int] = []  # by the index of a source
        self._stream_of: list[int] = []

    def decode(self, chunk: Records) -> None:
        """Decode some records."""
        values = [record.value() or b"" for record in chunk.records]
        places = np.arange(len(values))
        if min(map(len, values)) >= SHORTEST:
            taken = self._take_cut(cut(values), places, chunk)
        else:
            taken = np.fromiter(map(len, values), np.int64, len(values)) >= SHORTEST
            long = places[taken]
            if len(long):
                taken[long] = self._take_cut(cut([values[place] for place in long.tolist()]), long, chunk)
        if not taken.all():
            self._read_singly(chunk, values, places[~taken].tolist())

    def _take_cut(self, lines: GoLines, places: Int64s, chunk: Records) -> Bools:
        """Take lines that were cut in bulk from the records at `places`; return which."""
        ahead_s = lines.second - chunk.times_ms[places] // 1000
        taken = lines.taken & (ahead_s > -EARLIEST_BEFORE_S) & (ahead_s < LATEST_AFTER_S - 1)
        sources = []
        for number, text in enumerate(lines.sources):
            source = self._cut_sources.get(text, _UNKNOWN)
            if source == _UNKNOWN and (taken & (lines.source == number)).any():
                source = self._cut_source(text)
            sources.append(source)
        source_of = np.array(sources)[lines.source]
        taken &= source_of != _UNKNOWN
        if taken.any():
            columns = source_of[taken], lines.second[taken], lines.message_bytes[taken], lines.sequence[taken]
            self._into.lines.append(self._columns(chunk, places[taken], *columns))
        return taken

    def _cut_source(self, text: bytes) -> int:
        """Return the index of a new source that was cut in bulk; _UNKNOWN when it is none."""
        try:
            ids = text.decode("ascii")
            job, stream = ids[:ID_LENGTH], ids[ID_LENGTH : -2 * ID_LENGTH]
            workflow, user = ids[-2 * ID_LENGTH : -ID_LENGTH], ids[-ID_LENGTH:]
            if stream not in STREAMS or not is_canonical(job):
                return _UNKNOWN
            source = self._add_source(Stream(parse_id(job), 1, stream), user, workflow)
        except ValueError:
            return _UNKNOWN
        self._cut_sources[text] = source
        return source

    def _read_singly(self, chunk: Records, values: list[bytes], places: list[int]) -> None:
        lines = _Lists()
        at, of, seconds, lengths, sequences = (
            lines.at,
            lines.source,
            lines.second,
            lines.length,
            lines.sequence,
        )
        sources = self._sources
        for place in places:
            value = values[place]
            try:
                line = _decode_line(value)
                if is_too_deep(value):
                    raise ValueError("it is nested too deeply")
                if not value.isascii():  # bytes outside of the fields are not checked
                    value.decode()
                prefix, _, number = line.EventKey.rpartition(":")
                source = sources.get(prefix)
                if source is None or not source.is_of(line):
                    source = self._new_source(prefix, line)
                sequence, message = line.SequenceNum, line.Message
                if number != str(sequence):
                    raise ValueError("the EventKey has another number than the field")
                second = line_second(line.TimeStamp, int(chunk.times_ms[place]))
            except _NOT_PLAIN:
                self._read_carefully(chunk, place)
                continue
            at.append(
                place
            )  # in line, for many lines come here: messages that need escaping, other time zones
            of.append(source.index)
            seconds.append(second)
            lengths.append(len(message) if message.isascii() else len(message.encode()))
            sequences.append(sequence)
        if at:
            columns = np.array(of), np.array(seconds), np.array(lengths), np.array(sequences)
            self._into.lines.append(self._columns(chunk, np.array(at), *columns))

    def _columns(
        self, chunk: Records, at: Int64s, source: Int64s, second: Int64s, length: Int64s, sequence: Int64s
    ) -> Lines:
        return Lines(
            owner=np.array(self._owner_of)[source],
            at_s=second,
            line_bytes=length,
            time_ms=chunk.times_ms[at],
            offset=chunk.offsets[at],
            stream=np.array(self._stream_of)[source],
            sequence=sequence,
        )

    def _new_source(self, prefix: str, line: _PlainLine) -> _Source:
        """Return the stream of a line whose EventKey is regular and agrees with its fields. Raises ValueError."""
        place = place_of(line.EventKey)
        if place is None or (place[0].job, place[0].name) != (parse_id(line.JobID), line.Stream):
            raise ValueError("the EventKey is not regular, or contradicts the fields")
        source = _Source(self._add_source(place[0], line.UserID, line.WorkflowID), line)
        self._sources[prefix] = source
        return source

    def _add_source(self, stream: Stream, user: str, workflow: str) -> int:
        """Return the index of a new source. Raises ValueError when user or workflow is no id."""
        self._owner_of.append(self._into.owners.of(user, workflow))
        self._stream_of.append(self._index_of(stream))
        return len(self._owner_of) - 1

    def _index_of(self, stream: Stream) -> int:
        index = self._streams.setdefault(stream, len(self._streams))
        if index == len(self._into.streams):
            self._into.streams.append(stream)
        return index

    def _read_carefully(self, chunk: Records, at: int) -> None:
        record = chunk.records[at]
        try:
            line = read_job_logs(record.value())
        except Malformed as error:
            self._into.rejected.append(Rejected(record, error.reason))
        else:
            self._take(line, chunk, at)

    def _take(self, line: Line, chunk: Records, at: int) -> None:
        owner = self._into.owners.of(line.user, line.workflow)
        second = line_second(line.time, int(chunk.times_ms[at]))
        fields = Stream(parse_id(line.job), 1, line.stream), line.sequence
        place = place_of(line.event_key) if line.event_key else fields
        if place is None:
            self._into.keyed.append(_keyed(line, owner, second, chunk, at))
            return
        stream, sequence = place
        row = (owner, second, line.message_bytes, chunk.times_ms[at], chunk.offsets[at])
        numbers = (*row, self._index_of(stream), sequence)
        self._into.lines.append(Lines(*(np.array([number]) for number in numbers)))


def place_of(event_key: str) -> tuple[Stream, int] | None:
    """Return stream and number of a regular EventKey, None for any other."""
    match = _REGULAR.fullmatch(event_key)
    if match is None:
        return None
    job, attempt, stream, number = match.groups()
    first_is_silent = attempt is None or int(attempt) > 1
    if not first_is_silent or max(int(attempt or 1), int(number)) > UINT32_MAX or job == NIL_TEXT:
        return None
    return Stream(parse_id(job), int(attempt or 1), stream), int(number)


def _keyed(line: Line, owner: int, second: int, chunk: Records, at: int) -> Keyed:
    hi, lo = hashed_key(line.event_key)
    one, here = np.ones(1, np.int64), slice(at, at + 1)
    return Keyed(
        owner=one * owner,
        at_s=one * second,
        event=one * LINE,
        amount=one * line.message_bytes,
        detail=one * (STDERR if line.stream == "stderr" else 0),
        time_ms=chunk.times_ms[here],
        offset=chunk.offsets[here],
        key_hi=np.array([hi], np.uint64),
        key_lo=np.array([lo], np.uint64),
        has_key=one.astype(bool),
    )
