"""Whatever a caller sends, the answer is one of the code table: no INTERNAL, no UNKNOWN, and the service goes on."""

import asyncio
import base64
import json
import math
import socket
import threading
import time
from concurrent.futures import Future

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc import StatusCode
from grpc_status import rpc_status
from hypothesis import example, given, settings
from hypothesis import strategies as st

from analytics import analytics_pb2 as pb
from analytics.requests import parse_uuid
from tests.examples import examples
from tests.grpc_world import (
    KEY,
    NOBODYS_WORKFLOW,
    STRANGER,
    USER,
    USER_TOTALS,
    WORKFLOW,
    WORKFLOW_TOTALS,
    FakeLookups,
    metadata,
    serving,
    token,
)

METHODS = ("GetUserAnalytics", "GetWorkflowAnalytics")
ALLOWED = {
    StatusCode.INVALID_ARGUMENT: {"INVALID_FIELD", "MALFORMED_REQUEST"},
    StatusCode.RESOURCE_EXHAUSTED: {"REQUEST_TOO_LARGE"},
    StatusCode.FAILED_PRECONDITION: {"MISSING_CREDENTIALS"},
    StatusCode.UNAUTHENTICATED: {"INVALID_TOKEN"},
    StatusCode.PERMISSION_DENIED: {"PERMISSION_DENIED"},
    StatusCode.NOT_FOUND: {"NO_ANALYTICS"},
}
MANY = settings(max_examples=examples(200, soak=10_000))
NIL = "00000000-0000-0000-0000-000000000000"


class Service:
    """A server on a real socket, in a thread of its own, and a channel to it."""

    def __init__(self):
        lookups = FakeLookups()
        lookups.users, lookups.workflows = {USER: USER_TOTALS}, {(USER, WORKFLOW): WORKFLOW_TOTALS}
        self._loop, self._stop, address = asyncio.new_event_loop(), asyncio.Event(), Future()
        self._thread = threading.Thread(
            target=self._loop.run_until_complete, args=(self._serve(lookups, address),)
        )
        self._thread.start()
        self.address = address.result(30)
        self._channel = grpc.insecure_channel(self.address)
        self._calls = {
            name: self._channel.unary_unary(f"/analytics.AnalyticsService/{name}") for name in METHODS
        }

    async def _serve(self, lookups, address):
        async with serving(lookups) as listening:
            address.set_result(listening)
            await self._stop.wait()

    def ask(self, method, message, sent=None):
        """Code and reason; (OK, "") for an answer that can be read. What is not in the table fails."""
        call = self._calls[method].future(message, metadata=metadata() if sent is None else sent, timeout=30)
        if call.code() is StatusCode.OK:
            assert getattr(pb, f"{method}Response").FromString(call.result()).freshness.stale
            return StatusCode.OK, ""
        reason = _reason(call)
        assert reason in ALLOWED.get(call.code(), ()), (call.code(), call.details())
        return call.code(), reason

    def close(self):
        self._channel.close()
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)
        self._loop.close()


def _reason(call):
    info = error_details_pb2.ErrorInfo()
    status = rpc_status.from_call(call)
    return info.reason if status and any(detail.Unpack(info) for detail in status.details) else None


@pytest.fixture(scope="module")
def service():
    opened = Service()
    yield opened
    opened.close()


# --- messages ---

GOOD = {
    "GetUserAnalytics": pb.GetUserAnalyticsRequest(user_id=str(USER)).SerializeToString(),
    "GetWorkflowAnalytics": pb.GetWorkflowAnalyticsRequest(
        user_id=str(USER), workflow_id=str(WORKFLOW)
    ).SerializeToString(),
}
damage = st.lists(st.tuples(st.integers(0, 100), st.binary(max_size=8), st.integers(0, 8)), max_size=4)


def damaged(message, changes):
    for at, inserted, dropped in changes:
        message = message[:at] + inserted + message[at + dropped :]
    return message


@pytest.mark.parametrize("method", METHODS)
def test_any_bytes_are_answered_as_a_message(service, method):
    @given(
        message=st.one_of(st.binary(max_size=300), damage.map(lambda changes: damaged(GOOD[method], changes)))
    )
    @example(message=b"")
    @example(message=b"\x1f\x8b")  # gzip, which the service unpacks by itself
    @example(message=b"\x0a\xff\xff\xff\xff\x0f")
    @example(message=b"\x0a\x04" * 100_000)
    @MANY
    def check(message):
        service.ask(method, message)

    check()


ids = st.one_of(
    st.text(max_size=60),
    st.sampled_from([NIL, str(USER), USER.hex.upper(), f"{{{USER}}}", str(NOBODYS_WORKFLOW), "x" * 100_000, f"{USER}\0"]),
    st.text("0123456789abcdefABCDEF-{}", min_size=30, max_size=42),
)  # fmt: skip


def is_id(text):
    return parse_uuid(text) not in (None, parse_uuid(NIL))


