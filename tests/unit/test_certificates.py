"""Certificates in files: what is wrong with them is said by the setting, and never by what they hold."""

import pytest
from cryptography import x509
from structlog.testing import capture_logs

from analytics.certificates import CertificateFiles, UnusableCertificates, read_certificates
from analytics.tls_files import TlsFiles
from tests.authority import Authority

SECRET = "c2VjcmV0LW1hcmtlcg=="


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path, "chronoverse")


@pytest.fixture
def files(authority):
    return TlsFiles("KAFKA_TLS", authority.file, *authority.issue("us"))


def complaint(files):
    with pytest.raises(UnusableCertificates) as caught:
        read_certificates(files)
    return str(caught.value)


def test_files_that_fit_are_read_as_they_are(files):
    found = read_certificates(files)
    assert (found.authority, found.chain, found.key) == tuple(path.read_bytes() for path in files[1:])


def test_the_end_of_our_certificate_is_known(files):
    own = x509.load_pem_x509_certificate(files.cert.read_bytes())
    assert read_certificates(files).expires == own.not_valid_after_utc


def test_an_authority_alone_is_enough(authority):
    """Not every server asks for a certificate of ours."""
    assert read_certificates(TlsFiles("KAFKA_TLS", authority.file, None, None)).chain == b""


@pytest.mark.parametrize("name", ["ca", "cert", "key"])
def test_a_missing_file_is_named_by_its_setting(files, tmp_path, name):
    assert complaint(files._replace(**{name: tmp_path / "absent"})).startswith(
        f"KAFKA_TLS_{name.upper()}_FILE: "
    )


@pytest.mark.parametrize("name", ["ca", "cert", "key"])
def test_a_file_that_holds_something_else_is_named_and_not_quoted(files, name):
    getattr(files, name).write_text(f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----\n")
    words = complaint(files)
    assert words.startswith(f"KAFKA_TLS_{name.upper()}_FILE: ")
    assert SECRET not in words


def test_a_key_of_another_certificate_is_refused(files, authority):
    _, other = authority.issue("other")
    assert "KAFKA_TLS_KEY_FILE: is not the key" in complaint(files._replace(key=other))


def test_what_was_read_is_not_shown(files):
    key = files.key.read_text().splitlines()[1]
    assert key not in repr(read_certificates(files))


def test_unchanged_files_are_not_read_again(files):
    assert CertificateFiles(files).changed() is None


def test_changed_files_are_handed_out_once(files, authority):
    watched = CertificateFiles(files)
    authority.issue("us")
    assert watched.changed() == read_certificates(files)
    assert watched.changed() is None


def test_a_file_that_was_written_again_with_the_same_content_is_no_change(files):
    watched = CertificateFiles(files)
    files.cert.write_bytes(files.cert.read_bytes())
    assert watched.changed() is None


def test_a_link_that_leads_to_another_folder_is_a_change(authority, tmp_path):
    """So Kubernetes replaces all files of a secret at once."""
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        crt, key = authority.issue(name)
        crt.rename(tmp_path / name / "tls.crt")
        key.rename(tmp_path / name / "tls.key")
    link = tmp_path / "current"
    link.symlink_to("old")
    watched = CertificateFiles(TlsFiles("GRPC_TLS", authority.file, link / "tls.crt", link / "tls.key"))
    link.unlink()
    link.symlink_to("new")
    assert watched.changed() is not None


def test_what_does_not_fit_is_logged_once_for_each_state_of_the_files(files):
    watched = CertificateFiles(files)
    with capture_logs() as logs:
        for text in ("broken", "still broken"):
            files.key.write_text(text)
            assert (watched.changed(), watched.changed()) == (None, None)
    assert [log["event"] for log in logs] == ["certificates_not_reloaded"] * 2


def test_the_new_end_is_logged(files, authority):
    watched = CertificateFiles(files)
    authority.issue("us", days=(0, 7))
    with capture_logs() as logs:
        assert watched.changed() is not None
    assert logs == [
        {
            "event": "certificates_reloaded",
            "log_level": "info",
            "settings": "KAFKA_TLS",
            "expires": read_certificates(files).expires.isoformat(),
        }
    ]
