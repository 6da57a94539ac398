"""What the processor reads from the environment."""

from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from analytics.settings import Addresses, GoDuration, Settings
from analytics.store.migrate import DEDUPLICATION_WINDOW
from analytics.tls_files import TlsFiles

MOST_BATCH_RECORDS: Final = 400_000
"""Beyond that a batch only takes longer: the more records, the more of them are folded into the same rows."""


LARGEST_MALFORMED_SHARE: Final = 0.1
"""Of the last 10,000 records; more of them mean that a deployment is wrong."""

AssignmentStrategy = Literal["cooperative-sticky", "range"]


class ProcessorSettings(Settings):
    """The settings of `chronoverse-processor`."""

    kafka_brokers: Addresses = ("127.0.0.1:9092",)
    kafka_consumer_group: Annotated[str, Field(min_length=1)] = "analytics-processor"
    kafka_tls_enabled: bool = False
    kafka_tls_ca_file: Path | None = None
    kafka_tls_cert_file: Path | None = None
    kafka_tls_key_file: Path | None = None
    kafka_session_timeout: GoDuration = 45.0
    kafka_heartbeat_interval: GoDuration = 3.0
    kafka_fetch_max_wait: Annotated[GoDuration, Field(le=10)] = 0.1
    kafka_assignment_strategy: AssignmentStrategy = "cooperative-sticky"

    processor_max_batch_records: Annotated[int, Field(ge=1_000, le=MOST_BATCH_RECORDS)] = 200_000
    processor_max_batch_bytes: Annotated[int, Field(ge=1 << 20, le=1 << 30)] = 32 << 20
    processor_min_interval: GoDuration = 0.05
    processor_horizon: GoDuration = 336 * 3600.0
    processor_min_deduplication_window: Annotated[int, Field(ge=1)] = DEDUPLICATION_WINDOW
    processor_growth_grace: GoDuration = 600.0
    processor_max_malformed_share: Annotated[float, Field(ge=0, le=1)] = LARGEST_MALFORMED_SHARE
    processor_stale_after: GoDuration = 30.0
    processor_workers: Annotated[int, Field(ge=1, le=64)] = 2

    def kafka_tls(self) -> TlsFiles:
        """Return the files of the connections to Kafka."""
        return TlsFiles(
            "KAFKA_TLS", self.kafka_tls_ca_file, self.kafka_tls_cert_file, self.kafka_tls_key_file
        )

    def client_tls(self) -> list[TlsFiles]:
        """See Settings."""
        return super().client_tls() + ([self.kafka_tls()] if self.kafka_tls_enabled else [])

    @model_validator(mode="after")
    def _require_kafka_tls_files(self) -> Self:
        self.kafka_tls().require_for_client(enabled=self.kafka_tls_enabled)
        return self

    @property
    def horizon_ms(self) -> int:
        """How long, in record time, an EventKey is remembered."""
        return round(self.processor_horizon * 1000)
