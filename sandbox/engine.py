"""The program of the ClickHouse child: `python -m sandbox.engine DIR`.

The wheel chdb-core holds the whole engine, but its documented calls cannot listen. So the extension module is
loaded directly (`import chdb` would open and close a connection first, which breaks table engines that need a
server), and one statement that never ends holds the server open. Port and host come from
`$HOME/.clickhouse-local/config.xml`.
"""

import importlib.util
import sys
from importlib.machinery import ExtensionFileLoader
from pathlib import Path
from types import ModuleType
from typing import Final

SERVE: Final = """
SYSTEM START LISTEN TCP;
SELECT getServerPort('tcp_port') INTO OUTFILE '{port_file}' TRUNCATE FORMAT TSV;
SELECT sleepEachRow(3) FROM numbers(100000000)
SETTINGS max_block_size = 1, function_sleep_max_microseconds_per_block = 0, interactive_delay = 3000000 FORMAT Null
"""


def serve(data_dir: Path, port_file: Path) -> None:
    """Serve the native protocol until a signal comes; writes the port to `port_file` once it listens."""
    sql = SERVE.format(port_file=str(port_file).replace("\\", "\\\\").replace("'", "\\'"))
    print(_load_engine().query(sql, "TSV", path=str(data_dir)), file=sys.stderr)  # noqa: T201 -- reached on failure only


def _load_engine() -> ModuleType:
    package = importlib.util.find_spec("chdb")
    if package is None or package.origin is None:
        sys.exit("the engine is not installed: pip install 'chronoverse-analytics[sandbox]'")
    library = Path(package.origin).parent / "_chdb.abi3.so"
    loader = ExtensionFileLoader("_chdb", str(library))
    spec = importlib.util.spec_from_file_location("_chdb", library, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


if __name__ == "__main__":
    serve(Path(sys.argv[1]), Path(sys.argv[2]))
