"""A ClickHouse with the users that `migrate --create-users` would make.

The server in the wheel has no storage for users that statements make. So they, and the rights that our statements would
give them, are in its configuration.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

from pydantic import SecretStr

from analytics.settings import Settings
from analytics.store.users import processor_rights, service_rights
from sandbox.clickhouse import LocalClickHouse, local_settings

DATABASE = "analytics_of_users"
PASSWORDS = {
    "service": "the-service's \\ password",
    "processor": "the-processor's password",
    "migrator": "the-migrator's password",
}
_PAGE = Path(__file__).parents[1] / "docs" / "security.md"

_USER = """<{name}><password_sha256_hex>{digest}</password_sha256_hex><networks><ip>127.0.0.1</ip></networks>
<profile>default</profile><quota>default</quota><grants>{grants}</grants></{name}>"""
_USERS = """<clickhouse><users>
<default><password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>
<access_management>1</access_management></default>
{users}</users><profiles><default/></profiles><quotas><default/></quotas></clickhouse>"""


class UsersWorld(NamedTuple):
    """The server, its administrator's settings, and those of each user."""

    server: LocalClickHouse
    users: Mapping[str, Settings]


@contextmanager
def clickhouse_with_users(directory: Path, *, more_config: str = ""):
    """Run it; its database is not there yet."""
    users = directory / "users.xml"
    rights = {
        "service": service_rights(DATABASE),
        "processor": processor_rights(DATABASE),
        "migrator": _documented_rights(),
    }
    users.write_text(_USERS.format(users="\n".join(_user(*one) for one in rights.items())))
    config = f"<users_config>{users}</users_config>{more_config}"
    with LocalClickHouse(directory / "clickhouse", config=config) as server:
        yield UsersWorld(server, {name: _settings(server, name) for name in PASSWORDS})


def _documented_rights() -> list[str]:
    """What the page on security says that the migrating user needs."""
    granted = re.findall(r"^GRANT (.+) TO migrator(.*);$", _PAGE.read_text(), re.MULTILINE)
    assert granted
    return [f"{rights.replace('ON analytics', f'ON {DATABASE}')}{option}" for rights, option in granted]


def _user(name: str, rights: Iterable[str]) -> str:
    grants = "".join(f"<query>{escape(f'GRANT {right}')}</query>" for right in rights)
    digest = hashlib.sha256(PASSWORDS[name].encode()).hexdigest()
    return _USER.format(name=name, digest=digest, grants=grants)


def _settings(server: LocalClickHouse, name: str) -> Settings:
    login = {"clickhouse_username": name, "clickhouse_password": SecretStr(PASSWORDS[name])}
    return local_settings(server.address, DATABASE).model_copy(update=login)
