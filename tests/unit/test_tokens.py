from datetime import UTC, datetime, timedelta

import jwt
import pytest

from sandbox.tokens import create_key_pair, sign_token

NOW = datetime(2026, 5, 1, tzinfo=UTC)
USER = "53f6ca8f-5a0b-424c-8498-ce3d1ff32533"


@pytest.fixture
def keys(tmp_path):
    private, public = tmp_path / "keys" / "auth.ed", tmp_path / "keys" / "auth.ed.pub"
    create_key_pair(private, public)
    return private, public


def test_only_the_owner_reads_the_private_key(keys):
    assert keys[0].stat().st_mode & 0o777 == 0o600


def test_a_token_has_the_claims_of_chronoverse(keys):
    private, public = keys
    token = sign_token(private, USER, now=NOW)
    claims = jwt.decode(
        token,
        public.read_bytes(),
        algorithms=["EdDSA"],
        options={"verify_aud": False, "verify_exp": False, "verify_nbf": False, "verify_iat": False},
    )
    assert claims == {
        "aud": "server",
        "iss": "chronoverse-sandbox",
        "sub": USER,
        "role": "user",
        "nbf": int(NOW.timestamp()),
        "iat": int(NOW.timestamp()),
        "exp": int((NOW + timedelta(minutes=15)).timestamp()),
    }
