"""Schema migrations: numbered SQL files, applied once, in order, forward only.

ClickHouse has no transactions around DDL, so every statement of a migration must be harmless to run again
(`IF NOT EXISTS`): a migration that died half way is simply run again.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources

from analytics.errors import StoreMisconfigured
from analytics.settings import Settings
from analytics.store.pool import Connection

DEDUPLICATION_WINDOW = 100_000
"""How many inserts ClickHouse remembers the tokens of; see the start-up checks."""

_TIMEOUT_S = 60.0

_CREATE_DATABASE = "CREATE DATABASE IF NOT EXISTS `{database}`"

_CREATE_HISTORY = """
CREATE TABLE IF NOT EXISTS schema_migrations
(
    version    UInt32,
    name       String,
    checksum   String COMMENT 'SHA-256 of the file',
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(applied_at)
ORDER BY version
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
"""

_SELECT_HISTORY = (
    "SELECT version, any(name), any(checksum) FROM schema_migrations GROUP BY version ORDER BY version"
)

_INSERT_HISTORY = "INSERT INTO schema_migrations (version, name, checksum) VALUES"


@dataclass(frozen=True)
class Migration:
    """One numbered file of `schema/`."""

    version: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, to notice a file that was changed after it was applied."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def statements(self, deduplication_window: int) -> Iterator[str]:
        """Yield the statements: a `;` ends one at the end of its line."""
        text = self.text.replace("{deduplication_window}", str(deduplication_window))
        for statement in text.split(";\n"):
            lines = [line for line in statement.splitlines() if not line.startswith("--")]
            if any(line.strip() for line in lines):
                yield "\n".join(lines)


def migrations() -> list[Migration]:
    """Return the migrations that this version of the program knows, in order."""
    files = [
        f for f in resources.files("analytics.store").joinpath("schema").iterdir() if f.name.endswith(".sql")
    ]
    return [
        Migration(int(f.name.split("_")[0]), f.name.removesuffix(".sql"), f.read_text())
        for f in sorted(files, key=lambda f: f.name)
    ]


def migrate(settings: Settings, *, deduplication_window: int = DEDUPLICATION_WINDOW) -> list[str]:
    """Create the database and apply what is missing; return the names applied, an empty list when all was there.

    `deduplication_window` is for tests that want to run out of it. Raises StoreMisconfigured when the database was made by
    a newer version or an applied file was changed since, Retryable errors when ClickHouse is away.
    """
    _create_database(settings)
    connection = Connection(settings, timeout_s=_TIMEOUT_S)
    try:
        connection.query(_CREATE_HISTORY)
        missing = pending(connection)
        for migration in missing:
            for statement in migration.statements(deduplication_window):
                connection.query(statement)
            connection.insert(_INSERT_HISTORY, [[migration.version], [migration.name], [migration.checksum]])
        return [migration.name for migration in missing]
    finally:
        connection.close()


def pending(connection: Connection) -> list[Migration]:
    """Return the migrations that were not applied yet. Raises StoreMisconfigured for a history that is not ours."""
    known = {m.version: m for m in migrations()}
    applied = {version: (name, checksum) for version, name, checksum in connection.query(_SELECT_HISTORY)}
    for version, (name, checksum) in applied.items():
        if version not in known:
            raise StoreMisconfigured(
                f"the database has migration {name}, which this version does not know: upgrade the program"
            )
        if known[version].checksum != checksum:
            raise StoreMisconfigured(
                f"migration {name} was changed after it was applied: restore the file, add a new one"
            )
    return [m for version, m in known.items() if version not in applied]


def _create_database(settings: Settings) -> None:
    connection = Connection(settings, timeout_s=_TIMEOUT_S, database="default")
    try:
        connection.query(_CREATE_DATABASE.format(database=settings.clickhouse_database.replace("`", "")))
    finally:
        connection.close()
