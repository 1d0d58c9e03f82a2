"""From a file to a configuration that can be applied, or to every mistake in it at once."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from headgate.bootstrap.config.compilation import Secrets, compile_policy, compile_settings
from headgate.bootstrap.config.document import Document
from headgate.bootstrap.config.mistakes import ConfigurationRefused, Mistake
from headgate.bootstrap.config.references import check_references
from headgate.bootstrap.config.tree import MAX_BYTES, Tree, read_tree
from headgate.bootstrap.config.validation import validate
from headgate.domain.policy import Policy, Settings
from headgate.storage.secrets import Reference

BUILT_IN_NAME: Final = "built-in"
BUILT_IN: Final = b"version: 1\n"
"""The configuration where there is no file: everything left out, so the demo model answers."""


class Configuration(msgspec.Struct, frozen=True, eq=False):
    """A configuration without mistakes."""

    origin: str
    """The file, or `built-in`."""
    document: Document
    text: str
    """The document as JSON, with references to secrets and never a secret: what a version's row keeps."""
    policy: Policy
    """Its version is 0 until `numbered`."""
    settings: Settings
    database_url: str | None
    """None where PostgreSQL is embedded."""

    def numbered(self, version: int) -> "Configuration":
        """The same configuration under the number of its row in `policy_versions`."""
        return msgspec.structs.replace(self, policy=msgspec.structs.replace(self.policy, version=version))

    def __repr__(self) -> str:
        return f"Configuration(origin={self.origin!r}, version={self.policy.version}, digest={self.policy.digest!r})"


def load(path: Path | None, environment: Mapping[str, str]) -> Configuration:
    """The configuration in the file `path`; None gives the built-in one.

    Raises:
        ConfigurationRefused: with every mistake in the file, or because it cannot be read.
    """
    if path is None:
        return parse(BUILT_IN, BUILT_IN_NAME, environment)
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigurationRefused(
            str(path), [Mistake(1, 1, f"the file cannot be read: {error.strerror}")], []
        ) from None
    return parse(raw, str(path), environment)


def parse(raw: bytes, name: str, environment: Mapping[str, str]) -> Configuration:
    """The configuration in `raw`; messages call its source `name`.

    Raises:
        ConfigurationRefused: with every mistake.
    """
    tree = read_tree(raw)
    document = validate(tree) if tree.data is not None else None
    check_references(tree, environment)
    if document is None or tree.mistakes:
        raise ConfigurationRefused(name, tree.mistakes, tree.lines)
    return _configuration(tree, document, name, environment)


def _configuration(tree: Tree, document: Document, name: str, environment: Mapping[str, str]) -> Configuration:
    text = json.dumps(tree.data, ensure_ascii=False, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).hexdigest()
    secrets = Secrets({provider: section.resolve(environment) for provider, section in document.providers.items()})
    database = document.store.database
    return Configuration(
        origin=name,
        document=document,
        text=text,
        policy=compile_policy(document, secrets, version=0, digest=digest),
        settings=compile_settings(document, lambda team: f"{name}:{tree.at(('teams', team), key=True).line}"),
        database_url=database.resolve(environment) if isinstance(database, Reference) else database,
    )
