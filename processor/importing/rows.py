"""The rows of a snapshot, as they are kept in table `import_rows`: JSON arrays, one form for each kind. Pure."""

from typing import Final

import msgspec


class Balance(msgspec.Struct, frozen=True, array_like=True):
    """What the Go service knows of a workflow, without what the history tells of it.

    `is_first`: the workflow has no row of another user before this one. `created_ms` None: it is deleted.
    """

    user: str
    workflow: str
    is_first: bool
    kind: str
    jobs: int
    seconds: int
    lines: int
    updated_ms: int
    created_ms: int | None
    generation: int | None
    terminated_ms: int | None


class ProcessedKey(msgspec.Struct, frozen=True, array_like=True):
    """An EventKey that a Go program has counted, and when."""

    event_key: str
    time_ms: int


class PastJob(msgspec.Struct, frozen=True, array_like=True):
    """A finished job, for the history by day. `failure_kind`, `error_code`: empty unless `has_failed`."""

    job: str
    user: str
    workflow: str
    seconds: int
    end_ms: int
    has_failed: bool
    failure_kind: str
    error_code: str


Row = Balance | ProcessedKey | PastJob

BALANCES, EVENTS, LINES, JOBS = "balances", "event keys", "line keys", "jobs"
KINDS: Final[dict[str, type[Row]]] = {
    BALANCES: Balance,
    EVENTS: ProcessedKey,
    LINES: ProcessedKey,
    JOBS: PastJob,
}
"""The kinds in the order of a snapshot: EventKeys of topic `analytics`, then those of log lines."""

_encode: Final = msgspec.json.Encoder().encode
_decoders: Final = {kind: msgspec.json.Decoder(form).decode for kind, form in KINDS.items()}


def encode(row: Row) -> str:
    """Return the content of a row."""
    return _encode(row).decode()


def decode(kind: str, content: str) -> Row:
    """Return a row from its content. Raises msgspec.MsgspecError."""
    return _decoders[kind](content)
