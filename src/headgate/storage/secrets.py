"""Secrets by reference: `${env:NAME}` and `${file:/path}`; the configuration holds the reference, never the secret."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

MAX_SECRET_BYTES: Final = 64 * 1024
_REFERENCE: Final = re.compile(r"\$\{([a-z]+):([^{}\s][^{}]*)\}\Z")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_LATER: Final = ("vault", "aws")


class SecretUnavailable(Exception):
    """A reference is wrong, or its secret cannot be had; the sentence never holds a secret."""


class Reference(msgspec.Struct, frozen=True):
    """Where a secret is kept."""

    source: str
    """`env` or `file`."""
    place: str
    """The variable's name or the file's absolute path."""

    def resolve(self, environment: Mapping[str, str]) -> str:
        """The secret itself, without the line ends around it.

        Raises:
            SecretUnavailable: it is missing, empty, unreadable, or no printable text.
        """
        if self.source == "env":
            where, secret = f"the environment variable {self.place}", environment.get(self.place)
            if secret is None:
                raise SecretUnavailable(f"{where} is not set")
        else:
            where, secret = f"the secret file {self.place}", _read(Path(self.place))
        secret = secret.strip("\r\n")
        if not secret.strip():
            raise SecretUnavailable(f"{where} is empty")
        if not secret.isprintable():
            raise SecretUnavailable(f"{where} holds line breaks or control characters")
        return secret


def is_reference(text: str) -> bool:
    """Whether `text` is written as a reference, rightly or not."""
    return text.startswith("${") and text.endswith("}")


def reference(text: str) -> Reference:
    """The reference that `text` writes.

    Raises:
        SecretUnavailable: `text` is a literal or a reference of a kind that cannot be read; it is not repeated.
    """
    match = _REFERENCE.match(text)
    if match is None:
        raise SecretUnavailable("a secret is written as ${env:NAME} or ${file:/path}, never as itself")
    source, place = match.groups()
    if source in _LATER:
        raise SecretUnavailable(
            f"secrets from {source} are not part of this version; write ${{env:NAME}} or ${{file:/path}}"
        )
    if source == "env" and not _NAME.match(place):
        raise SecretUnavailable(f"'{place}' is not the name of an environment variable")
    if source == "file" and not place.startswith("/"):
        raise SecretUnavailable(f"a secret file is named by its absolute path, not '{place}'")
    if source not in ("env", "file"):
        raise SecretUnavailable(f"there are no secrets from '{source}'; write ${{env:NAME}} or ${{file:/path}}")
    return Reference(source, place)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_SECRET_BYTES + 1)
    except OSError as error:
        raise SecretUnavailable(f"the secret file {path} cannot be read: {error.strerror}") from None
    if len(raw) > MAX_SECRET_BYTES:
        raise SecretUnavailable(f"the secret file {path} is longer than {MAX_SECRET_BYTES} bytes")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise SecretUnavailable(f"the secret file {path} is not UTF-8 text") from None
