"""The commands that ask the service, as a person meets them: help, options, secrets, completion."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from grpc import StatusCode

from analytics import exit_codes
from analytics.__main__ import main
from analytics.cli.connection import Connection
from analytics.cli.endings import exit_code, words
from analytics.client import CallFailed, ClientError, Failure, Misconfigured
from tests.grpc_world import USER, token

ASKING = ("user", "workflow", "watch", "summary", "series", "compare", "anomalies")


def run(*arguments, **environment):
    return CliRunner(env={name: environment.get(name) for name in ("ANALYTICS_TOKEN", *environment)}).invoke(
        main, arguments
    )


@pytest.mark.parametrize("command", ASKING)
def test_help_explains_every_exit_code(command):
    text = run(command, "--help").output
    told = {int(line.split()[0]) for line in text.split("Exit codes:")[1].splitlines() if line.strip()}
    assert told == {0, *(value for name, value in vars(exit_codes).items() if name.isupper())} - {
        exit_codes.STOP
    }


@pytest.mark.parametrize("command", ASKING)
@pytest.mark.parametrize(
    "variable", ["ADDRESS", "TOKEN", "TOKEN_FILE", "TLS_ENABLED", "TLS_CA_FILE", "TIMEOUT"]
)
def test_help_names_the_environment_variables(command, variable):
    assert f"ANALYTICS_{variable}" in "".join(run(command, "--help").output.split())


@pytest.mark.parametrize("command", ASKING)
def test_help_shows_no_token(command):
    assert token()[-20:] not in "".join(run(command, "--help", ANALYTICS_TOKEN=token()).output.split())


def test_the_connection_shows_no_token():
    assert "secret" not in repr(Connection(address="here:1", token="secret"))


@pytest.mark.parametrize("command", ["watch", "series"])
def test_help_loads_no_client(command):
    """So that it is there at once."""
    asked = f"import sys; from analytics.__main__ import main; main(['{command}', '--help'], standalone_mode=False); "
    slow = "('grpc', 'clickhouse_driver', 'jwt', 'google.protobuf', 'plotext', 'matplotlib')"
    loaded = f"print([name for name in {slow} if name in sys.modules])"
    told = subprocess.run([sys.executable, "-c", asked + loaded], capture_output=True, text=True, check=True)
    assert told.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "bearer", [None, "garbage", token("internal/me", role="admin")], ids=["none", "garbage", "admin"]
)
def test_a_token_that_names_no_user_needs_a_user_id(bearer):
    told = run("user", ANALYTICS_TOKEN=bearer)
    assert (told.exit_code, "say which user" in told.output) == (2, True)


@pytest.mark.parametrize(
    "arguments", [("user", "ключ"), ("user", "\udcff"), ("workflow", "--user", str(USER), "ü")]
)
def test_what_cannot_be_sent_is_no_id(arguments):
    told = run(*arguments, ANALYTICS_TOKEN=token())
    assert (told.exit_code, "an id must be a UUID" in told.output) == (2, True)


def test_a_token_and_a_file_of_one_are_too_much():
    told = run("user", "--token", "one", "--token-file", "two")
    assert (told.exit_code, "not both" in told.output) == (2, True)


@pytest.mark.parametrize("option", ["--tls-ca-file", "--token-file"])
def test_a_file_that_is_absent_is_named_by_its_option(option):
    told = run("user", str(USER), option, "nowhere")
    assert (told.exit_code, told.stderr) == (
        exit_codes.INVALID_SETTINGS,
        f"Error: {option}: cannot read nowhere: No such file or directory\n",
    )


def test_an_unusable_token_is_not_shown():
    told = run("user", str(USER), ANALYTICS_TOKEN="sec ret")
    assert told.exit_code == exit_codes.INVALID_SETTINGS
    assert "sec ret" not in told.output


@pytest.mark.parametrize("interval", ["0s", "5", "soon"])
def test_an_interval_is_a_duration(interval):
    told = run("watch", "--interval", interval, ANALYTICS_TOKEN=token())
    assert (told.exit_code, "'--interval'" in told.output) == (2, True)


def all_errors(kind=ClientError):
    """Every class of the tree that has no other below it."""
    below = [leaf for child in kind.__subclasses__() for leaf in all_errors(child)]
    return below or [kind]


@pytest.mark.parametrize("kind", all_errors())
def test_every_error_has_an_exit_code_and_words(kind):
    failure = Failure(StatusCode.ABORTED, "gone", "A_REASON")
    error = kind(failure) if issubclass(kind, CallFailed) else Misconfigured("cert_file", "gone")
    assert exit_code(error) > 0
    assert "gone" in words(error, Connection(address="here:1"))


# --- completion ---


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_asks_this_program(shell):
    told = run("completion", shell)
    assert (told.exit_code, f"_CHRONOVERSE_ANALYTICS_COMPLETE={shell}_complete" in told.output) == (0, True)


def test_the_program_answers_what_the_script_asks():
    asked = {"_CHRONOVERSE_ANALYTICS_COMPLETE": "bash_complete", "COMP_CWORD": "1"}
    environment = os.environ | asked | {"COMP_WORDS": "chronoverse-analytics wa"}
    program = Path(sys.executable).with_name("chronoverse-analytics")
    told = subprocess.run([program], env=environment, capture_output=True, text=True, check=False)
    assert told.stdout == "plain,watch\n"
