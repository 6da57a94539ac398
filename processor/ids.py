"""Ids of records: UUIDs in the 36-character form, in either case, as 128-bit integers."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

NIL_TEXT: Final = "00000000-0000-0000-0000-000000000000"
ID_LENGTH: Final = len(NIL_TEXT)
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LOW: Final = (1 << 64) - 1

UInt64s = npt.NDArray[np.uint64]
Int64s = npt.NDArray[np.int64]


@lru_cache(maxsize=1 << 16)
def parse_id(text: str) -> int:
    """Return the id. Raises ValueError for any other form, and for the nil UUID."""
    if not _UUID.fullmatch(text) or text == NIL_TEXT:
        raise ValueError("no UUID in the 36-character form, or the nil UUID")
    return int(text.replace("-", ""), 16)


def is_canonical(text: str) -> bool:
    """Whether a parsable id is written in lower case."""
    return text == text.lower()


def halves(ids: Sequence[int]) -> tuple[UInt64s, UInt64s]:
    """Return the upper and the lower 64 bits of ids: how they travel to ClickHouse."""
    upper = np.array([one >> 64 for one in ids], dtype=np.uint64)
    lower = np.array([one & _LOW for one in ids], dtype=np.uint64)
    return upper, lower
