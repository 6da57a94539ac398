"""No secret in what the programs write, whatever goes wrong, nor in what `ps` shows of them."""

import re
import secrets
import sys
from pathlib import Path

import grpc
import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from analytics import analytics_pb2 as pb
from analytics import queries
from analytics.analytics_pb2_grpc import AnalyticsServiceStub
from analytics.store.migrate import migrate
from analytics.store.pool import Connection
from sandbox.processes import ChildProcess
from tests.authority import Authority
from tests.eventually import eventually
from tests.grpc_world import KEY, USER, metadata, token
from tests.users_world import DATABASE, PASSWORDS, clickhouse_with_users

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("a_python_of_its_own")]

ASK = pb.GetUserAnalyticsRequest(user_id=str(USER))
WRONG = f"wrong-password-{secrets.token_hex(8)}"
SIGNING_KEY = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


class Programs:
    """Real programs whose output, and command lines, are kept."""

    def __init__(self, folder, environment):
        self._folder, self._environment = folder, environment
        self._started, self.command_lines = [], ""

    def start(self, module, *command, **changes):
        name = f"{module}-{len(self._started)}"
        child = ChildProcess(
            name,
            [sys.executable, "-P", "-m", module, *command],
            self._folder / f"{name}.log",
            environment=self._environment | changes,
        )
        self._started.append(child)
        return child

    def note_command_lines(self):
        for child in self._started:
            if child.exit_code is None:
                self.command_lines += Path(f"/proc/{child.pid}/cmdline").read_text()

    def stop(self):
        for child in self._started:
            child.stop()

    def output(self):
        return "".join(child.log.read_text() for child in self._started)


@pytest.fixture
def tls(tmp_path):
    """Certificates of the service; the files may be broken by a test."""
    authority = Authority(tmp_path, "chronoverse")
    crt, key = authority.issue("analytics")
    return authority, crt, key


@pytest.fixture
def users(tmp_path):
    """Settings of the users of a ClickHouse; the programs run as those that are made for them."""
    with clickhouse_with_users(tmp_path) as world:
        migrate(world.users["migrator"])
        yield world.users


def login_of(settings):
    return {
        "CLICKHOUSE_USERNAME": settings.clickhouse_username,
        "CLICKHOUSE_PASSWORD": settings.clickhouse_password.get_secret_value(),
    }


@pytest.fixture
def programs(tmp_path, users, own_broker, tls):
    authority, crt, key = tls
    public = tmp_path / "auth.ed.pub"
    public.write_bytes(KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    started = Programs(
        tmp_path,
        {
            "ENV": "development",
            "LOG_LEVEL": "debug",
            "LOG_FORMAT": "json",
            "CLICKHOUSE_HOSTS": users["service"].clickhouse_hosts[0],
            "CLICKHOUSE_DATABASE": DATABASE,
            "KAFKA_BROKERS": own_broker.address,
            "KAFKA_SESSION_TIMEOUT": "2s",
            "KAFKA_HEARTBEAT_INTERVAL": "500ms",
            "AUTH_PUBLIC_KEY_PATH": str(public),
            "GRPC_HOST": "localhost",
            "GRPC_PORT": "0",
            "GRPC_TLS_ENABLED": "true",
            "GRPC_TLS_CA_FILE": str(authority.file),
            "GRPC_TLS_CERT_FILE": str(crt),
            "GRPC_TLS_KEY_FILE": str(key),
        },
    )
    yield started
    started.stop()


def port_of(service):
    """Where it listens, as its log says."""

    def find():
        found = re.search(r'"port": (\d+), "tls"', service.log.read_text())
        return found and int(found[1])

    return eventually(find, within_s=30)


def ask(port, authority, bearer):
    """Call the service; return the code and the words of the answer."""
    client_crt, client_key = authority.issue("client")
    credentials = grpc.ssl_channel_credentials(
        authority.file.read_bytes(), client_key.read_bytes(), client_crt.read_bytes()
    )
    with grpc.secure_channel(f"localhost:{port}", credentials) as channel:
        try:
            AnalyticsServiceStub(channel).GetUserAnalytics(ASK, metadata=metadata(bearer), timeout=10)
        except grpc.RpcError as error:
            return error.code().name, error.details()
    return "OK", ""


def progress_of(settings):
    """What processors have reported, read as the service's user."""
    connection = Connection(settings, timeout_s=10)
    try:
        return queries.progress(connection, 5)
    finally:
        connection.close()


def test_no_secret_leaves_the_programs(programs, users, tls):
    """With right and wrong passwords, good and refused tokens, a broken key, and ClickHouse away."""
    reading, writing = login_of(users["service"]), login_of(users["processor"])
    services = [
        programs.start("analytics", "serve", **reading),
        programs.start("analytics", "serve", **reading | {"CLICKHOUSE_PASSWORD": WRONG}),
        programs.start("analytics", "serve", **reading | {"CLICKHOUSE_HOSTS": "127.0.0.1:1"}),
    ]
    processors = [
        programs.start("processor", "run", **writing),
        programs.start("processor", "run", **writing | {"CLICKHOUSE_PASSWORD": WRONG}),
        programs.start("processor", "run", **writing | {"CLICKHOUSE_HOSTS": "127.0.0.1:1"}),
    ]
    bearers = [token(), token(exp=1), token(key="k" * 64, algorithm="HS256")]
    words = [ask(port_of(one), tls[0], bearer) for one in services for bearer in bearers]
    assert [code for code, _ in words] == [
        *("NOT_FOUND", "UNAUTHENTICATED", "UNAUTHENTICATED"),
        *("UNAVAILABLE", "UNAUTHENTICATED", "UNAUTHENTICATED") * 2,
    ]
    for one, event in zip(
        processors, ("partition_assigned", "Authentication failed", "not_ready"), strict=True
    ):
        eventually(lambda one=one, event=event: event in one.log.read_text(), within_s=60)
    eventually(lambda: progress_of(users["service"]), within_s=30)
    key_material = "".join(tls[2].read_text().splitlines()[1:-1])
    tls[2].write_text(
        "\n".join(["-----BEGIN PRIVATE KEY-----", key_material[:40], "-----END PRIVATE KEY-----"])
    )
    ask(port_of(services[0]), tls[0], bearers[0])
    eventually(lambda: "certificates_not_reloaded" in services[0].log.read_text())
    programs.note_command_lines()
    programs.stop()
    known = [
        *PASSWORDS.values(),
        WRONG,
        key_material[:40],
        SIGNING_KEY.splitlines()[1],
        *(part for bearer in bearers for part in bearer.split(".")[1:]),
    ]
    seen = {"output": programs.output(), "ps": programs.command_lines, "answers": str(words)}
    assert [(place, secret) for place, text in seen.items() for secret in known if secret in text] == []
    assert "Traceback" not in seen["output"]
