"""The rule of duplicates, pure: the first record of an identity counts, and so does one beyond the horizon."""

from collections.abc import Hashable, Iterable, MutableMapping
from typing import TypeVar

import numpy as np

from processor.decode.events import Bools
from processor.ids import UInt64s

IdentityT = TypeVar("IdentityT", bound=Hashable)


def first_ones(
    events: Iterable[tuple[IdentityT, int]], newest_ms: MutableMapping[IdentityT, int], horizon_ms: int
) -> list[bool]:
    """Return which events count, given as (identity, record time) in the order of the log.

    `newest_ms` holds the newest record time of each identity that came before, and is kept up to date. An event
    counts unless a record of its identity came before it in the log and is at most the horizon older.
    """
    counts = []
    for identity, time_ms in events:
        before_ms = newest_ms.get(identity)
        counts.append(before_ms is None or time_ms - before_ms > horizon_ms)
        newest_ms[identity] = time_ms if before_ms is None else max(before_ms, time_ms)
    return counts


def may_repeat(values: UInt64s) -> Bools:
    """Return which values occur more than once; of identities that were mixed into 64 bits, a few others too."""
    order = np.argsort(values)
    same = values[order[1:]] == values[order[:-1]]
    result = np.zeros(len(values), dtype=bool)
    result[order[1:][same]] = True
    result[order[:-1][same]] = True
    return result
