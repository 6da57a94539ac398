"""From message to validated query: the only place where the ids of a request are read."""

import re
from typing import Final
from uuid import UUID

from analytics.analytics_pb2 import GetUserAnalyticsRequest, GetWorkflowAnalyticsRequest
from analytics.errors import InvalidField
from analytics.model import WorkflowKey

NIL: Final = UUID(int=0)
_LONGEST_SPELLING: Final = 41  # 32 digits, 7 hyphens, 2 braces
# As Postgres reads them: a hyphen may follow any group of four digits, braces may surround the whole.
_UUID: Final = re.compile(r"(?:[0-9a-fA-F]{4}-?){7}[0-9a-fA-F]{4}")


def parse_user(request: GetUserAnalyticsRequest) -> UUID:
    """Return the user asked for. Raises InvalidField."""
    return require_id("user_id", request.user_id)


def parse_workflow(request: GetWorkflowAnalyticsRequest) -> WorkflowKey:
    """Return the workflow asked for. Raises InvalidField for the first field that breaks a rule."""
    return WorkflowKey(require_id("user_id", request.user_id), require_id("workflow_id", request.workflow_id))


def parse_uuid(text: str) -> UUID | None:
    """Return the UUID in any spelling that Postgres reads, None for anything else."""
    if len(text) > _LONGEST_SPELLING:
        return None
    inner = text[1:-1] if text.startswith("{") and text.endswith("}") else text
    return UUID(hex=inner) if _UUID.fullmatch(inner) else None


def require_id(field: str, text: str) -> UUID:
    """Return the id in a required field. Raises InvalidField."""
    if not text:
        raise InvalidField(field, "is required")
    parsed = parse_uuid(text)
    if parsed is None:
        raise InvalidField(field, "must be a UUID")
    if parsed == NIL:
        raise InvalidField(field, "must not be the nil UUID")
    return parsed
