"""The key pair that all services share, and tokens as the HTTP gateway and the workers sign them."""

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Literal

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

AUDIENCE: Final = "server"
ISSUER: Final = "chronoverse-sandbox"
TTL: Final = timedelta(minutes=15)
Role = Literal["user", "admin"]


def create_key_pair(private: Path, public: Path) -> None:
    """Write a new Ed25519 key pair as PEM; only the owner may read the private one."""
    key = Ed25519PrivateKey.generate()
    private.parent.mkdir(parents=True, exist_ok=True)
    private.unlink(missing_ok=True)
    descriptor = os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def sign_token(
    private: Path, subject: str, *, now: datetime, role: Role = "user", ttl: timedelta = TTL
) -> str:
    """Return a token for `subject`: the id of a user, or `internal/…` for a worker with the role `admin`."""
    claims = {
        "aud": AUDIENCE,
        "iss": ISSUER,
        "sub": subject,
        "role": role,
        "nbf": now,
        "iat": now,
        "exp": now + ttl,
    }
    return jwt.encode(claims, private.read_bytes(), algorithm="EdDSA")


def call_metadata(token: str, role: Role = "user") -> tuple[tuple[str, str], ...]:
    """Return the gRPC metadata of a call with this token."""
    return (("audience", AUDIENCE), ("role", role), ("authorization", f"Bearer {token}"))
