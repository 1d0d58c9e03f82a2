"""docs/clients.md shows what `headgate connect` prints, and what clients of which versions were seen to print."""

import json
import re
from pathlib import Path

import pytest

from headgate.cli.clients import CLIENTS, text_for
from headgate.cli.remote import DEFAULT_URL

ROOT = Path(__file__).resolve().parents[2]
TESTED = ROOT / "tests" / "clients"
DOCUMENT = (ROOT / "docs" / "clients.md").read_text()
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", DOCUMENT, re.DOTALL | re.MULTILINE))
GOLDEN = {
    "langchain": ["langchain-ChatOpenAI", "langchain-ChatAnthropic"],
    **{name: [name] for name in CLIENTS if name != "langchain"},
}
PACKAGES = {
    "claude-code": ["@anthropic-ai/claude-code"],
    "codex": ["@openai/codex"],
    "openai": ["openai"],
    "openai-node": ["openai"],
    "anthropic": ["anthropic"],
    "anthropic-node": ["@anthropic-ai/sdk"],
    "langchain": ["langchain-openai", "langchain-anthropic"],
}


def version(client: str, package: str) -> str:
    """The version of `package` that the tests of `client` install."""
    manifest = TESTED / client / "package.json"
    if manifest.exists():
        found: str = json.loads(manifest.read_text())["dependencies"][package]
        return found
    own = TESTED / client / "requirements.txt"
    lock = own if own.exists() else ROOT / "requirements" / "dev.txt"
    (pinned,) = re.findall(rf"^{re.escape(package)}==(\S+)", lock.read_text(), re.MULTILINE)
    return str(pinned)


@pytest.mark.parametrize("client", CLIENTS)
def test_the_document_has_what_connect_prints(client: str) -> None:
    known = CLIENTS[client]
    section = SECTIONS[known.title]
    assert f"```{known.language}\n{text_for(known, DEFAULT_URL, None)}```" in section
    assert f"`headgate connect {client}`" in section
    for name in (*known.variables, *([known.file] if known.file else [])):
        assert f"`{name}`" in section


@pytest.mark.parametrize("client", CLIENTS)
def test_the_document_has_what_the_client_shows(client: str) -> None:
    section = SECTIONS[CLIENTS[client].title]
    for golden in GOLDEN[client]:
        assert f"```text\n{(TESTED / 'golden' / golden).with_suffix('.txt').read_text()}```" in section
    assert {path.stem for path in (TESTED / "golden").iterdir()} == {
        name for names in GOLDEN.values() for name in names
    }


@pytest.mark.parametrize("client", CLIENTS)
def test_the_document_names_the_versions_that_were_seen(client: str) -> None:
    for package in PACKAGES[client]:
        assert f"`{package}` {version(client, package)}" in SECTIONS[CLIENTS[client].title]


def test_every_section_of_a_client_is_of_one_that_connect_knows() -> None:
    shown = {title for title, section in SECTIONS.items() if "`headgate connect " in section}
    assert shown == {known.title for known in CLIENTS.values()}


@pytest.mark.parametrize("lock", sorted(TESTED.glob("*/package-lock.json")), ids=lambda path: path.parent.name)
def test_lock_files_hold_hashes_and_no_addresses(lock: Path) -> None:
    packages = json.loads(lock.read_text())["packages"]
    assert packages.pop("")["dependencies"] == json.loads(lock.with_name("package.json").read_text())["dependencies"]
    for name, package in packages.items():
        assert "resolved" not in package, f"{name}: run `make lock`, which leaves the address out"
        assert package["integrity"].startswith("sha512-"), name
