"""How deep the objects and arrays of a value may lie in each other: as deep, whoever asks.

JSON decoders stop where Python's stack does, which depends on who called them. But what a record is must depend on
its bytes alone: a processor may not refuse what another one counts.
"""

import re
from typing import Final

import numpy as np

DEEPEST: Final = 400
"""Less than any stack of ours leaves."""

_STRING: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)


def is_too_deep(value: bytes) -> bool:
    """Whether more than `DEEPEST` objects and arrays are open at once somewhere in JSON text; of other bytes, anything."""
    if len(value) <= DEEPEST or value.count(b"{") + value.count(b"[") <= DEEPEST:
        return False
    octets = np.frombuffer(_STRING.sub(b"", value), np.uint8)
    opens = (octets == ord("{")) | (octets == ord("["))
    closes = (octets == ord("}")) | (octets == ord("]"))
    depth = np.cumsum(opens.astype(np.int64) - closes)
    return bool(depth.max(initial=0) > DEEPEST)
