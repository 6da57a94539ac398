"""Starting this very program again, in the same process."""

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final, NoReturn

STRANDED: Final = "a client of Kafka reached no broker, although there is one"
"""Why a processor begins anew: see processor.stranded."""

_STANDARD: Final = 3  # input, output, errors: files below this number stay open


def become_anew() -> NoReturn:
    """Replace this process by a new run of the same command line and environment; its id stays. To be called last."""
    _close_files_at_exec()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 -- there is no shell, by intention


def _close_files_at_exec() -> None:
    """Python's own files are closed anyway, those of libraries are not: they would become more each time."""
    for name in Path("/proc/self/fd").iterdir():
        if int(name.name) >= _STANDARD:
            with suppress(OSError):  # the one that lists them is closed already
                os.set_inheritable(int(name.name), False)
