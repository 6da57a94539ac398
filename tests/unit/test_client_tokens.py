"""Tokens that a file holds."""

import pytest

from analytics import client as api


def test_a_token_file_is_read_for_every_call(tmp_path):
    file = tmp_path / "token"
    supply = api.TokenFile(file)
    for token in ("one", "two"):
        file.write_text(f"{token}\n")
        assert supply() == token


@pytest.mark.parametrize("content", [None, b"\xff"], ids=["absent", "no text"])
def test_a_token_file_that_cannot_be_read_is_named(tmp_path, content):
    file = tmp_path / "token"
    if content:
        file.write_bytes(content)
    with pytest.raises(api.Misconfigured, match=rf"token_file: cannot read {file}: .+"):
        api.TokenFile(file)()


@pytest.mark.parametrize("content", ["", "one two"], ids=["empty", "two words"])
def test_a_file_without_a_token_is_named(tmp_path, content):
    file = tmp_path / "token"
    file.write_text(content)
    with pytest.raises(api.Misconfigured, match=rf"token_file: {file} must hold one token"):
        api.TokenFile(file)()
