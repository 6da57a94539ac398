"""Which files TLS needs, by the settings that name them."""

from pathlib import Path
from typing import NamedTuple


class TlsFiles(NamedTuple):
    """What `<prefix>_CA_FILE`, `<prefix>_CERT_FILE` and `<prefix>_KEY_FILE` say; `prefix` is such as `GRPC_TLS`."""

    prefix: str
    ca: Path | None
    cert: Path | None
    key: Path | None

    def require_for_server(self, *, enabled: bool) -> None:
        """Raise ValueError unless all are named: a server shows a certificate, and asks for its callers' ones."""
        if enabled and None in self:
            raise ValueError(
                f"{self.prefix}_ENABLED needs {self.prefix}_CA_FILE, {self.prefix}_CERT_FILE and {self.prefix}_KEY_FILE"
            )

    def require_for_client(self, *, enabled: bool) -> None:
        """Raise ValueError unless the authority is named, and no certificate comes without its key."""
        problems = []
        if enabled and self.ca is None:
            problems.append(f"{self.prefix}_ENABLED needs {self.prefix}_CA_FILE")
        if (self.cert is None) != (self.key is None):
            problems.append(f"{self.prefix}_CERT_FILE and {self.prefix}_KEY_FILE go together")
        if problems:
            raise ValueError("; ".join(problems))
