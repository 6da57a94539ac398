"""Noticing that the certificates for Kafka have changed. librdkafka reads them when a client is made, and never again."""

import threading
import time
from collections.abc import Callable
from typing import Final

from analytics.certificates import CertificateFiles
from processor.settings import ProcessorSettings

_LOOK_EVERY_S: Final = 2.0


class KafkaCertificates:
    """The files that the settings name, none without TLS. `on_change` is called once, when they hold others that fit."""

    def __init__(
        self, settings: ProcessorSettings, on_change: Callable[[], None], *, every_s: float = _LOOK_EVERY_S
    ) -> None:
        self._on_change, self._every_s = on_change, every_s
        self._files: CertificateFiles | None = None
        self.have_changed = False
        if settings.kafka_tls_enabled:
            self._files = CertificateFiles(
                settings.kafka_tls()
            )  # which can be read: the settings were checked

    def watch(self) -> None:
        """Begin to look, in a thread that ends with the process."""
        if self._files is not None:
            threading.Thread(target=self._watch, name="certificates", daemon=True).start()

    def look(self) -> bool:
        """Look once; return whether they have changed, and have it told."""
        if self._files is None or self._files.changed() is None:
            return False
        self.have_changed = True
        self._on_change()
        return True

    def _watch(self) -> None:
        while not self.look():
            time.sleep(self._every_s)