@given(user=ids, workflow=ids)
@MANY
def test_any_text_is_answered_as_an_id(service, user, workflow):
    asked = pb.GetWorkflowAnalyticsRequest(user_id=user, workflow_id=workflow).SerializeToString()
    code, _ = service.ask("GetWorkflowAnalytics", asked)
    assert (code is StatusCode.INVALID_ARGUMENT) == (not is_id(user) or not is_id(workflow))


@given(user=ids)
@MANY
def test_any_text_is_answered_as_a_user(service, user):
    code, _ = service.ask("GetUserAnalytics", pb.GetUserAnalyticsRequest(user_id=user).SerializeToString())
    assert (code is StatusCode.INVALID_ARGUMENT) == (not is_id(user))


# --- metadata and tokens ---

printable = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=60)
names = st.text("abcdefghijklmnopqrstuvwxyz0123456789_-.", min_size=1, max_size=20).filter(
    lambda name: not name.startswith(("grpc-", ":")) and not name.endswith("-bin")
)
pairs = st.one_of(
    st.tuples(st.sampled_from(["audience", "role", "authorization"]), printable),
    st.tuples(names, printable),
    st.tuples(names.map("{}-bin".format), st.binary(max_size=40)),
)


@given(sent=st.lists(pairs, max_size=12), has_good_ones=st.booleans())
@MANY
def test_any_metadata_are_answered(service, sent, has_good_ones):
    service.ask("GetUserAnalytics", GOOD["GetUserAnalytics"], [*sent, *(metadata() if has_good_ones else [])])


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.just(10**400)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
claims = st.dictionaries(
    st.sampled_from(["exp", "nbf", "iat", "sub", "aud", "iss", "role", "jti", "x"]), json_values
)
headers = st.dictionaries(
    st.sampled_from(["alg", "typ", "kid", "crit", "b64", "zip", "jwk", "x5c"]),
    st.one_of(json_values, st.sampled_from(["EdDSA", "none", "HS256", ["b64"], ["exp"]])),
)


def part(payload):
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def signed(header, payload):
    """A token of any header and claims with a signature that holds."""
    signing = part(header) + b"." + part(payload)
    return (signing + b"." + part(KEY.sign(signing))).decode()


def ask_with(service, bearer):
    return service.ask("GetUserAnalytics", GOOD["GetUserAnalytics"], metadata(bearer))


@given(changes=claims, header=headers)
@example(changes={"exp": 10**400}, header={})
@example(changes={"exp": -(10**400)}, header={})
@example(changes={"nbf": 10**400}, header={})
@example(changes={"exp": math.inf}, header={})
@example(changes={"sub": ["x"]}, header={})
@example(changes={}, header={"alg": ["EdDSA"]})
@example(changes={}, header={"alg": {}})
@example(changes={}, header={"crit": ["b64"], "b64": False})
@MANY
def test_any_claims_are_answered_though_their_signature_holds(service, changes, header):
    now = int(time.time())
    good = {"sub": str(USER), "exp": now + 900, "nbf": now, "role": "user"}
    ask_with(service, signed({"alg": "EdDSA", "typ": "JWT"} | header, good | changes))


@given(
    payload=st.one_of(json_values, st.binary(max_size=60)),
    header=st.one_of(json_values, st.binary(max_size=60)),
)
@example(payload=b"[" * 5000, header={"alg": "EdDSA"})
@example(payload={"sub": str(USER)}, header=b"[" * 5000)
@example(payload=b"9" * 5000, header={"alg": "EdDSA"})
@MANY
def test_any_parts_of_a_token_are_refused(service, payload, header):
    expected = (StatusCode.UNAUTHENTICATED, "INVALID_TOKEN")
    assert ask_with(service, signed(header, payload)) == expected


@given(
    changes=st.lists(
        st.tuples(st.integers(0, 300), st.text("ab.=_-AZ09{", max_size=3), st.integers(0, 3)), min_size=1
    )
)
@MANY
def test_a_damaged_token_is_refused_or_the_same(service, changes):
    whole = token()
    bearer = damaged(whole, changes)
    code, _ = ask_with(service, bearer)
    assert code is StatusCode.OK if bearer == whole else code is not StatusCode.OK


def test_strangers_and_nobody_get_the_same_codes(service):
    """That what is above can tell codes apart."""
    asked = GOOD["GetUserAnalytics"]
    found = [
        service.ask("GetUserAnalytics", asked, sent) for sent in (metadata(), metadata(token(STRANGER)), [])
    ]
    assert [code for code, _ in found] == [
        StatusCode.OK, StatusCode.PERMISSION_DENIED, StatusCode.FAILED_PRECONDITION,
    ]  # fmt: skip


# --- the socket ---


@given(sent=st.binary(min_size=1, max_size=200), is_http2=st.booleans())
@settings(MANY, max_examples=examples(50, soak=2_000))
def test_any_bytes_on_the_socket_harm_nobody_else(service, sent, is_http2):
    host, _, port = service.address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10) as stranger:
        stranger.sendall((b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" if is_http2 else b"") + sent)
        assert service.ask("GetUserAnalytics", GOOD["GetUserAnalytics"])[0] is StatusCode.OK
