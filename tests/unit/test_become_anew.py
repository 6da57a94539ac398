"""A program that starts again in its own process."""

import subprocess
import sys

import pytest

PROGRAM = """
import os, sys
from processor.process import become_anew

if "FIRST" in os.environ:
    pid, file = os.environ["FIRST"].split()
    print("same process" if int(pid) == os.getpid() else "another process")
    print("open" if os.path.exists(f"/proc/self/fd/{file}") else "closed")
    print(sys.argv[1:])
    sys.exit(7)
kept = os.open("/dev/null", os.O_RDONLY)
os.set_inheritable(kept, True)  # as pipes of librdkafka are
os.environ["FIRST"] = f"{os.getpid()} {kept}"
become_anew()
"""


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """What such a program leaves."""
    file = tmp_path_factory.mktemp("program") / "program.py"
    file.write_text(PROGRAM)
    return subprocess.run(
        [sys.executable, str(file), "run", "--for", "ever"], capture_output=True, text=True, timeout=60
    )


def test_it_keeps_its_process_and_its_command_line(result):
    assert result.stdout.splitlines()[0] == "same process"
    assert result.stdout.splitlines()[2] == "['run', '--for', 'ever']"


def test_it_takes_no_open_file_along(result):
    """Else there would be more of them after each time."""
    assert result.stdout.splitlines()[1] == "closed"


def test_its_exit_code_is_that_of_the_last_run(result):
    assert (result.returncode, result.stderr) == (7, "")
