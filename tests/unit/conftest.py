"""Fixtures of the tests of the commands that ask about ranges: a service that answers what it is told to."""

import pytest

from analytics import exit_codes
from tests.insight_commands import invoke
from tests.insight_server import complete, listening


@pytest.fixture(scope="module")
def world():
    fake = complete()
    with listening(fake) as address:
        yield fake, address


@pytest.fixture
def run(world):
    def asked(*arguments, **options):
        told = invoke(world[1], *arguments, **options)
        assert told.exit_code == 0, told.output
        return told.stdout

    return asked


@pytest.fixture
def refused(world):
    def asked(*arguments):
        told = invoke(world[1], *arguments)
        assert told.exit_code == exit_codes.USAGE, told.output
        return " ".join(told.stderr.split())

    return asked


@pytest.fixture
def asked(world, run):
    """What the service was asked by a command."""

    def request(*arguments):
        run(*arguments)
        return world[0].asked[-1]

    return request
