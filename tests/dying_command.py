"""An operator's command that kills itself: `python -m tests.dying_command STEP command…`.

It dies with SIGKILL when it tells that it begins STEP (of `skip`), or that table number STEP is exchanged (of
`rebuild --switch`), counted from 1. The program is the real one: only what it tells its user is listened to.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any


def dying(note: Callable[..., Any], at: int) -> Callable[..., Any]:
    """A note that is the last one, the `at`-th time."""
    told = 0

    def tell(*words: Any) -> None:
        nonlocal told
        told += 1
        if told == at:
            os.kill(os.getpid(), signal.SIGKILL)
        note(*words)

    return tell


def main(at: int, command: list[str]) -> None:
    from processor import skipping, switching
    from processor.__main__ import main as processor
    from processor.operate import switch as operate_switch

    skip_init, exchange = skipping.Skipping.__init__, switching.exchange
    skipping.Skipping.__init__ = lambda self, *stores_and_note: skip_init(
        self, *stores_and_note[:-1], dying(stores_and_note[-1], at)
    )
    operate_switch.exchange = lambda connection, names, note: exchange(connection, names, dying(note, at))
    processor(command)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
