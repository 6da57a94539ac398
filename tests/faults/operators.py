"""Commands of `chronoverse-processor`, as an operator gives them in a fault world."""

import subprocess
import sys

from tests import forked
from tests.faults.world import FaultWorld


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
        environment = self.world.environment() | {"FAULT_COMMAND": " ".join(command)}
        return forked.run([sys.executable, "-m", *module], env=environment, timeout=90)
