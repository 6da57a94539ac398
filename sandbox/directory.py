"""The directory of one sandbox: whose it is, what lies where, and what runs there now."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

import msgspec

from sandbox.errors import DirectoryRefused

_MARKER: Final = ".chronoverse-sandbox"


class Pids(msgspec.Struct, frozen=True, kw_only=True):
    """Process ids. A processor or the service may get a new one while the sandbox runs."""

    supervisor: int
    clickhouse: int
    broker: int
    service: int
    processors: tuple[int, ...]
    shards: tuple[int, ...] = ()


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """Paths of the PEM files of the key pair."""

    private: str
    public: str


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """What `sandbox.json` says; it exists only while everything answers. Addresses are host:port.

    `shards`: further ClickHouse servers.
    """

    grpc: str
    kafka: str
    clickhouse: str
    pids: Pids
    keys: Keys
    topics: tuple[str, ...]
    shards: tuple[str, ...] = ()


class SandboxDirectory:
    """A directory that one sandbox at a time may own. Nothing is read or written before `claim()`."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.logs = self.path / "logs"
        self.clickhouse = self.path / "clickhouse"
        self.private_key = self.path / "keys" / "auth.ed"
        self.public_key = self.path / "keys" / "auth.ed.pub"
        self._running = self.path / "sandbox.json"

    @contextmanager
    def claim(self) -> Iterator[Self]:
        """Own the directory, emptied of a former run. Raises DirectoryRefused: it is not ours, or in use."""
        self._refuse_foreign()
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / _MARKER).open("a+") as marker:
            try:
                fcntl.flock(marker, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DirectoryRefused(f"{self.path} is in use by a running sandbox: {self._who()}") from None
            self._clear()
            try:
                yield self
            finally:
                self.withdraw()

    def publish(self, running: Running) -> None:
        """Write `sandbox.json` at once: a reader sees the former or the new one."""
        draft = self._running.with_suffix(".draft")
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(running), indent=2) + b"\n")
        draft.replace(self._running)

    def withdraw(self) -> None:
        """Remove `sandbox.json`: not everything answers any more."""
        self._running.unlink(missing_ok=True)

    def running(self) -> Running:
        """Return what runs here. Raises DirectoryRefused when nothing does."""
        if (running := self._read()) and self._is_claimed():
            return running
        raise DirectoryRefused(
            f"no sandbox is ready in {self.path}: start one with `chronoverse-sandbox up --data {self.path}`"
        )

    def _read(self) -> Running | None:
        try:
            return msgspec.json.decode(self._running.read_bytes(), type=Running)
        except FileNotFoundError:
            return None

    def _is_claimed(self) -> bool:
        """Whether a living sandbox owns the directory: one that was killed leaves `sandbox.json` behind."""
        try:
            with (self.path / _MARKER).open() as marker:
                fcntl.flock(marker, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except BlockingIOError:
            return True
        return False

    def _refuse_foreign(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise DirectoryRefused(f"{self.path} is not a directory")
        if self.path.is_dir() and not (self.path / _MARKER).exists() and any(self.path.iterdir()):
            raise DirectoryRefused(
                f"{self.path} is not empty and was not made by a sandbox, which would delete what is in it: "
                "choose another --data"
            )

    def _clear(self) -> None:
        for entry in self.path.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry.name != _MARKER:
                entry.unlink()

    def _who(self) -> str:
        if running := self._read():
            return f"stop process {running.pids.supervisor}, or choose another --data"
        return "it is starting or stopping; wait, or choose another --data"
