"""What logs look like, seen from a program of its own: logging is configured once in a process."""

import subprocess
import sys

import pytest

FAILING = """
import structlog
from analytics.settings import Settings
from analytics.telemetry import configure_logging

def fail(token):
    raise ZeroDivisionError("of all things")

configure_logging(Settings(log_format="{log_format}"))
try:
    fail("a-se" + "cret")
except ZeroDivisionError as error:
    structlog.get_logger("here").error("request_failed", exc_info=error)
"""


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_stack_trace_says_where_and_shows_no_values(log_format):
    program = FAILING.replace("{log_format}", log_format)
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stderr
    assert [word in said for word in ("request_failed", "in fail", "of all things")] == [True] * 3
    assert "a-secret" not in said
