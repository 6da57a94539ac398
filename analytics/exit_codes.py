"""What our programs say when they end, mostly from sysexits.h.

Of those that stay (`serve`, `run`): after 65 and 78 a restart does not help; after any other code but 0, start it again.
"""

from typing import Final

TRY_AGAIN: Final = 1
"""The same command may succeed later."""

USAGE: Final = 2
"""The command line says something that cannot be: click's own code."""

STOP: Final = 65
"""A person must look, and a restart does not help: going on could make numbers wrong, or is not possible."""

NOT_FOUND: Final = 66
"""Nothing was ever counted for that user or workflow."""

SERVICE_FAILED: Final = 70
"""A fault of the service."""

NOT_ALLOWED: Final = 77
"""The token is absent or not valid, or does not allow to read that user."""

INVALID_SETTINGS: Final = 78
"""The environment is no valid configuration."""
