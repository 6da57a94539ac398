"""Certificates in files: read together, checked that they fit, and read again when the files have changed.

What the files hold never reaches a log or an error; the settings that name them do.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificates

from analytics.tls_files import TlsFiles

_UNREADABLE: Final = (ValueError, TypeError, UnsupportedAlgorithm)  # TypeError: a key that wants a password

_log = structlog.get_logger(__name__)


class UnusableCertificates(Exception):
    """A file cannot be read, is no PEM, or does not fit the others; the message names the setting."""


@dataclass(frozen=True, slots=True)
class Certificates:
    """What the files hold. `chain` and `key` are empty where no certificate of our own is named."""

    authority: bytes = field(repr=False)
    chain: bytes = field(repr=False)
    key: bytes = field(repr=False)
    expires: datetime | None = field(default=None, compare=False)
    """When our own certificate does."""


def read_certificates(files: TlsFiles) -> Certificates:
    """Return what the files hold now. Raises UnusableCertificates."""
    authority = _read(files.prefix, "CA_FILE", files.ca)
    chain = _read(files.prefix, "CERT_FILE", files.cert)
    key = _read(files.prefix, "KEY_FILE", files.key)
    _parse(files.prefix, "CA_FILE", load_pem_x509_certificates, authority, "certificate")
    if files.cert is None:
        return Certificates(authority, chain, key)
    (own, *_) = _parse(files.prefix, "CERT_FILE", load_pem_x509_certificates, chain, "certificate")
    private = _parse(files.prefix, "KEY_FILE", _load_key, key, "private key without a password")
    if own.public_key() != private.public_key():
        raise UnusableCertificates(
            f"{files.prefix}_KEY_FILE: is not the key of the certificate in {files.prefix}_CERT_FILE"
        )
    return Certificates(authority, chain, key, own.not_valid_after_utc)


class CertificateFiles:
    """Certificates that are read again when their files have changed. For any thread."""

    def __init__(self, files: TlsFiles) -> None:
        """Read them a first time. Raises UnusableCertificates."""
        self._files = files
        self._lock = threading.Lock()
        self._state = _state(files)  # first: what changes while they are read is read again
        self.current = read_certificates(files)

    def changed(self) -> Certificates | None:
        """Return what the files hold when that has changed since the last time, and all of it fits; else None.

        While it does not fit, the former certificates stay: a rotation replaces one file after the other. It is logged
        once for every state of the files.
        """
        with self._lock:
            state = _state(self._files)
            if state == self._state:
                return None
            self._state = state
            try:
                found = read_certificates(self._files)
            except UnusableCertificates as error:
                _log.warning(
                    "certificates_not_reloaded", why=str(error), meaning="the former ones stay in use"
                )
                return None
            if found == self.current:
                return None
            self.current = found
            expires = None if found.expires is None else found.expires.isoformat()
            _log.info("certificates_reloaded", settings=self._files.prefix, expires=expires)
            return found


def _state(files: TlsFiles) -> tuple[object, ...]:
    """Return what differs when a file was written, or replaced by another one."""
    return tuple(_stat(path) for path in (files.ca, files.cert, files.key))


def _stat(path: Path | None) -> object:
    try:
        found = None if path is None else path.stat()
    except OSError as error:
        return error.errno
    return None if found is None else (found.st_ino, found.st_size, found.st_mtime_ns)


def _read(prefix: str, setting: str, path: Path | None) -> bytes:
    try:
        return b"" if path is None else path.read_bytes()
    except OSError as error:
        raise UnusableCertificates(f"{prefix}_{setting}: cannot be read: {error.strerror}") from None


def _load_key(pem: bytes) -> Any:
    return load_pem_private_key(pem, password=None)


def _parse(prefix: str, setting: str, load: Callable[[bytes], Any], pem: bytes, what: str) -> Any:
    try:
        return load(pem)
    except _UNREADABLE:
        raise UnusableCertificates(f"{prefix}_{setting}: holds no {what} (PEM)") from None
