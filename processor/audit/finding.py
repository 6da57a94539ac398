"""What an audit says."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, Literal, NamedTuple

Check = Literal[
    "schema", "checkpoints", "log", "gaps", "freshness", "totals", "buckets", "users", "negative", "index"
]
CHECKS: Final[tuple[Check, ...]] = (
    "schema", "checkpoints", "log", "gaps", "freshness", "totals", "buckets", "users", "negative", "index",
)  # fmt: skip


class Harm(StrEnum):
    """How bad a finding is."""

    WRONG = "wrong numbers"
    MAY_BECOME_WRONG = "may become wrong"
    HARMLESS = "harmless"


class Finding(NamedTuple):
    """One thing that is not as it must be: in words, without ids of users, for it may be logged."""

    check: Check
    harm: Harm
    what: str
    remedy: str


class Report(NamedTuple):
    """Everything that was found, and what could not be looked at or compared, with the reason."""

    findings: Sequence[Finding]
    not_checked: Sequence[str] = ()

    @property
    def is_right(self) -> bool:
        """Whether nothing was found but what is harmless."""
        return all(one.harm == Harm.HARMLESS for one in self.findings)


RESTORE_OR_REBUILD: Final = (
    "Stop the processors, then restore a backup from before, or `chronoverse-processor rebuild` if Kafka still has the "
    "whole log"
)
