"""`chronoverse-processor import`, which kills itself (SIGKILL): `python -m tests.dying_import POINT command…`.

The program is the real one: its functions are wrapped from outside before it starts. Batches are small, so that a small
snapshot has many.
"""

import os
import signal
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

BATCH_ROWS = 15

POINTS = {
    "copying": "some of the rows are copied",
    "copied": "all of them are, the import is not sealed",
    "sealed": "it is",
    "lineage": "the lineage of one topic is stored",
    "begun": "a partition is begun at the offset of the Go programs",
    "index": "index rows are written, the numbers are not",
    "inserted": "numbers of a batch are inserted, the checkpoint is not read back",
    "applied": "everything is imported, the copied rows are not dropped",
}


def main(point: str, command: list[str]) -> None:
    from processor.importing import apply, spool
    from processor.ledger import Ledger
    from processor.operate import import_totals

    spool.BATCH_ROWS = BATCH_ROWS
    places: dict[str, tuple[Any, str, int]] = {
        "copying": (spool, "_write", 3),
        "copied": (import_totals, "is_whole", 1),
        "sealed": (import_totals, "seal", 1),
        "lineage": (apply, "store_generation", 1),
        "begun": (Ledger, "begin", 3),
        "index": (apply.EventIndex, "write", 2),
        "inserted": (Ledger, "insert", 3),
        "applied": (apply.Applying, "apply", 1),
    }
    owner, name, nth = places[point]
    setattr(owner, name, dying(getattr(owner, name), nth))
    from processor.__main__ import main as processor

    processor(command)


def dying(function: Callable[..., Any], nth: int) -> Callable[..., Any]:
    """The function, whose `nth` call is the last thing that happens."""
    calls = 0

    @wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        nonlocal calls
        result = function(*args, **options)
        calls += 1
        if calls == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return call


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
