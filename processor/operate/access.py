"""What commands reach: ClickHouse and Kafka."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from confluent_kafka.admin import AdminClient

from analytics.errors import StoreMisconfigured
from analytics.store.checks import check_schema
from analytics.store.pool import Pool
from processor.kafka import admin_config
from processor.ledger import Ledger
from processor.lineage_table import Lineage, read_lineages
from processor.settings import ProcessorSettings

TIMEOUT_S: Final = 600.0
"""A command may ask for a lot at once."""

_AT_ONCE: Final = (
    4  # connections, for who has one may call who needs another; they connect when they are used
)


@dataclass(frozen=True)
class Access:
    """Connections of one command, for one thread."""

    settings: ProcessorSettings
    plain: Pool
    columns: Pool
    admin: AdminClient

    @property
    def ledger(self) -> Ledger:
        """The checkpoints."""
        return Ledger(self.plain, self.columns)

    def lineages(self) -> dict[str, Lineage]:
        """Return the logs that are counted. Raises StoreMisconfigured for a database without a usable schema."""
        with self.plain.lend(TIMEOUT_S) as connection:
            check_schema(connection)
        return read_lineages(self.plain)

    def counted_lineages(self) -> dict[str, Lineage]:
        """Return the logs that are counted. Raises StoreMisconfigured where none ever was."""
        lineages = self.lineages()
        if not lineages:
            database = self.settings.clickhouse_database
            raise StoreMisconfigured(f"no processor has ever counted into database {database}: nothing to do")
        return lineages


@contextmanager
def access(settings: ProcessorSettings) -> Iterator[Access]:
    """Give access to what the settings name; nothing is connected before it is used."""
    plain = Pool(settings, size=_AT_ONCE, timeout_s=TIMEOUT_S)
    columns = Pool(settings, size=1, timeout_s=TIMEOUT_S, numpy=True)
    try:
        yield Access(settings, plain, columns, AdminClient(admin_config(settings) | {"log_level": 0}))
    finally:
        plain.close()
        columns.close()
