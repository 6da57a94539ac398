"""Shell lines that ask the service, for a person to paste."""

import shlex
import shutil
import sys
from pathlib import Path
from typing import Final

from sandbox.totals import ExpectedTotals

_INSTALL: Final = "go install github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4"


def commands_to_paste(address: str, data: Path, expected: ExpectedTotals) -> list[str]:
    """Return three lines: the totals of a user, of a workflow, and of a user as an administrator asks."""
    workflow = max(expected.workflows, key=lambda one: one.total_jobs)
    user = {"user_id": workflow.user_id}
    return [
        _grpcurl(address, data, "GetUserAnalytics", user),
        _grpcurl(address, data, "GetWorkflowAnalytics", {**user, "workflow_id": workflow.workflow_id}),
        _grpcurl(address, data, "GetUserAnalytics", user, admin=True),
    ]


def how_to_get_grpcurl() -> str | None:
    """Return how to install grpcurl; None when it is there."""
    return None if shutil.which("grpcurl") else f"grpcurl is not on your PATH: {_INSTALL}"


def _grpcurl(address: str, data: Path, method: str, fields: dict[str, str], *, admin: bool = False) -> str:
    """Return one line; the token in it is made when the line runs, so it is never too old."""
    program = _shell_path(Path(sys.executable).with_name("chronoverse-sandbox"))
    subject = "internal/paste --admin" if admin else fields["user_id"]
    token = f"$({program} token {subject} --data {_shell_path(data)})"
    body = ",".join(f'"{name}":"{value}"' for name, value in fields.items())
    return (
        f"grpcurl -plaintext -H 'audience: server' -H 'role: {'admin' if admin else 'user'}' "
        f"-H \"authorization: Bearer {token}\" -d '{{{body}}}' "
        f"{address} analytics.AnalyticsService/{method}"
    )


def _shell_path(path: Path) -> str:
    """Return a path as short as it can be where the user stands."""
    path, here = path.absolute(), Path.cwd()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))
