"""How the commands reach the service: options, each with an environment variable, and the client made of them."""

import base64
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
from click.core import ParameterSource

from analytics.cli.durations import GO_DURATION

if TYPE_CHECKING:
    from analytics.client import AnalyticsClient, Role, Tls, TokenSupplier

_AUDIENCE: Final = "chronoverse-analytics"
_FILE: Final = click.Path(path_type=Path, dir_okay=False)
CommandT = TypeVar("CommandT", bound=Callable[..., Any])


def _option(name: str, variable: str, words: str, **more: Any) -> Callable[[CommandT], CommandT]:
    return click.option(name, envvar=variable, show_envvar=True, help=words, **more)


_OPTIONS: Final = (
    _option(
        "--address",
        "ANALYTICS_ADDRESS",
        "host:port of the service.",
        default="127.0.0.1:50055",
        show_default=True,
    ),
    _option(
        "--token-file",
        "ANALYTICS_TOKEN_FILE",
        "File of the bearer token, read again for every call.",
        type=_FILE,
    ),
    _option(
        "--token", "ANALYTICS_TOKEN", "The bearer token. Better not here: others see the command line (ps)."
    ),
    _option(
        "--tls/--no-tls", "ANALYTICS_TLS_ENABLED", "Use TLS, as any --tls-… file says, too.", default=None
    ),
    _option(
        "--tls-ca-file", "ANALYTICS_TLS_CA_FILE", "Authority of the service's certificate (PEM).", type=_FILE
    ),
    _option(
        "--tls-cert-file",
        "ANALYTICS_TLS_CERT_FILE",
        "Our certificate, if the service asks for one.",
        type=_FILE,
    ),
    _option("--tls-key-file", "ANALYTICS_TLS_KEY_FILE", "Its key.", type=_FILE),
    _option(
        "--timeout",
        "ANALYTICS_TIMEOUT",
        "The longest a call may take, retries included.",
        type=GO_DURATION,
        default="5s",
        show_default=True,
    ),
)


def connection_options(command: CommandT) -> CommandT:
    """Give a command the options of Connection."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True, kw_only=True)
class Connection:
    """What the options say. `timeout` is in seconds; `tls` None: TLS if any of its files is named."""

    address: str
    token: str | None = field(default=None, repr=False)
    token_file: Path | None = None
    tls: bool | None = None
    tls_ca_file: Path | None = None
    tls_cert_file: Path | None = None
    tls_key_file: Path | None = None
    timeout: float = 5.0

    @property
    def has_token(self) -> bool:
        """Whether there is a token, or a file that should hold one."""
        return bool(self.token or self.token_file)

    def client(self) -> "AnalyticsClient":
        """Return a client, not connected yet. Raises ClientError."""
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its errors reach the user as ours, in a line
        from analytics.client import AnalyticsClient

        supplier = self._supplier()
        role: Role = "admin" if self._claims().get("role") == "admin" else "user"
        return AnalyticsClient.connect(
            self.address, supplier, audience=_AUDIENCE, role=role, tls=self._tls(), timeout_s=self.timeout
        )

    def user_of_token(self) -> str | None:
        """Return the user whom the token names; None: there is no token, or it is nobody's. Raises ClientError."""
        claims = self._claims()
        subject = claims.get("sub")
        return subject if isinstance(subject, str) and claims.get("role") != "admin" else None

    def _supplier(self) -> "TokenSupplier | None":
        from analytics.client import TokenFile

        file, token = self._chosen()
        if file is not None:
            return TokenFile(file)
        return None if token is None else lambda: token

    def _chosen(self) -> tuple[Path | None, str | None]:
        """The command line wins over the environment, and there the file over the token."""
        token_said, file_said = _on_command_line("token"), _on_command_line("token_file")
        if token_said and file_said:
            raise click.UsageError("give --token or --token-file, not both")
        if self.token_file and not token_said:
            return self.token_file, None
        return None, self.token or None

    def _claims(self) -> dict[str, Any]:
        """The claims, unverified: they only save typing. PyJWT takes a quarter of a second to load."""
        supplier = self._supplier()
        try:
            payload = supplier().split(".")[1] if supplier else ""
            claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        except (IndexError, ValueError):
            return {}
        return claims if isinstance(claims, dict) else {}

    def _tls(self) -> "Tls | None":
        from analytics.client import Tls

        files = (self.tls_ca_file, self.tls_cert_file, self.tls_key_file)
        wanted = any(files) if self.tls is None else self.tls
        return Tls(*files) if wanted else None


def _on_command_line(option: str) -> bool:
    context = click.get_current_context(silent=True)
    return context is not None and context.get_parameter_source(option) is ParameterSource.COMMANDLINE
