"""Where a measurement takes place: one broker with full topics, and a fresh ClickHouse for every run."""

import os
import shutil
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final

from benchmarks.fill import Filled
from sandbox.broker import LocalBroker

_LARGE_BYTES: Final = 1 << 20


@dataclass
class Setting:
    """What the contenders of one kind share. `prepared`: a stopped ClickHouse with what was there before."""

    directory: Path
    broker: LocalBroker
    filled: Filled
    prepared: Path
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    def new_directory(self) -> Path:
        """Return an empty directory for one run."""
        path = self.directory / f"{self.filled.kind}-{next(self._numbers)}"
        path.mkdir(parents=True)
        return path

    def new_clickhouse(self) -> Path:
        """Return the directory of a ClickHouse that has what was prepared, which stays as it is."""
        path = self.new_directory()
        shutil.copytree(self.prepared, path, symlinks=True, dirs_exist_ok=True, copy_function=_link_or_copy)
        return path


def _link_or_copy(source: str, target: str) -> None:
    """Link what is large: only files of parts are, and ClickHouse never changes those."""
    if Path(source).stat().st_size >= _LARGE_BYTES:
        os.link(source, target)
    else:
        shutil.copy2(source, target)
