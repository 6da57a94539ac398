"""How a command ends that did not get its answer: words and an exit code."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import click
from grpc import StatusCode

from analytics import exit_codes
from analytics.cli.connection import Connection
from analytics.client import (
    CallFailed,
    ClientError,
    InvalidRequest,
    Misconfigured,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    ServiceFailed,
    TryLater,
)

_CODES: Final[Mapping[type[ClientError], int]] = {
    TryLater: exit_codes.TRY_AGAIN,
    InvalidRequest: exit_codes.USAGE,
    NotFound: exit_codes.NOT_FOUND,
    NotAuthenticated: exit_codes.NOT_ALLOWED,
    NotAllowed: exit_codes.NOT_ALLOWED,
    ServiceFailed: exit_codes.SERVICE_FAILED,
    Misconfigured: exit_codes.INVALID_SETTINGS,
}


@contextmanager
def explained(connection: Connection) -> Iterator[None]:
    """End the program with words on standard error when a ClientError is raised."""
    try:
        yield
    except ClientError as error:
        click.echo(f"Error: {words(error, connection)}", err=True)
        sys.exit(exit_code(error))


def exit_code(error: ClientError) -> int:
    """Return the exit code: that of the nearest base class in the table."""
    return next(_CODES[kind] for kind in type(error).__mro__ if kind in _CODES)


def words(error: ClientError, connection: Connection) -> str:
    """Return what the service said with its reason; without one there was no service that answered."""
    if isinstance(error, Misconfigured):
        return f"{_option(error.setting)}: {error.problem}"
    if isinstance(error, CallFailed) and error.code is StatusCode.UNIMPLEMENTED:
        return f"the service at {connection.address} is older than this command: it cannot answer it (UNIMPLEMENTED)"
    if not isinstance(error, CallFailed) or not error.reason:
        code = f" ({error.code.name})" if isinstance(error, CallFailed) else ""
        return f"no answer from {connection.address}: {error}{code}"
    said = f"{error} ({error.reason})"
    if isinstance(error, NotAuthenticated) and not connection.has_token:
        return f"{said}. Set ANALYTICS_TOKEN_FILE or ANALYTICS_TOKEN"
    return said


def _option(setting: str) -> str:
    is_tls = setting in ("ca_file", "cert_file", "key_file")
    return "--" + ("tls-" if is_tls else "") + setting.replace("_", "-")
