"""The metadata of a call: who is calling, and the bearer token, which is shown nowhere."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from analytics.client.errors import Misconfigured

Role = Literal["user", "admin"]
TokenSupplier = Callable[[], str]
"""Returns the bearer token of one call; it is asked before every call. What it raises reaches the caller."""

Metadata = tuple[tuple[str, str], ...]
_VISIBLE: Final = re.compile(r"[!-~]+")


@dataclass(frozen=True)
class TokenFile:
    """Supplies the token in a file, which is read again for every call: somebody else keeps it fresh."""

    path: Path

    def __call__(self) -> str:
        """Return the token. Raises Misconfigured."""
        try:
            token = self.path.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise Misconfigured("token_file", f"cannot read {self.path}: {_why(error)}") from None
        if not _VISIBLE.fullmatch(token):
            raise Misconfigured("token_file", f"{self.path} must hold one token and nothing else")
        return token


def call_metadata(token: str | None, *, audience: str, role: Role) -> Metadata:
    """Return the metadata of a call; without a token only a service without auth answers.

    Raises Misconfigured for what gRPC would refuse: its own message shows all metadata, the token too.
    """
    values = {"audience": audience, "role": role} | ({} if token is None else {"token": token})
    for name, value in values.items():
        if not _VISIBLE.fullmatch(value):
            raise Misconfigured(name, "must be visible ASCII characters without blanks")
    caller: Metadata = (("audience", audience), ("role", role))
    return caller if token is None else (*caller, ("authorization", f"Bearer {token}"))


def _why(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or "" if isinstance(error, OSError) else "it is no text"
