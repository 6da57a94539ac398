"""docs/exactly-once.md and docs/backup.md name the test that shows each of their claims; these tests exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TABLES = {
    "exactly-once.md": "## What dies, what happens, and which test shows it",
    "backup.md": "| what dies or is late |",
}
TEST_NAME = re.compile(r"`(?P<file>\w+)::(?P<test>test_\w+)`")


def rows(page):
    """The rows of the table of what dies."""
    section = (ROOT / "docs" / page).read_text().split(TABLES[page])[1].split("\n## ")[0]
    return [line for line in section.splitlines() if re.match(r"\| (?!-|what dies)", line)]


def defined_in(file):
    """The functions of a module of tests, wherever it is: names of modules are unique."""
    (path,) = (ROOT / "tests").rglob(f"{file}.py")
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("page", TABLES)
def test_every_row_names_a_test(page):
    assert [row for row in rows(page) if not TEST_NAME.search(row)] == []


@pytest.mark.parametrize(("page", "at_least"), [("exactly-once.md", 20), ("backup.md", 8)])
def test_there_are_rows(page, at_least):
    assert len(rows(page)) >= at_least


@pytest.mark.parametrize("page", TABLES)
def test_every_test_that_is_named_exists(page):
    named = [(match["file"], match["test"]) for row in rows(page) for match in TEST_NAME.finditer(row)]
    assert [f"{file}::{test}" for file, test in named if test not in defined_in(file)] == []
