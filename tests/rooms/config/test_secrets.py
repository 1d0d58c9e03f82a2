"""References to secrets: where they lead, and that no sentence repeats a secret."""

from pathlib import Path

import pytest

from headgate.storage.secrets import MAX_SECRET_BYTES, Reference, SecretUnavailable, reference


def test_a_variable_is_read_from_the_environment() -> None:
    assert reference("${env:NAME}").resolve({"NAME": "value"}) == "value"


def test_a_file_is_read_without_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("value\n")
    assert reference(f"${{file:{tmp_path}/key}}").resolve({}) == "value"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("plain", "never as itself"),
        ("x${env:NAME}", "never as itself"),
        ("${env:NAME}x", "never as itself"),
        ("${env:}", "never as itself"),
        ("${env:NOT-A-NAME}", "not the name of an environment variable"),
        ("${file:relative/key}", "absolute path"),
        ("${vault:a#b}", "not part of this version"),
        ("${aws:a#b}", "not part of this version"),
        ("${keyring:a}", "there are no secrets from 'keyring'"),
    ],
)
def test_what_is_no_reference_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(SecretUnavailable, match=sentence):
        reference(text)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"top-secret\nsecond-line", "line breaks"),
        (b"\xff\xfe", "not UTF-8"),
        (b"x" * (MAX_SECRET_BYTES + 1), "longer than"),
    ],
)
def test_an_unusable_file_is_refused_without_showing_it(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(SecretUnavailable, match=sentence) as refused:
        Reference("file", str(tmp_path / "key")).resolve({})
    assert "top-secret" not in str(refused.value)


def test_a_directory_or_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SecretUnavailable, match="Is a directory"):
        Reference("file", str(tmp_path)).resolve({})
    with pytest.raises(SecretUnavailable, match="No such file"):
        Reference("file", str(tmp_path / "none")).resolve({})


def test_an_unset_and_an_empty_variable_are_told_apart() -> None:
    with pytest.raises(SecretUnavailable, match="NAME is not set"):
        reference("${env:NAME}").resolve({})
    with pytest.raises(SecretUnavailable, match="NAME is empty"):
        reference("${env:NAME}").resolve({"NAME": ""})
