"""The rights of ClickHouse's users follow from the queries of the programs."""

import ast
import re
from pathlib import Path

import pytest

from analytics.settings import InvalidSettings, load
from analytics.store import users
from analytics.store.checks import _ENGINES

ROOT = Path(__file__).parents[2]
STORE_OWN = {"schema_migrations"}


def texts(folder):
    """Every text in the code of a package that looks like SQL."""
    for file in sorted((ROOT / folder).rglob("*.py")):
        if {"store", "cli", "client", "operate"} & set(file.relative_to(ROOT).parts):
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            text = node.value if isinstance(node, ast.Constant) else None
            if isinstance(text, str) and re.search(r"\b(SELECT|INSERT INTO|DELETE FROM)\b", text):
                yield text


def named_in(folder, before):
    """The tables of ours behind such words."""
    found = {name for text in texts(folder) for name in re.findall(rf"\b(?:{before}) (\w+)", text)}
    return found & (set(_ENGINES) | STORE_OWN)


def test_the_service_may_read_the_tables_in_its_queries_and_no_others():
    assert set(users.SERVICE_READS) == named_in("analytics", "FROM|JOIN|IN")


def test_the_service_writes_nothing():
    assert named_in("analytics", "INSERT INTO|DELETE FROM") == set()


def test_the_processor_may_read_every_table():
    """Its start-up checks look at each of them."""
    assert set(users.PROCESSOR_READS) == set(_ENGINES) | STORE_OWN


def test_the_processor_may_write_the_tables_in_its_statements():
    assert named_in("processor", "INSERT INTO") <= set(users.PROCESSOR_INSERTS)


def test_the_processor_may_not_delete_numbers():
    assert not set(users.PROCESSOR_DELETES) & {"analytics", "workflows", "lineage", "schema_migrations"}


GIVEN = {
    "CLICKHOUSE_SERVICE_USERNAME": "service",
    "CLICKHOUSE_SERVICE_PASSWORD": "a long password",
    "CLICKHOUSE_PROCESSOR_USERNAME": "processor",
    "CLICKHOUSE_PROCESSOR_PASSWORD": "another long password",
}


def complaint(monkeypatch, **changes):
    for name, text in (GIVEN | changes).items():
        monkeypatch.setenv(name, text)
    with pytest.raises(InvalidSettings) as caught:
        load(users.UserSettings)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("CLICKHOUSE_SERVICE_USERNAME", "ser`vice"),
        ("CLICKHOUSE_SERVICE_USERNAME", ""),
        ("CLICKHOUSE_PROCESSOR_PASSWORD", "short"),
    ],
)
def test_a_wrong_value_is_named_and_not_shown(monkeypatch, name, text):
    words = complaint(monkeypatch, **{name: text})
    assert f"  {name}: " in words
    assert not text or text not in words


def test_every_user_is_another_one(monkeypatch):
    """A reader with the rights of the processor would be none."""
    assert "must differ" in complaint(monkeypatch, CLICKHOUSE_SERVICE_USERNAME="processor")


def test_no_statement_holds_a_password(monkeypatch):
    for name, text in GIVEN.items():
        monkeypatch.setenv(name, text)
    made = list(users.statements(load(users.UserSettings)))
    assert len(made) == 6
    assert [text for text in made if "long password" in text] == []
