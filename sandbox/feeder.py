"""A child that gives events to the broker while the stack runs: `chronoverse-sandbox play` or `trickle`."""

import sys

from sandbox.directory import SandboxDirectory
from sandbox.processes import ChildProcess, tail
from sandbox.supervisor import Report


class Feeder:
    """One run of a command of ours on the sandbox in `directory`; its output goes to a log."""

    def __init__(self, directory: SandboxDirectory, report: Report, command: str, *arguments: str) -> None:
        self._log = directory.logs / f"{command}.log"
        self._report = report
        program = [sys.executable, "-P", "-m", "sandbox", command, *arguments, "--data", str(directory.path)]
        self._child = ChildProcess(command, program, self._log)
        self._told = False

    def check(self) -> None:
        """Notice its end and report, once, what it did."""
        if not self._told and self._child.exit_code is not None:
            self._told = True
            failed = self._child.exit_code != 0
            self._report(f"failed: {self._child.last_words()}" if failed else "".join(tail(self._log, 1)))

    def stop(self) -> None:
        """End it, finished or not."""
        self._child.kill()
