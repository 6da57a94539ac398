"""The command line of the processor: `chronoverse-processor run`, and the commands of an operator."""

import signal
import threading
from collections.abc import Callable
from typing import Final, TypeVar

import click
import structlog

from analytics import exit_codes
from analytics import settings as environment
from analytics.errors import Retryable, Stop
from analytics.settings import InvalidSettings
from analytics.telemetry import configure_logging
from processor.memory import keep_freed_memory, spare_the_collector
from processor.operate.backup_commands import backup, restore
from processor.operate.commands import adopt, audit, dead_letters, import_, rebuild, skip, status
from processor.operate.entry import end
from processor.operate.shard_commands import shards
from processor.process import STRANDED, become_anew
from processor.settings import ProcessorSettings

_PAUSE_S: Final = 1.0
_NEW_CERTIFICATES: Final = "the certificates for Kafka have changed"

_log = structlog.get_logger("processor")
T = TypeVar("T")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="chronoverse-analytics")
def main() -> None:
    """Count Chronoverse's events into ClickHouse, each exactly once. Configured by environment variables."""


@main.command()
def run() -> None:
    """Consume, count and report until SIGTERM or SIGINT.

    Exit codes: 0 after a signal, 65 when going on could make numbers wrong, 78 when a setting is invalid.
    """
    try:
        settings = environment.load(ProcessorSettings)
    except InvalidSettings as error:
        end(str(error), exit_codes.INVALID_SETTINGS)
    configure_logging(settings)
    stop, signalled = threading.Event(), threading.Event()

    def end_for_good(*_: object) -> None:
        signalled.set()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end_for_good)
    keep_freed_memory()
    from processor.certificates import KafkaCertificates  # loads what --help does not need

    certificates = KafkaCertificates(settings, on_change=stop.set)
    certificates.watch()
    try:
        is_stranded = _count(settings, stop)
    except Stop as error:
        _log.error("stopped", why=str(error))
        end(str(error), exit_codes.STOP)
    if (certificates.have_changed or is_stranded) and not signalled.is_set():
        _log.info("beginning_again", why=STRANDED if is_stranded else _NEW_CERTIFICATES)
        become_anew()


def _count(settings: ProcessorSettings, stop: threading.Event) -> bool:
    from processor.run import Processor  # loads clients that --help does not need

    processor = Processor(settings)
    if until_it_works(processor.prepare, stop):
        spare_the_collector()
        return processor.run(stop)
    return False


def until_it_works(action: Callable[[], None], stop: threading.Event) -> bool:
    """Call `action` until it raises no Retryable; return False when `stop` is set before."""
    while not stop.is_set():
        try:
            action()
        except Retryable as error:
            _log.warning("not_ready", error=str(error), again_in_s=_PAUSE_S)
            stop.wait(_PAUSE_S)
        else:
            return True
    return False


for _command in (status, audit, skip, adopt, rebuild, backup, restore, import_, shards):
    main.add_command(_command)
main.add_command(dead_letters, "dead-letters")


if __name__ == "__main__":
    main()
