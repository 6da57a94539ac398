"""ClickHouse servers that hold together what is counted: a home shard, and others beside it."""

from collections.abc import Sequence
from pathlib import Path

from analytics.settings import Settings
from analytics.store.pool import StatementFailed
from analytics.store.shards import whole_of
from processor.operate.access import access, connect
from processor.operate.adding_shard import AddingShard, clusters_xml
from processor.settings import ProcessorSettings
from sandbox.clickhouse import LocalClickHouse
from sandbox.errors import NotReady
from sandbox.ports import LOCALHOST, free_ports


def local_shards(
    directory: Path, database: str, count: int, *, port: int = 0, logs: Path | None = None, config: str = ""
) -> list[LocalClickHouse]:
    """Return servers, the home shard first, which knows the cluster of a database; none is started.

    `config`: more of their configuration, as XML.

    The engine in the wheel reads its configuration once, so the cluster has all of them from the beginning.
    """
    logs = logs or directory
    if count == 1:
        return [LocalClickHouse(directory, port, log=logs / "clickhouse.log", config=config)]
    ports = free_ports(count)
    ports[0] = port or ports[0]
    clusters = clusters_xml({whole_of(database): [f"{LOCALHOST}:{one}" for one in ports]})
    servers = [LocalClickHouse(directory, ports[0], log=logs / "clickhouse.log", config=clusters + config)]
    for number, one in enumerate(ports[1:], 2):
        name = f"clickhouse-{number}"
        log = logs / f"{name}.log"
        servers.append(LocalClickHouse(directory.parent / name, one, log=log, config=config))
    return servers


def add_shards(settings: Settings, addresses: Sequence[str], *, opens_after_s: float) -> None:
    """Add servers that run. Raises NotReady."""
    given = ProcessorSettings(**settings.model_dump())
    with access(given) as to:
        for address in addresses:
            try:
                adding = AddingShard(given, address, to.shards.home, connect)
                adding.add(lambda _: None, opens_after_s=opens_after_s)
            except StatementFailed as error:
                raise NotReady(f"{address} could not be added: {error}") from error
