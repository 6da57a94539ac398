"""docs/exactly-once.md names the test that shows each of its claims; these tests exist."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "exactly-once.md"
TEST_NAME = re.compile(r"`(?P<file>\w+)::(?P<test>test_\w+)`")


def rows():
    """The rows of the table of what dies."""
    section = (
        PAGE.read_text().split("## What dies, what happens, and which test shows it")[1].split("\n## ")[0]
    )
    return [line for line in section.splitlines() if line.startswith("| ")][1:]


def defined_in(file):
    """The functions of a module of tests, wherever it is: names of modules are unique."""
    (path,) = (ROOT / "tests").rglob(f"{file}.py")
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


def test_every_row_names_a_test():
    assert [row for row in rows() if not TEST_NAME.search(row)] == []


def test_there_are_rows():
    assert len(rows()) > 20


def test_every_test_that_is_named_exists():
    named = [(match["file"], match["test"]) for row in rows() for match in TEST_NAME.finditer(row)]
    assert [f"{file}::{test}" for file, test in named if test not in defined_in(file)] == []
