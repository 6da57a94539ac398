"""Logs of all programs: structured events on stderr, JSON in production and coloured lines in a terminal.

An event has a fixed name and fields from our own vocabulary: no tokens, no record values, no text of a user. While
traces are made, it has `trace_id` and `span_id` of what it belongs to.
"""

import logging
import sys
from typing import Final

import structlog
from structlog.typing import EventDict, Processor

from analytics import tracing
from analytics.settings import Settings


def _add_trace(_: object, __: str, event: EventDict) -> EventDict:
    for name, value in tracing.ids().items():
        event.setdefault(name, value)  # who says it on behalf of another thread has given them
    return event


_SHARED: Final[list[Processor]] = [
    structlog.contextvars.merge_contextvars,
    _add_trace,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def configure_logging(settings: Settings) -> None:
    """Send all logs, those of libraries too, to stderr in one form. To be called once, at the start."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=_SHARED, processors=_rendering(settings))
    )
    logging.basicConfig(handlers=[handler], level=settings.log_level.upper(), force=True)
    # The driver logs each failed connection with a stack trace; its errors reach the log as ours, in a line.
    logging.getLogger("clickhouse_driver").setLevel(logging.CRITICAL)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _rendering(settings: Settings) -> list[Processor]:
    remove_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if _wants_json(settings):
        return [remove_meta, structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    # Other tracebacks print local variables too, and with them tokens and records.
    plain = structlog.dev.plain_traceback
    return [remove_meta, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]


def _wants_json(settings: Settings) -> bool:
    if settings.log_format is not None:
        return settings.log_format == "json"
    return settings.is_production
