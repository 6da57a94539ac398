"""Noticing that the certificates for Kafka have changed. librdkafka reads them when a client is made, and never again."""

import time
from collections.abc import Callable
from typing import Final

from analytics.certificates import CertificateFiles, UnusableCertificates
from analytics.settings import InvalidSettings
from processor.settings import ProcessorSettings

_LOOK_EVERY_S: Final = 2.0


class CertificatesChanged(Exception):
    """The files hold other certificates than those with which the clients of Kafka were made."""


class KafkaCertificates:
    """The files that the settings name; none without TLS."""

    def __init__(self, settings: ProcessorSettings, clock: Callable[[], float] = time.monotonic) -> None:
        """Raises InvalidSettings."""
        self._clock = clock
        self._look_at = clock() + _LOOK_EVERY_S
        try:
            self._files = CertificateFiles(settings.kafka_tls()) if settings.kafka_tls_enabled else None
        except UnusableCertificates as error:
            raise InvalidSettings(f"invalid settings:\n  {error}") from None

    def require_unchanged(self) -> None:
        """Raise CertificatesChanged, once, when the files hold others that fit together. Cheap to call often."""
        if self._files is None or self._clock() < self._look_at:
            return
        self._look_at = self._clock() + _LOOK_EVERY_S
        if self._files.changed() is not None:
            raise CertificatesChanged
