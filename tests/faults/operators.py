"""Commands of `chronoverse-processor`, as an operator gives them in a fault world."""

import subprocess
import sys

from tests.faults.world import ROOT, FaultWorld


class Operator:
    """Runs commands of `chronoverse-processor` in a world."""

    def __init__(self, world: FaultWorld) -> None:
        self.world = world

    def run(
        self, *command: str, dying_at: int | None = None, crash: str = ""
    ) -> "subprocess.CompletedProcess[str]":
        """Run one. `dying_at`: a step of tests.dying_command; `crash`: faults of tests.faults.crashing."""
        module = ["processor", *command]
        if dying_at is not None:
            module = ["tests.dying_command", str(dying_at), *command]
        elif crash:
            module = ["tests.faults.crashing", *crash.split()]
        environment = {"PYTHONPATH": str(ROOT), "FAULT_COMMAND": " ".join(command)}
        return subprocess.run(
            [sys.executable, "-m", *module],
            env=self.world.environment() | environment,
            capture_output=True, text=True, timeout=90, check=False,
        )  # fmt: skip
