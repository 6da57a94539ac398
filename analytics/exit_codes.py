"""What our programs say when they end, from sysexits.h. Any other code but 0: start it again."""

from typing import Final

STOP: Final = 65
"""A person must look, and a restart does not help: going on could make numbers wrong, or is not possible."""

INVALID_SETTINGS: Final = 78
"""The environment is no valid configuration."""
