"""A real ClickHouse on 127.0.0.1, as a child process."""

import sys
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from analytics.errors import AnalyticsError
from analytics.settings import Settings
from analytics.store.pool import Connection, StatementFailed
from sandbox.ports import LOCALHOST
from sandbox.processes import ChildProcess
from sandbox.server import LocalServer

START_WITHIN_S: Final = 60.0
_CONFIG: Final = """<clickhouse>
    <tcp_port>{port}</tcp_port>
    <listen_host>{host}</listen_host>
    <memory_worker_period_ms>500</memory_worker_period_ms>
    <background_distributed_schedule_pool_size>4</background_distributed_schedule_pool_size>
{more}
</clickhouse>
"""


def local_settings(address: str, database: str) -> Settings:
    """Return settings for a local server, whatever the environment says about another one."""
    return Settings(
        clickhouse_hosts=(address,),
        clickhouse_database=database,
        clickhouse_username="default",
        clickhouse_password=SecretStr(""),
        clickhouse_tls_enabled=False,
    )


class LocalClickHouse(LocalServer):
    """One ClickHouse server with all its files in `data_dir`; the user `default` needs no password.

    `start()` after `stop()` or `kill()` goes on with the same port and the same data. `config`: more of the server's
    configuration, as XML.
    """

    def __init__(self, data_dir: Path, port: int = 0, *, log: Path | None = None, config: str = "") -> None:
        super().__init__(port)
        self._config = config
        self._dir = data_dir.absolute()
        self._log = log or self._dir / "clickhouse.log"
        self._port_file = self._dir / "port.txt"

    def _spawn(self) -> ChildProcess:
        home = self._dir / "home"
        config = home / ".clickhouse-local" / "config.xml"
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text(_CONFIG.format(port=self.port, host=LOCALHOST, more=self._config))
        self._port_file.unlink(missing_ok=True)
        command = [sys.executable, "-m", "sandbox.engine", str(self._dir / "data"), str(self._port_file)]
        return ChildProcess("ClickHouse", command, self._log, environment={"HOME": str(home)})

    def _await(self, child: ChildProcess) -> None:
        """The port file proves that our server has the port: the engine ends when somebody else has it."""
        child.wait_until(lambda: self._port_file.exists() and self._answers(), START_WITHIN_S)

    def _answers(self) -> bool:
        connection = Connection(local_settings(self.address, "default"), timeout_s=5)
        try:
            return connection.query("SELECT 1") == [(1,)]
        except (AnalyticsError, StatementFailed):
            return False
        finally:
            connection.close()
