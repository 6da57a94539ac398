"""Programs of ours begun as forks of a process that has imported them, instead of by a Python of their own.

The suites start a thousand processors and commands, and each start takes most of a second of CPU, all of it imports.
A fork is a process as good as any other: its own pid, environment, log, signals and end. Tests whose subject is the
start itself (command line, exit of the interpreter) begin theirs anew: see `a_python_of_its_own` in conftest.
"""

import atexit
import contextlib
import ctypes
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver
from pathlib import Path

from sandbox.child import PR_SET_PDEATHSIG

ROOT = Path(__file__).parents[1]
OURS = ("processor", "analytics", "tests.faults.crashing", "tests.dying_command", "tests.dying_import")

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.preloaded"])


def can_begin(command: Sequence[str]) -> bool:
    """Whether it is one of our programs: `python [-P] -m module arguments…`."""
    return command[0] == sys.executable and any(_module(command)[:1] == [one] for one in OURS)


class ForkedProcess:
    """One run of a program of ours, with what `subprocess.Popen` has of it."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], out: Path, err: Path) -> None:
        self.args = list(command)
        given = (self.args, dict(environment), str(out), str(err))
        with contextlib.chdir(ROOT):  # the server of forks finds `tests` where it begins
            forkserver.ensure_running()
        # A daemon: a worker of pytest that ends waits for no program that a test has left behind.
        self._process = _context.Process(target=_become, args=given, daemon=True)
        self._process.start()
        self._asking = threading.Lock()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        with self._asking:
            return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        with self._asking:
            self._process.join(timeout)
            code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return code

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)


def run(
    command: Sequence[str], *, env: Mapping[str, str], timeout: float
) -> "subprocess.CompletedProcess[str]":
    """As `subprocess.run` that captures text and checks nothing."""
    assert can_begin(command), command
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = ForkedProcess(command, {**env}, out, err)
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            raise
        return subprocess.CompletedProcess(process.args, code, out.read_text(), err.read_text())


def _module(command: Sequence[str]) -> list[str]:
    """The module and its arguments, without the words before; nothing where no module is named."""
    words = [one for one in command[1:3] if one != "-P"] + list(command[3:])
    return words[1:] if words[:1] == ["-m"] else []


def _become(command: list[str], environment: dict[str, str], out: str, err: str) -> None:
    """In the fork: be the program; its end is the end of the process."""
    os.setsid()
    server = os.getppid()
    if ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0 or os.getppid() != server:
        sys.exit("the test is gone")
    for path, number in ((out, 1), (err, 2)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.orig_argv = command
    sys.argv = [command[0], *_module(command)[1:]]
    try:
        runpy.run_module(_module(command)[0], run_name="__main__", alter_sys=True)
    finally:
        atexit._run_exitfuncs()
