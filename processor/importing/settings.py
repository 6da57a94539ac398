"""What the import reads from the environment: the processor's settings, and PostgreSQL's by Chronoverse's names."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator

from analytics.settings import GoDuration
from processor.settings import ProcessorSettings


class ImportSettings(ProcessorSettings):
    """The settings of `chronoverse-processor import`. Names and defaults of PostgreSQL are those of the Go programs."""

    postgres_host: Annotated[str, Field(min_length=1)] = "localhost"
    postgres_port: Annotated[int, Field(ge=1, le=65535)] = 5432
    postgres_user: str = "postgres"
    postgres_password: SecretStr = SecretStr("postgres")
    postgres_db: str = "chronoverse"
    postgres_dial_timeout: GoDuration = 5.0
    postgres_tls_enabled: bool = False
    postgres_tls_ca_file: Path | None = None
    postgres_tls_cert_file: Path | None = None
    postgres_tls_key_file: Path | None = None

    @model_validator(mode="after")
    def _require_postgres_tls_files(self) -> Self:
        if self.postgres_tls_enabled and self.postgres_tls_ca_file is None:
            raise ValueError("POSTGRES_TLS_ENABLED needs POSTGRES_TLS_CA_FILE")
        if (self.postgres_tls_cert_file is None) != (self.postgres_tls_key_file is None):
            raise ValueError("POSTGRES_TLS_CERT_FILE and POSTGRES_TLS_KEY_FILE go together")
        return self
