"""Who is calling, and whose data they may read.

The signed claims decide, never the metadata beside them. Tokens are EdDSA (Ed25519) JWTs and never logged.
"""

import math
import re
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from analytics.errors import InvalidToken, MissingCredentials, PermissionDenied
from analytics.requests import parse_uuid
from analytics.settings import InvalidSettings

NOT_BEFORE_LEEWAY_S: Final = 5.0  # clocks of two machines differ
_REQUIRED_METADATA: Final = ("audience", "role", "authorization")
_BEARER: Final = re.compile(r"Bearer (\S+)")
# The audience is the caller's own name, iss and iat are not ours; _require_valid_now compares the times.
_OPTIONS: Final[Any] = {
    "require": ["exp", "sub"],
    "verify_aud": False,
    "verify_iss": False,
    "verify_iat": False,
    "verify_exp": False,
    "verify_nbf": False,
}

Metadata = Iterable[tuple[str, str | bytes]]


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever holds the token: may read everything, or one user's data, or (user_id None) nothing.

    `expires_at_s`: until when, in Unix seconds. `name` is the signed one, empty without a token: to tell callers apart,
    not for a log.
    """

    reads_everything: bool
    user_id: UUID | None = None
    expires_at_s: float = math.inf
    name: str = field(default="", compare=False)

    def require_access(self, user_id: UUID) -> None:
        """Raise PermissionDenied when the data of that user is not the caller's to read."""
        if not self.reads_everything and self.user_id != user_id:
            raise PermissionDenied("the token does not allow to read this user's data")


Identify = Callable[[Metadata], Caller]


def allow_everyone(_: Metadata) -> Caller:
    """Identify any caller as one who reads everything: for AUTH_ENABLED=false only."""
    return Caller(reads_everything=True)


class TokenVerifier:
    """Identifies callers by the bearer token in their metadata."""

    def __init__(self, public_key: Ed25519PublicKey, clock: Callable[[], float] = time.time) -> None:
        self._public_key = public_key
        self._clock = clock

    def __call__(self, metadata: Metadata) -> Caller:
        """Return the caller. Raises MissingCredentials or InvalidToken."""
        claims = self._verified_claims(_bearer_token(metadata))
        _require_valid_now(claims, self._clock())
        expires_at_s, subject = _numeric_date(claims["exp"]), claims["sub"]
        if claims.get("role") == "admin":
            return Caller(reads_everything=True, expires_at_s=expires_at_s, name=subject)
        user_id = parse_uuid(subject)
        return Caller(
            reads_everything=False, user_id=user_id, expires_at_s=expires_at_s, name=str(user_id or subject)
        )

    def _verified_claims(self, token: str) -> dict[str, Any]:
        try:
            return jwt.decode(token, self._public_key, algorithms=["EdDSA"], options=_OPTIONS)
        except (jwt.PyJWTError, ValueError, RecursionError):  # RecursionError: a header of brackets only
            raise InvalidToken("the token is not valid") from None


def load_public_key(path: Path) -> Ed25519PublicKey:
    """Return the Ed25519 public key of a PEM file. Raises InvalidSettings."""
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise _invalid_key(f"cannot read {path}: {error}") from None
    if not isinstance(key, Ed25519PublicKey):
        raise _invalid_key(f"{path} must hold an Ed25519 public key")
    return key


def _invalid_key(problem: str) -> InvalidSettings:
    return InvalidSettings(f"invalid settings:\n  AUTH_PUBLIC_KEY_PATH: {problem}")


def _bearer_token(metadata: Metadata) -> str:
    values: dict[str, str | bytes] = {}
    for name, value in metadata:
        values.setdefault(name, value)  # the first value counts
    for name in _REQUIRED_METADATA:
        if not values.get(name):
            raise MissingCredentials(f"metadata {name} is required")
    match = _BEARER.fullmatch(str(values["authorization"]))
    if match is None:
        raise MissingCredentials("metadata authorization must be 'Bearer <token>'")
    return match[1]


def _require_valid_now(claims: dict[str, Any], now_s: float) -> None:
    """Raise InvalidToken unless nbf (when given) <= now < exp; RFC 7519 allows a fraction of a second."""
    if _numeric_date(claims["exp"]) <= now_s:
        raise InvalidToken("the token has expired")
    if claims.get("nbf") is not None and _numeric_date(claims["nbf"]) > now_s + NOT_BEFORE_LEEWAY_S:
        raise InvalidToken("the token is not valid yet")


def _numeric_date(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
        raise InvalidToken("the times of the token are not numbers")
    return value
