"""What is known of workflows besides numbers. Rows merge by maximum, so writing one again is harmless."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from analytics.store.pool import Pool
from processor.decode.events import Facts

_LEND_WITHIN_S: Final = 60.0

_INSERT = """
INSERT INTO workflows (user_id, workflow_id, kind, build, terminate, deleted_ms, first_seen_ms) VALUES
"""


def write_facts(plain: Pool, facts: Mapping[tuple[int, int], Facts]) -> None:
    """Insert facts by (user, workflow), to be durable before the checkpoint passes their records."""
    if not facts:
        return
    values = facts.values()
    columns = [
        [UUID(int=user) for user, _ in facts],
        [UUID(int=workflow) for _, workflow in facts],
        [one.kind for one in values],
        [one.build for one in values],
        [one.terminate for one in values],
        [one.deleted_ms for one in values],
        [one.first_seen_ms for one in values],
    ]
    with plain.lend(_LEND_WITHIN_S) as connection:
        connection.insert(_INSERT, columns, settings={"async_insert": 0})
