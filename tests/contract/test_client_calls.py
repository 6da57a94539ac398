"""The client against the real service on a socket: answers, retries, deadlines, TLS, an address where nobody is."""

import threading
import time
from datetime import timedelta
from pathlib import Path

import grpc
import pytest

from analytics import client as api
from analytics.auth import allow_everyone
from analytics.errors import Overloaded, StoreTimeout, StoreUnavailable
from analytics.model import Totals
from sandbox.ports import free_port
from tests.authority import Authority
from tests.client_world import FailsAtFirst, Hangs, known, service
from tests.eventually import eventually
from tests.grpc_world import STRANGER, USER, WORKFLOW, token


def client(address, supplier=token, **options):
    return api.AnalyticsClient.connect(address, supplier, audience="server", **options)


@pytest.fixture
def asker():
    with service(known(), as_of_ms=time.time_ns() // 1_000_000) as address, client(address) as opened:
        yield opened


# --- answers and refusals ---


def test_totals_of_a_user(asker):
    found = asker.user(USER)
    assert (found.workflows, found.jobs, found.execution_seconds, found.log_lines) == (2, 30, 86400, 1000)
    assert found.freshness.age >= timedelta()
    assert found.freshness.as_of.utcoffset() == timedelta()
    assert found.cache_max_age >= timedelta(seconds=30)


def test_totals_of_a_workflow(asker):
    found = asker.workflow(f"{{{USER.hex}}}", str(WORKFLOW).upper())
    assert (found.workflow_id, found.jobs, found.execution_seconds, found.log_lines) == (
        WORKFLOW,
        12,
        4000,
        999,
    )


@pytest.mark.parametrize(
    ("ask", "kind", "reason"),
    [
        (lambda asker: asker.user("none"), api.InvalidRequest, "INVALID_FIELD"),
        (lambda asker: asker.user(STRANGER), api.NotAllowed, "PERMISSION_DENIED"),
        (lambda asker: asker.workflow(USER, STRANGER), api.NotFound, "NO_ANALYTICS"),
    ],
    ids=["invalid", "another user", "unknown"],
)
def test_refusals(asker, ask, kind, reason):
    with pytest.raises(kind) as caught:
        ask(asker)
    assert caught.value.reason == reason


def test_an_invalid_field_is_named(asker):
    with pytest.raises(api.InvalidRequest) as caught:
        asker.workflow(USER, "none")
    assert (caught.value.field, caught.value.rule) == ("workflow_id", "must be a UUID")


def test_each_call_has_its_own_token():
    """A token that has expired meanwhile is replaced by the next one."""
    tokens = iter([token(exp=1), token()])
    with service(known()) as address, client(address, lambda: next(tokens)) as asker:
        with pytest.raises(api.NotAuthenticated):
            asker.user(USER)
        assert asker.user(USER).jobs == 30


def test_without_auth_no_token_is_needed():
    with service(known(), identify=allow_everyone) as address, client(address, None) as asker:
        assert asker.user(STRANGER)


def test_threads_share_a_client(asker):
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(asker.user(USER).jobs)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [30] * 8


# --- retries and deadlines ---


def test_a_service_that_fails_twice_is_asked_again():
    lookups = FailsAtFirst(StoreUnavailable("gone"), StoreUnavailable("gone"))
    with service(lookups) as address, client(address) as asker:
        assert asker.user(USER).jobs == 0
    assert lookups.asked == 3


def test_an_overload_is_tried_four_times_and_says_when_to_come_back():
    lookups = FailsAtFirst(*[Overloaded("too many", retry_after_s=1.5)] * 9)
    with service(lookups) as address, client(address) as asker, pytest.raises(api.Overloaded) as caught:
        asker.user(USER)
    assert (lookups.asked, caught.value.retry_after) == (4, timedelta(seconds=1.5))


def test_a_timeout_is_not_tried_again():
    lookups = FailsAtFirst(StoreTimeout("slow"))
    with service(lookups) as address, client(address) as asker, pytest.raises(api.TimedOut):
        asker.user(USER)
    assert lookups.asked == 1


def test_the_deadline_holds_for_all_attempts_together():
    with service(Hangs()) as address, client(address, timeout_s=0.3) as asker:
        began = time.monotonic()
        with pytest.raises(api.TimedOut):
            asker.user(USER)
    assert 0.2 < time.monotonic() - began < 5


def test_nobody_at_the_address():
    with client(f"127.0.0.1:{free_port()}") as asker, pytest.raises(api.Unavailable) as caught:
        asker.user(USER)
    assert caught.value.reason == "", "no service said so"
    assert isinstance(caught.value.__cause__, grpc.RpcError)


def test_a_service_that_comes_back_is_found():
    """The same client goes on; nobody has to make a new one."""
    port = free_port()
    with client(f"127.0.0.1:{port}") as asker:
        with pytest.raises(api.Unavailable):
            asker.user(USER)
        with service(known(), grpc_port=port):
            assert asker.user(USER).jobs == 30


def test_calls_go_round_all_addresses():
    """Two services that know different numbers both answer, by turns."""
    other = known()
    other.users[USER] = Totals(jobs=7)
    with service(known()) as one, service(other) as two, client(f"ipv4:{one},{two}") as asker:
        eventually(lambda: {asker.user(USER).jobs for _ in range(4)} == {7, 30})


def test_a_channel_of_ones_own():
    """Any channel will do."""
    with service(known()) as address, grpc.insecure_channel(address) as channel:
        assert api.AnalyticsClient(channel, token, audience="server").user(USER).jobs == 30


# --- TLS ---


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path, "chronoverse")


