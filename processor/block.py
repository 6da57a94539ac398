"""What one guarded insert sends: the row of the checkpoint, and the rows that its batch changes."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

import numpy as np
import numpy.typing as npt

from processor.decode.events import Failure
from processor.fold import CHECKPOINT, Rows
from processor.ids import halves
from processor.measures import COUNTERS, MEASURES
from processor.model import OffsetRange

Column = npt.NDArray[Any]

_KEY: Final = {
    "resolution": "Int8",
    "user_hi": "UInt64",
    "user_lo": "UInt64",
    "workflow_hi": "UInt64",
    "workflow_lo": "UInt64",
    "bucket_s": "UInt32",
}
_CHECKPOINT: Final = {
    "checkpoint_rows": "Int64",
    "offset_delta": "Int64",
    "next_offset": "Int64",
    "leader_epoch": "Int32",
    "generation": "Int64",
}
_UNKNOWN_EPOCH: Final = -1
_TYPES: Final = (
    _KEY
    | _CHECKPOINT
    | {name: one.sql_type for name, one in MEASURES.items()}
    | dict.fromkeys(COUNTERS, "String")
)
_DTYPES: Final = {
    "Int8": np.int8,
    "Int32": np.int32,
    "Int64": np.int64,
    "UInt32": np.uint32,
    "UInt64": np.uint64,
}

_INTO = "resolution, user_id, workflow_id, bucket_start"
_FROM = """i.resolution,
    reinterpretAsUUID(bitOr(bitShiftLeft(toUInt128(i.user_lo), 64), toUInt128(i.user_hi))),
    reinterpretAsUUID(bitOr(bitShiftLeft(toUInt128(i.workflow_lo), 64), toUInt128(i.workflow_hi))),
    i.bucket_s"""
_COUNTER = """mapFromArrays(
        arrayMap(cell -> {thing}, reinterpret(i.{name}, 'Array(UInt64)')),
        arrayMap(cell -> bitAnd(cell, 281474976710655), reinterpret(i.{name}, 'Array(UInt64)')))"""
_THING = "toUInt16(bitShiftRight(cell, 48))"
_FAILURE = "[{failures}][bitShiftRight(cell, 48) + 1]"


class Block(NamedTuple):
    """Columns of equal length, by name. The first row is that of the checkpoint."""

    columns: dict[str, Column]
    failures: Sequence[Failure] = ()

    @property
    def into(self) -> str:
        """The columns of table `analytics` that the insert names; all others keep their defaults."""
        return ", ".join((_INTO, *self._beside_key()))

    @property
    def selected(self) -> str:
        """What goes into them, in SQL, from the columns of table `i`."""
        return ",\n    ".join((_FROM, *(self._value(name) for name in self._beside_key())))

    @property
    def structure(self) -> str:
        """Names and types of what is sent, in the order of `columns`."""
        return ", ".join(f"{name} {_TYPES[name]}" for name in self.columns)

    def _beside_key(self) -> list[str]:
        return [name for name in self.columns if name not in _KEY]

    def _value(self, name: str) -> str:
        if name not in COUNTERS:
            return f"i.{name}"
        failures = ", ".join(f"'{one.kind} {one.code}'" for one in self.failures)  # both are words
        thing = _FAILURE.format(failures=failures) if name == "failures" else _THING
        return _COUNTER.format(name=name, thing=thing)


def checkpoint_row(
    partition_id: UUID, offsets: OffsetRange, *, started: int = 0, leader_epoch: int = -1, generation: int = 0
) -> Block:
    """Return the row of a checkpoint alone. `generation` is added to the others'."""
    (hi,), (lo,) = halves([partition_id.int])
    values = {
        "resolution": CHECKPOINT,
        "user_hi": 0,
        "user_lo": 0,
        "workflow_hi": hi,
        "workflow_lo": lo,
        "bucket_s": 0,
        "checkpoint_rows": started,
        "offset_delta": offsets.end - offsets.first,
        "next_offset": offsets.end,
        "leader_epoch": leader_epoch,
        "generation": generation,
    }
    return Block({name: np.array([value], _DTYPES[_TYPES[name]]) for name, value in values.items()})


def with_rows(checkpoint: Block, rows: Rows) -> Block:
    """Return the block with rows behind the row of the checkpoint."""
    count = len(rows.resolution)
    columns: dict[str, Column] = {
        name: _behind(checkpoint.columns[name], getattr(rows, name)) for name in _KEY
    }
    for name, numbers in rows.numbers.items():
        neutral = np.array([MEASURES[name].neutral], _DTYPES[MEASURES[name].sql_type])
        columns[name] = _behind(neutral, numbers)
    for name, counted in rows.counters.items():
        columns[name] = np.concatenate((np.array([b""], object), counted))
    for name in _CHECKPOINT:
        none = _UNKNOWN_EPOCH if name == "leader_epoch" else 0
        columns[name] = _behind(checkpoint.columns[name], np.full(count, none))
    return Block(columns, rows.failures)


def _behind(first: Column, more: Column) -> Column:
    return np.concatenate((first, more.astype(first.dtype)))
