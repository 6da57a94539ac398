"""TLS with client certificates to ClickHouse and Kafka: what is shown, what is trusted, and what a rotation does."""

import ssl

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from cryptography import x509

from analytics import queries
from analytics.errors import StoreUnavailable
from analytics.settings import InvalidSettings, load
from analytics.store.pool import Connection
from processor.certificates import KafkaCertificates
from processor.kafka import admin_config, consumer_config, producer_config
from processor.settings import ProcessorSettings
from tests.authority import Authority
from tests.tls_server import TlsServer


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path, "chronoverse")


@pytest.fixture
def ours(authority):
    """Our certificate and its key."""
    return authority.issue("us")


@pytest.fixture
def server(authority):
    with TlsServer(authority) as listening:
        yield listening


def serial_of(file):
    return x509.load_pem_x509_certificate(file.read_bytes()).serial_number


def settings_for(server, ca, cert=None, key=None, **more):
    """Settings of a processor whose ClickHouse and Kafka are that server."""
    tls = {"enabled": True, "ca_file": ca, "cert_file": cert, "key_file": key}
    return ProcessorSettings(
        clickhouse_hosts=(server.address,),
        kafka_brokers=(server.address,),
        clickhouse_connect_timeout=5,
        **more,
        **{f"{store}_tls_{name}": value for store in ("clickhouse", "kafka") for name, value in tls.items()},
    )


def meet_clickhouse(settings):
    """Connect; the server says nothing after the handshake."""
    connection = Connection(settings, timeout_s=5)
    with pytest.raises(StoreUnavailable) as caught:
        connection.open()
    connection.close()
    return str(caught.value)


def meet_kafka(settings):
    """The same with a client of Kafka."""
    with pytest.raises(KafkaException):
        AdminClient(admin_config(settings) | {"log_level": 0}).list_topics(timeout=1)


@pytest.mark.parametrize("meet", [meet_clickhouse, meet_kafka])
def test_our_certificate_is_shown(server, authority, ours, meet):
    meet(settings_for(server, authority.file, *ours))
    assert server.serials[0] == serial_of(ours[0])


@pytest.mark.parametrize("meet", [meet_clickhouse, meet_kafka])
def test_without_a_certificate_there_is_no_connection(server, authority, meet):
    meet(settings_for(server, authority.file))
    assert server.serials == []


@pytest.mark.parametrize("meet", [meet_clickhouse, meet_kafka])
def test_a_server_of_another_authority_is_not_trusted(server, tmp_path, ours, meet):
    (tmp_path / "other").mkdir()
    meet(settings_for(server, Authority(tmp_path / "other", "other").file, *ours))
    assert server.serials == []


def test_why_there_is_no_connection_is_said(server, tmp_path, ours):
    (tmp_path / "other").mkdir()
    words = meet_clickhouse(settings_for(server, Authority(tmp_path / "other", "other").file, *ours))
    assert "certificate verify failed" in words


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")  # old versions are what is refused
@pytest.mark.parametrize("meet", [meet_clickhouse, meet_kafka])
def test_a_server_with_tls_1_1_only_is_refused(authority, ours, meet):
    with TlsServer(authority, newest=ssl.TLSVersion.TLSv1_1) as old:
        meet(settings_for(old, authority.file, *ours))
        assert old.serials == []


def test_the_next_connection_to_clickhouse_shows_the_new_certificate(server, authority, ours):
    """The same pool goes on: files are read at every connect."""
    connection = Connection(settings_for(server, authority.file, *ours), timeout_s=5)
    serials = []
    for _ in range(2):
        crt, _ = authority.issue("us")
        serials.append(serial_of(crt))
        with pytest.raises(StoreUnavailable):
            connection.open()
        connection.close()
    assert server.serials == serials


@pytest.mark.integration
def test_a_real_clickhouse_is_asked_through_tls(database, authority, ours):
    """All that the service does: pooled connections, reads, and a rotation between two of them."""
    with TlsServer(authority, before=database.clickhouse_hosts[0]) as secured:
        settings = settings_for(
            secured, authority.file, *ours, clickhouse_database=database.clickhouse_database
        )
        connection = Connection(settings, timeout_s=5)
        assert queries.progress(connection, 5) == []
        first = serial_of(ours[0])
        authority.issue("us")
        assert queries.progress(connection, 5) == []
        connection.close()
        assert queries.progress(connection, 5) == []
        connection.close()
    assert secured.serials == [first, serial_of(ours[0])]


@pytest.mark.parametrize("config", [admin_config, producer_config, consumer_config])
def test_every_client_of_kafka_uses_tls(server, authority, ours, config):
    made = config(settings_for(server, authority.file, *ours))
    assert {name: value for name, value in made.items() if name.startswith(("ssl", "security"))} == {
        "security.protocol": "ssl",
        "ssl.ca.location": str(authority.file),
        "ssl.certificate.location": str(ours[0]),
        "ssl.key.location": str(ours[1]),
    }


def test_a_change_of_kafkas_certificates_is_told_once(server, authority, ours):
    """Whoever is told makes its clients anew."""
    told = []
    certificates = KafkaCertificates(settings_for(server, authority.file, *ours), lambda: told.append(1))
    assert not certificates.look()
    authority.issue("us")
    assert certificates.look()
    assert not certificates.look()
    assert (told, certificates.have_changed) == ([1], True)


def test_half_a_rotation_is_no_change(server, authority, ours):
    certificates = KafkaCertificates(settings_for(server, authority.file, *ours), pytest.fail)
    ours[1].write_text("half of a key")
    assert not certificates.look()
    assert not certificates.have_changed


def test_without_tls_nothing_is_watched():
    assert not KafkaCertificates(ProcessorSettings(), pytest.fail).look()


@pytest.mark.parametrize("store", ["CLICKHOUSE", "KAFKA"])
def test_tls_without_an_authority_is_a_problem_of_settings(monkeypatch, store):
    monkeypatch.setenv(f"{store}_TLS_ENABLED", "true")
    with pytest.raises(InvalidSettings, match=f"{store}_TLS_ENABLED needs {store}_TLS_CA_FILE"):
        load(ProcessorSettings)


@pytest.mark.parametrize("store", ["CLICKHOUSE", "KAFKA"])
@pytest.mark.parametrize("alone", ["CERT", "KEY"])
def test_a_certificate_and_its_key_go_together(monkeypatch, authority, store, alone):
    monkeypatch.setenv(f"{store}_TLS_ENABLED", "true")
    monkeypatch.setenv(f"{store}_TLS_CA_FILE", str(authority.file))
    monkeypatch.setenv(f"{store}_TLS_{alone}_FILE", str(authority.file))
    with pytest.raises(InvalidSettings, match=f"{store}_TLS_CERT_FILE and {store}_TLS_KEY_FILE go together"):
        load(ProcessorSettings)


def test_all_files_that_cannot_be_used_are_named_at_once(monkeypatch, tmp_path):
    """Before anything is connected."""
    for store in ("CLICKHOUSE", "KAFKA"):
        monkeypatch.setenv(f"{store}_TLS_ENABLED", "true")
        monkeypatch.setenv(f"{store}_TLS_CA_FILE", str(tmp_path / "absent"))
    with pytest.raises(InvalidSettings) as caught:
        load(ProcessorSettings)
    for store in ("CLICKHOUSE", "KAFKA"):
        assert f"{store}_TLS_CA_FILE: cannot be read: No such file or directory" in str(caught.value)
