"""The cheap part of the audit, every few minutes beside the counting: findings are logged, and counted in a metric."""

import threading
from collections import Counter
from typing import Final

import structlog

from analytics.errors import Retryable, Stop
from analytics.store.pool import StatementFailed
from processor import metrics
from processor.audit.auditor import open_stored, sketch
from processor.audit.finding import CHECKS, Finding, Report
from processor.settings import ProcessorSettings

EVERY_S: Final = 600.0
_FIRST_AFTER_S: Final = 60.0
_TIMEOUT_S: Final = 120.0

_log = structlog.get_logger(__name__)


class BackgroundAudit:
    """A daemon thread with a connection of its own: what it does holds up nobody, and nothing that it finds stops us."""

    def __init__(
        self, settings: ProcessorSettings, *, every_s: float = EVERY_S, first_after_s: float = _FIRST_AFTER_S
    ) -> None:
        self._settings, self._every_s, self._first_after_s = settings, every_s, first_after_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)

    def start(self) -> None:
        """Begin to audit."""
        self._thread.start()

    def stop(self) -> None:
        """Audit no more; a question that is being asked is not waited for."""
        self._ended.set()

    def _run(self) -> None:
        pause_s = self._first_after_s
        while not self._ended.wait(pause_s):
            pause_s = self._every_s
            try:
                with open_stored(self._settings, timeout_s=_TIMEOUT_S) as connections:
                    self._note(sketch(connections, self._settings))
            except (Retryable, Stop, StatementFailed) as error:
                _log.warning("not_audited", error=str(error))

    def _note(self, report: Report) -> None:
        found = Counter(one.check for one in report.findings)
        for check in CHECKS:
            metrics.AUDIT_FINDINGS.labels(check).set(found[check])
        for one in report.findings:
            _log_finding(one)


def _log_finding(one: Finding) -> None:
    _log.error("audit_finding", check=one.check, harm=str(one.harm), what=one.what, remedy=one.remedy)
