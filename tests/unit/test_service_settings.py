import pytest
from click.testing import CliRunner

from analytics.__main__ import main
from analytics.settings import InvalidSettings, ServiceSettings, load


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("15m", 900), ("336h", 1_209_600), ("1m30s", 90), ("2.5s", 2.5)]
)
def test_go_durations(monkeypatch, text, seconds):
    """Durations are written as in Go."""
    monkeypatch.setenv("GRPC_REQUEST_TIMEOUT", text)
    assert load(ServiceSettings).grpc_request_timeout == pytest.approx(seconds)


def test_production_needs_auth(monkeypatch):
    """Auth cannot be turned off in production."""
    monkeypatch.setenv("ENV", "production")
    monkeypatch.setenv("AUTH_ENABLED", "false")
    with pytest.raises(InvalidSettings, match="AUTH_ENABLED"):
        load(ServiceSettings)


def test_tls_needs_its_files(monkeypatch):
    """TLS without certificates is refused."""
    monkeypatch.setenv("GRPC_TLS_ENABLED", "true")
    with pytest.raises(InvalidSettings, match="GRPC_TLS_CA_FILE"):
        load(ServiceSettings)


def test_serve_lists_every_problem(monkeypatch):
    """Invalid settings end the program with 78 and one line each."""
    monkeypatch.setenv("GRPC_PORT", "many")
    monkeypatch.setenv("CLICKHOUSE_HOSTS", "nowhere")
    result = CliRunner().invoke(main, ["serve"])
    assert result.exit_code == 78
    assert "GRPC_PORT" in result.stderr
    assert "CLICKHOUSE_HOSTS" in result.stderr
