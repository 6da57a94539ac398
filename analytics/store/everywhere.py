"""Migrations and users on every shard, and what is read over all of them brought up to date behind that."""

from collections.abc import Callable
from typing import Final

from analytics.settings import Settings, SettingsT
from analytics.store.migrate import migrate
from analytics.store.pool import Connection
from analytics.store.shards import HOME, Shard, make_whole, read_shards, require_home, settings_of

_TIMEOUT_S: Final = 60.0


def migrate_everywhere(settings: Settings) -> list[str]:
    """Migrate the home shard, then the others; return what was applied, with the number of another shard behind it.

    Raises what `migrate` raises, and StoreMisconfigured where CLICKHOUSE_HOSTS is not the home shard.
    """
    applied = migrate(settings)
    others = other_shards(settings)
    for shard in others:
        of_shard = settings_of(settings, shard)
        applied += [f"{name} on shard {shard.number}" for name in migrate(of_shard)]
    if others:
        connection = Connection(settings, timeout_s=_TIMEOUT_S)
        try:
            make_whole(connection, settings.clickhouse_database)
        finally:
            connection.close()
    return applied


def on_every_shard(settings: SettingsT, action: Callable[[SettingsT], list[str]]) -> list[str]:
    """Do the same to every shard; return what it returns for the home shard."""
    for shard in other_shards(settings):
        action(settings_of(settings, shard))
    return action(settings)


def other_shards(settings: Settings) -> list[Shard]:
    """Return the shards besides the home shard. Raises StoreMisconfigured where CLICKHOUSE_HOSTS is another one."""
    connection = Connection(settings, timeout_s=_TIMEOUT_S)
    try:
        require_home(connection)
        return [shard for shard in read_shards(connection) if shard.number != HOME]
    finally:
        connection.close()
