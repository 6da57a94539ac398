"""The operator's commands as a person meets them: their help, their exit codes, their refusals."""

import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from processor.__main__ import main
from processor.operate import output
from processor.operate.commands import replay

READING = (("status",), ("audit",), ("dead-letters", "list"), ("dead-letters", "show"))
CHANGING = (("skip",), ("rebuild",), ("adopt",), ("restore",), ("dead-letters", "replay"))
COMMANDS = (*READING, *CHANGING, ("backup",))


def help_of(*command):
    return CliRunner().invoke(main, [*command, "--help"]).output


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_says_how_it_ends(command):
    assert "Exit codes: 0" in help_of(*command)


@pytest.mark.parametrize(
    "command",
    [("status",), ("audit",), ("skip",), ("rebuild",), ("backup",), ("restore",), ("dead-letters",)],
    ids=" ".join,
)
def test_every_command_says_when_to_use_it(command):
    assert "When to use it:" in help_of(*command)


@pytest.mark.parametrize("command", CHANGING, ids=" ".join)
def test_what_changes_something_has_a_dry_run(command):
    assert "--dry-run" in help_of(*command)


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_what_only_reads_has_json(command):
    assert "--json" in help_of(*command)


def test_help_loads_no_client():
    """So that it is there at once."""
    asked = "import sys; from processor.__main__ import main; main(['rebuild', '--help'], standalone_mode=False); "
    loaded = "print([name for name in ('confluent_kafka', 'numpy') if name in sys.modules])"
    told = subprocess.run([sys.executable, "-c", asked + loaded], capture_output=True, text=True, check=True)
    assert told.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("command", [("status",), ("skip", "analytics", "0"), ("rebuild",)], ids=" ".join)
def test_invalid_settings_end_a_command_with_78(command):
    environment = os.environ | {"CLICKHOUSE_HOSTS": "nowhere", "KAFKA_BROKERS": "nowhere"}
    told = subprocess.run(
        [sys.executable, "-m", "processor", *command],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.returncode, "KAFKA_BROKERS" in told.stderr) == (78, True)


def test_nothing_is_played_again_by_accident():
    told = CliRunner().invoke(replay, [])
    assert (told.exit_code, "say which" in told.output) == (2, True)


# --- what is printed ---


def test_outside_of_a_terminal_a_table_is_lines_of_cells(capsys):
    output.print_table("things", ("a", "b"), [(1, "x y"), (2, "z")])
    assert capsys.readouterr().out == "# things\na\tb\n1\tx y\n2\tz\n"


def test_outside_of_a_terminal_a_quick_command_shows_no_progress(capsys):
    with output.progress_bar("work", 3) as advance:
        for done in range(3):
            advance(done, "on it")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "0.0 s"), (59.94, "59.9 s"), (61, "1 min 1 s"), (3_661, "1 h 1 min"), (90_000, "1 d 1 h")],
)
def test_an_age_has_one_or_two_units(seconds, words):
    assert output.as_age(seconds) == words


def test_a_time_is_written_in_utc():
    assert output.as_time(1_772_359_200_000) == "2026-03-01T10:00:00Z"


@pytest.mark.parametrize("name", ["a/b", "it's", "", "../up", "-x"])
def test_a_backup_is_not_called_what_could_mean_something_else(name):
    told = CliRunner().invoke(main, ["backup", "--", name])
    assert (told.exit_code, "letters, digits" in told.output) == (2, True)
