"""Kafka over TLS with client certificates, and a rotation of them under a processor that counts."""

from collections.abc import Iterator

import pytest

from sandbox.kafka import LocalKafka
from sandbox.ports import LOCALHOST, free_port
from tests.authority import Authority
from tests.eventually import eventually
from tests.faults.log import some_events

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "chronoverse")


@pytest.fixture(scope="module")
def secure_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def kafka(tmp_path_factory, authority, secure_port) -> Iterator[LocalKafka]:
    """A broker with a second listener that demands certificates; the test itself uses the plain one."""
    directory = tmp_path_factory.mktemp("kafka")
    crt, key = authority.issue("broker")
    both = directory / "broker.pem"
    both.write_bytes(key.read_bytes() + crt.read_bytes())
    plain, controller, secure = free_port(), free_port(), f"SSL://{LOCALHOST}:{secure_port}"
    listeners = f"PLAINTEXT://{LOCALHOST}:{plain},{secure}"
    settings = {
        "listeners": f"{listeners},CONTROLLER://{LOCALHOST}:{controller}",
        "advertised.listeners": listeners,
        "controller.quorum.voters": f"1@{LOCALHOST}:{controller}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL",
        "inter.broker.listener.name": "PLAINTEXT",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": both,
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": authority.file,
        "ssl.client.auth": "required",
    }
    with LocalKafka(directory, plain, settings=settings) as server:
        yield server


@pytest.fixture
def secured(authority, secure_port, tmp_path):
    """Settings of a processor that uses TLS, with the files us.crt and us.key of the test's own."""
    return {
        "KAFKA_BROKERS": f"{LOCALHOST}:{secure_port}",
        "KAFKA_TLS_ENABLED": "true",
        "KAFKA_TLS_CA_FILE": str(authority.file),
        "KAFKA_TLS_CERT_FILE": str(tmp_path / "us.crt"),
        "KAFKA_TLS_KEY_FILE": str(tmp_path / "us.key"),
    }


def put(issued, folder):
    """Put a certificate and its key in the place of those that the processor has, one after the other."""
    for file, name in zip(issued, ("us.crt", "us.key"), strict=True):
        (folder / f"{name}.new").write_bytes(file.read_bytes())
        (folder / f"{name}.new").replace(folder / name)


def test_a_rotation_under_a_processor_that_counts_costs_nothing(world, authority, secured, tmp_path):
    """It begins anew in the same process, counts every event once, and ends as any other."""
    put(authority.issue("first"), tmp_path)
    worker = world.start(**secured)
    pid = worker.pid
    world.publish(some_events(0, 300))
    world.await_applied(1)
    put(authority.issue("second"), tmp_path)
    world.publish(some_events(300, 300))
    eventually(lambda: "beginning_again" in worker.log_text, within_s=30)
    world.publish(some_events(600, 300))
    world.require_exact()
    assert worker.runs
    assert worker.pid == pid
    worker.ask_to_stop()
    worker.await_end(0)


def test_a_processor_that_is_refused_goes_on_once_its_certificate_is_replaced(
    world, authority, secured, tmp_path
):
    """One of another authority, or an expired one: without a restart."""
    (tmp_path / "other").mkdir()
    put(Authority(tmp_path / "other", "other").issue("us"), tmp_path)
    worker = world.start(**secured)
    world.publish(some_events(0, 100))
    eventually(lambda: "not_ready" in worker.log_text, within_s=60)
    assert world.applied() == 0
    put(authority.issue("third"), tmp_path)
    world.require_exact()
