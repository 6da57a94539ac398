"""The environment, read once: typed, complete and frozen. Durations are written as in Go (`500ms`, `15m`, `336h`)."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from analytics.tls_files import TlsFiles

_GO_UNITS_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_GO_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+")
_GO_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")


def parse_go_duration_s(text: object) -> object:
    """Return the seconds of a Go duration such as `1m30s`; numbers pass through. Raises ValueError."""
    if isinstance(text, int | float):
        return text
    if not isinstance(text, str) or not _GO_DURATION.fullmatch(text):
        raise ValueError("must be a duration such as 500ms, 15m or 336h")
    return sum(float(number) * _GO_UNITS_S[unit] for number, unit in _GO_PART.findall(text))


def _split_list(text: object) -> object:
    return [part.strip() for part in text.split(",") if part.strip()] if isinstance(text, str) else text


def _nothing_if_empty(text: object) -> object:
    return None if text == "" else text


def _check_url(url: str) -> str:
    scheme, _, host = url.partition("://")
    if scheme not in ("http", "https") or not host.strip("/"):
        raise ValueError("must be a URL such as http://collector:4317 (https:// for TLS)")
    return url


def _check_host_port(address: str) -> str:
    host, colon, port = address.rpartition(":")
    if not (host and colon and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError("each address must be host:port")
    return address


GoDuration = Annotated[float, BeforeValidator(parse_go_duration_s), Field(gt=0)]
Addresses = Annotated[
    tuple[Annotated[str, BeforeValidator(_check_host_port)], ...],
    NoDecode,
    BeforeValidator(_split_list),
    Field(min_length=1),
]
Url = Annotated[str, AfterValidator(_check_url)]
Port = Annotated[int, Field(ge=0, le=65535)]
SettingsT = TypeVar("SettingsT", bound="Settings")


class InvalidSettings(Exception):
    """The environment does not make a valid configuration; the message lists every problem."""


class Settings(BaseSettings):
    """What every program of the project reads."""

    model_config = SettingsConfigDict(frozen=True, case_sensitive=False, extra="ignore")

    env: str = "development"

    clickhouse_hosts: Addresses = ("127.0.0.1:9000",)
    clickhouse_database: str = "analytics"
    clickhouse_username: str = "default"
    clickhouse_password: SecretStr = SecretStr("")
    clickhouse_tls_enabled: bool = False
    clickhouse_tls_ca_file: Path | None = None
    clickhouse_tls_cert_file: Path | None = None
    clickhouse_tls_key_file: Path | None = None
    clickhouse_connect_timeout: GoDuration = 5.0

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "console"] | None = None
    metrics_port: Port | None = None
    otel_exporter_otlp_endpoint: Annotated[Url | None, BeforeValidator(_nothing_if_empty)] = None

    @property
    def is_production(self) -> bool:
        """Whether the stricter rules of a production environment hold."""
        return self.env == "production"

    def clickhouse_tls(self) -> TlsFiles:
        """Return the files of the connections to ClickHouse."""
        ca, cert, key = (
            self.clickhouse_tls_ca_file,
            self.clickhouse_tls_cert_file,
            self.clickhouse_tls_key_file,
        )
        return TlsFiles("CLICKHOUSE_TLS", ca, cert, key)

    def client_tls(self) -> list[TlsFiles]:
        """Return the files of all connections that this program opens with TLS."""
        return [self.clickhouse_tls()] if self.clickhouse_tls_enabled else []

    @model_validator(mode="after")
    def _require_clickhouse_tls_files(self) -> Self:
        self.clickhouse_tls().require_for_client(enabled=self.clickhouse_tls_enabled)
        return self


class ServiceSettings(Settings):
    """What the gRPC service reads."""

    grpc_host: str = "0.0.0.0"  # noqa: S104 -- a service in a container listens on every address; GRPC_HOST narrows it
    grpc_port: Port = 50055
    grpc_request_timeout: GoDuration = 5.0
    grpc_tls_enabled: bool = False
    grpc_tls_ca_file: Path | None = None
    grpc_tls_cert_file: Path | None = None
    grpc_tls_key_file: Path | None = None
    grpc_drain_timeout: GoDuration = 10.0
    clickhouse_pool_size: Annotated[int, Field(ge=1, le=256)] = 4
    clickhouse_insights_pool_size: Annotated[int, Field(ge=1, le=256)] = 4

    auth_enabled: bool = True
    auth_public_key_path: Path = Path("certs/auth.ed.pub")
    analytics_unknown_user: Literal["not_found", "zeros"] = "not_found"
    analytics_stale_after: GoDuration = 30.0
    analytics_max_waiting: Annotated[int, Field(ge=1)] = 1024
    analytics_max_concurrent_per_caller: Annotated[int, Field(ge=1)] = 64
    analytics_max_concurrent_per_service: Annotated[int, Field(ge=1)] = 512

    @model_validator(mode="after")
    def _refuse_open_production(self) -> Self:
        if self.is_production and not self.auth_enabled:
            raise ValueError("AUTH_ENABLED=false is refused with ENV=production")
        return self

    def grpc_tls(self) -> TlsFiles:
        """Return the files of the gRPC server."""
        return TlsFiles("GRPC_TLS", self.grpc_tls_ca_file, self.grpc_tls_cert_file, self.grpc_tls_key_file)

    @model_validator(mode="after")
    def _require_grpc_tls_files(self) -> Self:
        self.grpc_tls().require_for_server(enabled=self.grpc_tls_enabled)
        return self


def load(settings: type[SettingsT], **overrides: Any) -> SettingsT:
    """Return the settings read from the environment. Raises InvalidSettings, which names every problem at once."""
    try:
        loaded = settings(**overrides)
    except ValidationError as error:
        raise InvalidSettings(_explain(error)) from None
    _require_usable(loaded.client_tls())
    return loaded


def _require_usable(files: list[TlsFiles]) -> None:
    """Raise InvalidSettings for certificates that no connection could be opened with."""
    if not files:
        return
    from analytics.certificates import UnusableCertificates, read_certificates  # slow to load

    problems = []
    for one in files:
        try:
            read_certificates(one)
        except UnusableCertificates as error:
            problems.append(f"  {error}")
    if problems:
        raise InvalidSettings("invalid settings:\n" + "\n".join(problems))


def _explain(error: ValidationError) -> str:
    """Return one line a problem, with the variable's name and the rule, without the value (it may be a secret)."""
    lines = []
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        name = str(problem["loc"][0]).upper() if problem["loc"] else ""
        message = problem["msg"].removeprefix("Value error, ")
        lines.append(f"  {name}: {message}" if name else f"  {message}")
    return "invalid settings:\n" + "\n".join(lines)
