"""Runs the command line against a service of a test."""

from click.testing import CliRunner

from analytics.__main__ import main
from tests.grpc_world import token


def invoke(address, *arguments, width=200):
    environment = {
        "ANALYTICS_ADDRESS": address,
        "ANALYTICS_TOKEN": token(),
        "ANALYTICS_TOKEN_FILE": None,
        "COLUMNS": str(width),
        "TZ": "Europe/London",
    }
    return CliRunner(env=environment).invoke(main, [str(one) for one in arguments])
