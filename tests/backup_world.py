"""A ClickHouse that may write backups, by the very configuration that operators are given."""

from pathlib import Path

from processor.backups import Backup

_CONFIG = Path(__file__).parents[1] / "deploy" / "clickhouse" / "backups.xml"


def backup_config(directory: Path) -> str:
    """What to add to the server's configuration: backups go into a folder of this test."""
    inner = _CONFIG.read_text().partition("<clickhouse>")[2].rpartition("</clickhouse>")[0]
    assert "<path>/backups/</path>" in inner
    return inner.replace("<path>/backups/</path>", f"<path>{directory.absolute()}/</path>")


def backup(name: str) -> Backup:
    """The backup of this name on the disk of that configuration."""
    return Backup(name, "backups")
