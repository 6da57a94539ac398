"""Users of ClickHouse that may do what one program needs, and nothing else; `migrate --create-users` makes them.

Passwords go to the server as salted hashes, so that no statement, log or error of it can hold one.
"""

import hashlib
import secrets
from collections.abc import Iterator
from typing import Annotated, Final, NamedTuple, Self

from pydantic import Field, SecretStr, model_validator

from analytics.settings import Settings
from analytics.store.pool import Connection
from analytics.store.shards import DISTRIBUTED, OF_HOME, whole_of

_TIMEOUT_S: Final = 60.0

SERVICE_READS: Final = ("analytics", "progress", "workflows")
"""The tables in the queries of the service."""

_SERVICE_READS_WHOLE: Final = ("analytics", "workflows", "shard_identity")  # over all shards
_WHICH_SHARDS: Final = ("shards", "shard_identity")

PROCESSOR_READS: Final = (
    "analytics",
    "workflows",
    "event_keys",
    "log_runs",
    "lineage",
    "gaps",
    "imports",
    "import_rows",
    "partition_shards",
    "progress",
    "selftests",
    "schema_migrations",
    "shard_identity",
    "shards",
)
_OF_MIGRATIONS: Final = ("schema_migrations", "shard_identity", "shards")
PROCESSOR_INSERTS: Final = tuple(name for name in PROCESSOR_READS if name not in _OF_MIGRATIONS)
PROCESSOR_DELETES: Final = ("event_keys", "log_runs", "gaps", "progress")
"""Weeks of the index that nobody needs any more, and what `skip` and `adopt` put right. Numbers are never deleted."""

_SELFTEST_TABLES: Final = "selftest_*"
_PROCESSOR_SYSTEM: Final = ("system.parts", "system.tables")

_CREATE: Final = "CREATE USER IF NOT EXISTS `{user}` IDENTIFIED WITH sha256_hash BY '{hash}' SALT '{salt}'"
_CHANGE: Final = "ALTER USER `{user}` IDENTIFIED WITH sha256_hash BY '{hash}' SALT '{salt}'"
_GRANT: Final = "GRANT {rights} TO `{user}` WITH REPLACE OPTION"

UserName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]*$")]
Password = Annotated[SecretStr, Field(min_length=12)]  # a hash of a shorter one can be guessed


class UserSettings(Settings):
    """What `migrate --create-users` reads: who connects is the one that may create users."""

    clickhouse_service_username: UserName
    clickhouse_service_password: Password
    clickhouse_processor_username: UserName
    clickhouse_processor_password: Password

    @model_validator(mode="after")
    def _require_three_users(self) -> Self:
        names = {
            self.clickhouse_username,
            self.clickhouse_service_username,
            self.clickhouse_processor_username,
        }
        if len(names) < 3:
            raise ValueError(
                "CLICKHOUSE_USERNAME, CLICKHOUSE_SERVICE_USERNAME and CLICKHOUSE_PROCESSOR_USERNAME must differ"
            )
        return self


class _User(NamedTuple):
    name: str
    password: SecretStr
    rights: list[str]


def create_users(settings: UserSettings) -> list[str]:
    """Create both users, or bring their passwords and rights up to date; return their names.

    Harmless to run again. Rights that this version does not need are taken away. Raises Retryable when ClickHouse is away
    or the migrating user may not create users, StatementFailed for anything else that the server refuses.
    """
    connection = Connection(settings, timeout_s=_TIMEOUT_S)
    try:
        for statement in statements(settings):
            connection.query(statement)
    finally:
        connection.close()
    return [user.name for user in _users(settings)]


def statements(settings: UserSettings) -> Iterator[str]:
    """Yield what makes the users, and gives them their rights and no others. No password is in it."""
    for user in _users(settings):
        salt = secrets.token_hex(16)
        salted = user.password.get_secret_value() + salt
        known = {"user": user.name, "hash": hashlib.sha256(salted.encode()).hexdigest(), "salt": salt}
        yield _CREATE.format(**known)
        yield _CHANGE.format(**known)
        yield _GRANT.format(user=user.name, rights=", ".join(user.rights))


def service_rights(database: str) -> list[str]:
    """Return what the service needs: to read, here and over all shards."""
    return [
        *(_on(database, "SELECT", table) for table in (*SERVICE_READS, *_WHICH_SHARDS)),
        *(_on(whole_of(database), "SELECT", table) for table in _SERVICE_READS_WHOLE),
    ]


def processor_rights(database: str) -> list[str]:
    """Return what the processor and its operator need, `rebuild` excepted.

    It may create and drop the scratch tables of its self-test, by their prefix: it is to prove the server that it
    counts on, so it cannot be spared that by a migration which ran before an upgrade of the server.
    """
    return [
        *(_on(database, "SELECT", table) for table in PROCESSOR_READS),
        *(_on(whole_of(database), "SELECT", table) for table in (*DISTRIBUTED, *OF_HOME)),
        *(_on(database, "INSERT", table) for table in PROCESSOR_INSERTS),
        *(_on(database, "ALTER DELETE", table) for table in PROCESSOR_DELETES),
        _on(database, "SELECT, INSERT, CREATE TABLE, DROP TABLE", _SELFTEST_TABLES),
        "TABLE ENGINE ON SummingMergeTree",
        *(f"SELECT ON {table}" for table in _PROCESSOR_SYSTEM),
    ]


def _users(settings: UserSettings) -> list[_User]:
    database = settings.clickhouse_database
    return [
        _User(
            settings.clickhouse_service_username,
            settings.clickhouse_service_password,
            service_rights(database),
        ),
        _User(
            settings.clickhouse_processor_username,
            settings.clickhouse_processor_password,
            processor_rights(database),
        ),
    ]


def _on(database: str, right: str, table: str) -> str:
    return f"{right} ON `{database.replace('`', '')}`.{table}"
