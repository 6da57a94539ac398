import pytest

from sandbox.supervisor import FIRST_PAUSE_S, LONGEST_PAUSE_S, STEADY_AFTER_S, Supervised


class ScriptedProgram:
    """A program that ends when the test says so."""

    def __init__(self):
        self.pid = 1
        self.exit_code = None

    def respawn(self):
        self.pid += 1
        self.exit_code = None

    def last_words(self):
        return "  | the last line of its log"


class Reports(list):
    def __call__(self, text):
        self.append(text)


@pytest.fixture
def program():
    return ScriptedProgram()


@pytest.fixture
def reports():
    return Reports()


@pytest.fixture
def supervised(program, reports):
    return Supervised("processor-1", program, reports, now=0.0)


def test_a_running_program_is_left_alone(supervised, program):
    assert not supervised.check(1.0)
    assert program.pid == 1


def test_a_killed_program_runs_again_after_a_pause(supervised, program):
    program.exit_code = -9
    assert not supervised.check(1.0)
    assert supervised.state == "restarting"
    assert supervised.check(1.0 + FIRST_PAUSE_S)
    assert (supervised.state, program.pid) == ("running", 2)


def test_the_pause_doubles_with_every_crash_up_to_a_limit(supervised, program):
    assert [_crash(supervised, program, 1) for _ in range(8)] == [0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0, 10.0]
    assert LONGEST_PAUSE_S == 10.0


def test_kills_from_outside_do_not_lengthen_the_pause(supervised, program):
    assert {_crash(supervised, program, -9) for _ in range(5)} == {FIRST_PAUSE_S}


def test_a_steady_run_shortens_the_pause_again(supervised, program):
    for _ in range(4):
        _crash(supervised, program, 1)
    assert _crash(supervised, program, 1, lived_s=STEADY_AFTER_S) == FIRST_PAUSE_S


@pytest.mark.parametrize(("exit_code", "why"), [(65, "a person must look"), (78, "its settings are invalid")])
def test_a_program_that_needs_a_person_is_not_started_again(supervised, program, reports, exit_code, why):
    program.exit_code = exit_code
    assert not supervised.check(1.0)
    assert not supervised.check(1000.0)
    assert supervised.state == "stopped: look at its log"
    (report,) = reports
    assert why in report
    assert "the last line of its log" in report


def _crash(supervised, program, exit_code, lived_s=0.0):
    """End the program, wait until it runs again, and return the pause."""
    died = supervised._started_at + lived_s
    program.exit_code = exit_code
    supervised.check(died)
    assert supervised.check(supervised._restart_at)
    return round(supervised._started_at - died, 6)
