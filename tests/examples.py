"""How many examples a property is tried with, and how often something is killed: in CI, and in `make soak`."""

from hypothesis import settings


def examples(usual: int, *, soak: int) -> int:
    """Return the number for the profile that this run was started with (`--hypothesis-profile=soak`)."""
    return soak if settings.get_current_profile_name() == "soak" else usual
