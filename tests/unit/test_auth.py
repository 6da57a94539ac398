import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from analytics.auth import TokenVerifier, load_public_key
from analytics.errors import InvalidToken, MissingCredentials, PermissionDenied
from analytics.settings import InvalidSettings
from tests.grpc_world import KEY, NO_CLAIM, STRANGER, USER, metadata, token

NOW = 1_800_000_000
identify = TokenVerifier(KEY.public_key(), clock=lambda: NOW)


def token_at(subject=USER, **changes):
    """A token that is valid at NOW."""
    return token(subject, **{"nbf": NOW, "iat": NOW, "exp": NOW + 900} | changes)


def test_user_token_names_its_user():
    """The claim sub says whose data a user's token reads."""
    found = identify(metadata(token_at()))
    assert (found.reads_everything, found.user_id) == (False, USER)


def test_the_caller_is_known_until_the_token_expires():
    """Streams end before."""
    assert identify(metadata(token_at())).expires_at_s == NOW + 900


def test_user_token_reads_only_its_user():
    """Another user's data is refused."""
    with pytest.raises(PermissionDenied):
        identify(metadata(token_at())).require_access(STRANGER)


@pytest.mark.parametrize("spelling", [str(USER).upper(), USER.hex, "{" + str(USER) + "}"])
def test_sub_is_compared_as_uuid(spelling):
    """The spelling of sub does not matter."""
    identify(metadata(token_at(spelling))).require_access(USER)


def test_admin_claim_reads_everyone():
    """A token with the claim admin reads any user, whatever its sub is."""
    identify(metadata(token_at("internal/workers", role="admin"))).require_access(STRANGER)


@pytest.mark.parametrize("role", ["user", "Admin", "", None, ["admin"], NO_CLAIM])
def test_other_roles_are_users(role):
    """Any other claim, or none, is a user: sub must match."""
    with pytest.raises(PermissionDenied):
        identify(metadata(token_at("internal/workers", role=role))).require_access(USER)


def test_metadata_role_is_not_trusted():
    """The metadata role admin beside a user's token gives nothing."""
    with pytest.raises(PermissionDenied):
        identify(metadata(token_at(), role="admin")).require_access(STRANGER)


@pytest.mark.parametrize("name", ["audience", "role", "authorization"])
@pytest.mark.parametrize("value", [None, ""])
def test_missing_metadata(name, value):
    """Each of the three must be there and not empty; the error names it."""
    with pytest.raises(MissingCredentials, match=name):
        identify(metadata(token_at(), **{name: value}))


@pytest.mark.parametrize(
    "form",
    [
        "{}",
        "bearer {}",
        "BEARER {}",
        "Bearer  {}",
        "Bearer\t{}",
        "Bearer",
        "Bearer ",
        "Basic {}",
        "Bearer {} x",
    ],
)
def test_malformed_authorization(form):
    """`Bearer`, one blank, the token: nothing else."""
    with pytest.raises(MissingCredentials, match="authorization"):
        identify(metadata(authorization=form.format(token_at())))


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": NOW},
        {"exp": NOW - 1},
        {"exp": NO_CLAIM},
        {"exp": "tomorrow"},
        {"exp": True},
        {"exp": float("inf")},
        {"exp": 10**400},
        {"nbf": 10**400},
        {"sub": NO_CLAIM},
        {"sub": 7},
        {"nbf": NOW + 60},
        {"nbf": "soon"},
        {"key": Ed25519PrivateKey.generate()},
        {"key": "x" * 64, "algorithm": "HS256"},
        {"key": None, "algorithm": "none"},
    ],
)
def test_refused_tokens(changes):
    """Expired, not yet valid, unsigned, signed otherwise, without exp or sub: no caller."""
    with pytest.raises(InvalidToken):
        identify(metadata(token_at(**changes)))


@pytest.mark.parametrize("garbage", ["x", "a.b.c", "..", "W1tbW1s.e30.e30", "." * 5000])
def test_garbage_is_no_token(garbage):
    """What is no JWT at all is an invalid token, never a crash."""
    with pytest.raises(InvalidToken):
        identify(metadata(garbage))


def test_deeply_nested_header():
    """A header of brackets only does not overrun the stack."""
    header = jwt.utils.base64url_encode(b"[" * 5000).decode()
    with pytest.raises(InvalidToken):
        identify(metadata(f"{header}.e30.e30"))


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": NO_CLAIM},
        {"aud": "anyone"},
        {"iss": NO_CLAIM},
        {"iat": NOW + 9999},
        {"iat": NO_CLAIM},
        {"nbf": NO_CLAIM},
        {"nbf": NOW + 3},
    ],
)
def test_what_is_not_checked(changes):
    """aud, iss and iat are not ours; nbf may be absent or a few seconds ahead."""
    assert identify(metadata(token_at(**changes))).user_id == USER


def test_errors_do_not_contain_the_token():
    """No error carries the token to a log."""
    bearer = token_at(exp=NOW - 1)
    with pytest.raises(InvalidToken) as caught:
        identify(metadata(bearer))
    assert bearer not in repr(caught.value)
    assert caught.value.__cause__ is None


def test_public_key_is_loaded(tmp_path):
    """The PEM file of the public key is read."""
    path = tmp_path / "auth.ed.pub"
    path.write_bytes(KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    assert load_public_key(path) == KEY.public_key()


@pytest.mark.parametrize("content", [None, b"", b"not PEM"])
def test_unreadable_public_key(tmp_path, content):
    """A key file that is missing or no key is a matter of settings, named."""
    path = tmp_path / "auth.ed.pub"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidSettings, match="AUTH_PUBLIC_KEY_PATH"):
        load_public_key(path)
