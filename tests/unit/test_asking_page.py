"""The examples of docs/asking.md are what the commands print, to the letter; the answers behind them are fixed."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from analytics.__main__ import main
from tests.grpc_world import token
from tests.insight_server import complete, listening

PAGE = Path(__file__).parents[2] / "docs" / "asking.md"
EXAMPLES = re.findall(r"```console\n\$ chronoverse-analytics (.*?)\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.fixture(scope="module")
def address():
    with listening(complete()) as listens:
        yield listens


def printed(address: str, command: str) -> str:
    """What a command prints on a page of 100 columns, without blanks at the ends of lines."""
    environment = {"ANALYTICS_ADDRESS": address, "ANALYTICS_TOKEN": token(), "COLUMNS": "100"}
    told = CliRunner(env=environment).invoke(main, shlex.split(command))
    assert told.exit_code == 0, told.output
    return "".join(line.rstrip() + "\n" for line in told.stdout.splitlines())


@pytest.mark.parametrize(("command", "output"), EXAMPLES, ids=[command for command, _ in EXAMPLES])
def test_an_example_is_what_the_command_prints(address, command, output):
    assert printed(address, command) == output


def test_every_command_about_ranges_has_an_example():
    assert {command.split()[0] for command, _ in EXAMPLES} == {"summary", "series", "compare", "anomalies"}
