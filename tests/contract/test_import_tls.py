"""The import's connection to a PostgreSQL that demands TLS and the certificate of its client, as Chronoverse's does."""

import pytest
from pydantic import SecretStr

from analytics.errors import Retryable
from processor.importing.go_tables import go_tables
from processor.importing.settings import ImportSettings
from tests.authority import Authority
from tests.go_service import SCHEMA
from tests.postgres import PASSWORD, USER, LocalPostgres
from tests.tls_gate import TlsGate

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls"), "an authority")


@pytest.fixture(scope="module")
def port(authority):
    """Of a server whose name is localhost."""
    certificate, key = authority.issue("server", addresses=())
    with LocalPostgres() as server:
        with server.connect() as connection:
            connection.execute(SCHEMA)
        place = "127.0.0.1", server.port
        with TlsGate(place, authority=authority.file, certificate=certificate, key=key) as gate:
            yield gate.port


@pytest.fixture
def users(port, authority):
    """How many users the import sees, with these settings."""

    certificate, key = authority.issue("client")
    key.chmod(0o600)  # libpq demands it

    def ask(**changes):
        given = {
            "postgres_host": "localhost",
            "postgres_port": port,
            "postgres_user": USER,
            "postgres_password": SecretStr(PASSWORD),
            "postgres_db": "postgres",
            "postgres_tls_enabled": True,
            "postgres_tls_ca_file": authority.file,
            "postgres_tls_cert_file": certificate,
            "postgres_tls_key_file": key,
        }
        with go_tables(ImportSettings(**given | changes), history=True) as tables:
            return tables.totals().users

    return ask


def test_both_sides_know_each_other(users):
    assert users() == 0


def test_a_server_of_another_authority_is_refused(users, tmp_path):
    with pytest.raises(Retryable, match="certificate verify failed"):
        users(postgres_tls_ca_file=Authority(tmp_path, "another one").file)


def test_a_server_of_another_name_is_refused(users):
    with pytest.raises(Retryable, match="does not match host name"):
        users(postgres_host="127.0.0.1")


def test_without_a_certificate_of_its_own_it_is_refused(users):
    with pytest.raises(Retryable, match="PostgreSQL does not answer"):
        users(postgres_tls_cert_file=None, postgres_tls_key_file=None)