@pytest.fixture
def secured(authority):
    """The address of a service that wants certificates, and the TLS of a client that has one."""
    crt, pem = authority.issue("analytics")
    options = {"grpc_tls_cert_file": crt, "grpc_tls_key_file": pem, "grpc_tls_ca_file": authority.file}
    with service(known(), grpc_host="localhost", grpc_tls_enabled=True, **options) as address:
        yield (
            address.replace("127.0.0.1", "localhost"),
            api.Tls(authority.file, *authority.issue("server")),
        )


def test_both_sides_show_certificates(secured):
    address, tls = secured
    with client(address, tls=tls) as asker:
        assert asker.user(USER).jobs == 30


def test_without_a_certificate_nobody_answers(secured):
    address, tls = secured
    with client(address, tls=api.Tls(tls.ca_file)) as asker, pytest.raises(api.Unavailable):
        asker.user(USER)


@pytest.mark.parametrize("field", ["ca_file", "cert_file", "key_file"])
def test_a_file_that_is_absent_is_named(secured, field):
    address, tls = secured
    files = vars(tls) | {field: Path("nowhere")}
    with pytest.raises(api.Misconfigured, match=f"{field}: cannot read nowhere: No such file"):
        client(address, tls=api.Tls(**files))


@pytest.mark.parametrize(
    ("field", "rule"),
    [("ca_file", "a certificate"), ("cert_file", "a certificate"), ("key_file", "private key")],
)
def test_a_file_of_something_else_is_named(secured, tmp_path, field, rule):
    address, tls = secured
    (tmp_path / "wrong").write_text("something else")
    with pytest.raises(api.Misconfigured, match=f"{field}: must hold .*{rule}"):
        client(address, tls=api.Tls(**vars(tls) | {field: tmp_path / "wrong"}))


def test_a_key_of_another_certificate_is_named(secured, authority):
    address, tls = secured
    _, other = authority.issue("other")
    with pytest.raises(api.Misconfigured, match="key_file: is not the key"):
        client(address, tls=api.Tls(tls.ca_file, tls.cert_file, other))


@pytest.mark.parametrize("field", ["cert_file", "key_file"])
def test_certificate_and_key_go_together(secured, field):
    address, tls = secured
    with pytest.raises(api.Misconfigured, match=field):
        client(address, tls=api.Tls(**vars(tls) | {field: None}))
