"""The documents say what is: links lead somewhere, examples work, names and generated parts are the code's own."""

import ast
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headgate.api.dispatch import ROUTES
from headgate.bootstrap.config.document import ABSENT, schema
from headgate.bootstrap.config.loading import parse
from headgate.bootstrap.config.mistakes import ConfigurationRefused
from headgate.cli.main import COMMANDS, load
from headgate.domain.refusal import CODES
from headgate.pool.providers import KINDS
from headgate.telemetry.logs import CallLine, ExchangeLine, ProgramLine

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
DECISIONS = sorted((DOCS / "decisions").glob("*.md"))
SOURCE = "\n".join(path.read_text() for path in sorted((ROOT / "src").rglob("*.py")))
ENVIRONMENT = {kind.key_variable: "a" for kind in KINDS.values()}
FOLDERS = "src|tests|docs|tools|benchmarks|requirements"
ADMIN_ROUTES = {
    (method.upper(), f"/admin/v1{path.replace(':path}', '}')}")
    for method, path in re.findall(r'@router\.(get|post|put|patch|delete)\(\s*"([^"]+)"', SOURCE)
}
ALL_ROUTES = {(method, path) for path, methods in ROUTES.items() for method in methods} | ADMIN_ROUTES


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks whose opening line says exactly `language`."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def shell_lines(text: str) -> Iterator[str]:
    """What a reader would type: lines of shell blocks and indented ones, continued lines joined; code in prose."""
    unfenced = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    indented = "\n".join(line[4:] for line in unfenced.splitlines() if line.startswith("    "))
    for block in (*blocks(text, "bash"), indented):
        yield from block.replace("\\\n", " ").splitlines()
    yield from re.findall(r"`([^`\n]+)`", unfenced)


def documented(pattern: str) -> list[Any]:
    """`pattern` in the shell lines of every document, as pytest's parameters."""
    return [
        pytest.param(match, id=f"{relative(document)}: {match.group(0)[:60]}")
        for document in DOCUMENTS
        for line in shell_lines(document.read_text())
        for match in re.finditer(pattern, line)
    ]


def anchor(heading: str) -> str:
    """A heading's anchor, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", document.read_text()):
        if "://" in target:
            continue
        name, _, place = target.partition("#")
        linked = (document.parent / name) if name else document
        assert linked.exists(), f"{relative(document)} links {target}, which is not there"
        if place:
            headings = re.findall(r"^#+ (.*)$", linked.read_text(), re.MULTILINE)
            assert place in map(anchor, headings), f"{relative(document)} links {target}; there is no such heading"


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_paths_that_are_named_are_there(document: Path) -> None:
    for path in re.findall(rf"`((?:{FOLDERS})/[\w./-]*)`", document.read_text()):
        assert (ROOT / path).exists(), f"{relative(document)} names {path}, which is not there"


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_examples_of_configuration_have_no_mistakes(document: Path) -> None:
    for example in blocks(document.read_text(), "yaml"):
        parse(example.encode(), relative(document), ENVIRONMENT)


def test_the_mistaken_example_is_told_as_the_document_says() -> None:
    text = (DOCS / "configuration.md").read_text()
    (example,), (told,) = blocks(text, "yaml mistaken"), blocks(text, "text")
    with pytest.raises(ConfigurationRefused) as refused:
        parse(example.encode(), "headgate.yaml", ENVIRONMENT)
    assert refused.value.render() + "\n" == told


def test_every_key_of_the_configuration_is_documented() -> None:
    text = (DOCS / "configuration.md").read_text()
    sections = [schema(), *schema()["$defs"].values()]
    for key in {key for section in sections for key in section.get("properties", {})}:
        assert re.search(rf"\b{key}\b", text), f"docs/configuration.md lacks the key {key}"
    for path in ABSENT:
        assert f"`{'.'.join(path)}`" in text, f"docs/configuration.md does not say that {'.'.join(path)} is refused"


def test_documented_defaults_are_the_codes_own() -> None:
    rows = re.findall(r"^\| `([\w.*]+)` \| `([^`]+)` \|$", (DOCS / "configuration.md").read_text(), re.MULTILINE)
    assert rows
    for path, default in rows:
        *steps, last = path.split(".")
        section = schema()
        for step in steps:
            by_name = {"*": next(iter(section.get("patternProperties", {}).values()), None)}
            section = _resolved({**by_name, **section.get("properties", {})}[step])
        found = section["properties"][last]["default"]
        assert default == str(found[0] if isinstance(found, list) else found), f"the default of {path} is {found}"


def _resolved(found: dict[str, Any]) -> dict[str, Any]:
    """A part of the schema, with the reference that it may be replaced; a list stands for its items."""
    found = found.get("items", found)
    resolved: dict[str, Any] = schema()["$defs"][found["$ref"].rpartition("/")[2]] if "$ref" in found else found
    return resolved


@pytest.mark.parametrize("tool", ["tree", "providers"])
def test_what_tools_write_is_fresh(tool: str) -> None:
    done = subprocess.run([sys.executable, f"tools/{tool}.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_life_of_a_request_is_shown_as_it_is_written() -> None:
    lifecycle = re.sub(r"^ {4}", "", (ROOT / "src/headgate/lifecycle.py").read_text(), flags=re.MULTILINE)
    (shown,) = blocks((DOCS / "architecture.md").read_text(), "python")
    assert shown in lifecycle


def test_every_refusal_is_documented_as_it_is() -> None:
    text = (DOCS / "api.md").read_text()
    for code, (status, meaning) in CODES.items():
        assert f"| `{code}` | {status} | {meaning} |" in text
    kept = re.findall(r"`(\w+)`", text.partition("No part of this version refuses with")[2])
    assert kept
    for code in kept:
        assert not re.search(rf'Refusal\(\s*"{code}"', SOURCE), f"docs/api.md says that nothing refuses with {code}"


def test_every_route_is_documented() -> None:
    text = (DOCS / "api.md").read_text()
    assert ADMIN_ROUTES
    for method, path in ALL_ROUTES:
        assert f"`{method} {path}`" in text, f"docs/api.md lacks {method} {path}"


def test_every_header_of_our_own_is_documented() -> None:
    text = (DOCS / "api.md").read_text().lower()
    headers = set(re.findall(r'"(x-headgate-[a-z-]+)"', SOURCE))
    assert headers
    for header in headers:
        assert f"`{header}`" in text, f"docs/api.md lacks {header}"


def test_every_metric_and_every_variable_is_documented() -> None:
    text = (DOCS / "operations.md").read_text()
    metrics = {
        (str(node.args[0].value), ast.literal_eval(node.args[2]))
        for node in ast.walk(ast.parse(SOURCE))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("counter", "histogram", "gauge")
        and isinstance(node.args[0], ast.Constant)
    }
    assert metrics
    for name, labels in metrics:
        assert re.search(rf"^\| `{name}` \| ?{', '.join(labels)} ?\|", text, re.MULTILINE), f"{name} with {labels}"
    for name in set(re.findall(r"HEADGATE_[A-Z_]+", SOURCE)):
        assert f"`{name}`" in text, f"docs/operations.md lacks {name}"


def test_every_field_of_the_log_is_documented() -> None:
    text = (DOCS / "operations.md").read_text()
    for line in (CallLine, ExchangeLine, ProgramLine):
        (row,) = re.findall(rf"^\| `{line.__struct_config__.tag}` \|.*$", text, re.MULTILINE)
        fields = row.split("|")[3]
        assert ["at", *re.findall(r"`(\w+)`", fields)] == list(line.__struct_fields__)


def test_every_command_is_documented() -> None:
    text = (DOCS / "cli.md").read_text()
    for command in COMMANDS:
        assert f"headgate {command}" in text, f"docs/cli.md lacks {command}"


@pytest.mark.parametrize("found", documented(r"(?:^|[\s(/])headgate ([a-z-][^)|]*)"))
def test_commands_that_are_shown_are_there_with_their_options(found: re.Match[str]) -> None:
    name, *words = shlex.split(found.group(1), comments=True)
    if name.startswith("--"):
        return  # options of `headgate` itself
    assert name in COMMANDS, f"there is no command '{name}'"
    command = load(name)
    if verbs := getattr(command, "commands", None):
        assert words, f"'{name}' needs a verb"
        assert words[0] in verbs or words[0].isupper(), f"'{name}' has no verb '{words[0]}'"
        command = verbs.get(words[0], command)
    known = {option for parameter in command.params for option in parameter.opts}
    for word in words:
        if word.startswith("--"):
            assert word.partition("=")[0] in known, f"'{found.group(0)}' has no option {word}"


@pytest.mark.parametrize("found", documented(r"curl .*"))
def test_addresses_that_are_shown_are_served(found: re.Match[str]) -> None:
    words = shlex.split(found.group(0))
    method = words[words.index("-X") + 1] if "-X" in words else "POST" if "-d" in words else "GET"
    path = re.sub(r"^http://[\d.:]+", "", next(word for word in words if word.startswith("http"))).partition("?")[0]
    assert any(
        method == known and re.fullmatch(re.sub(r"{\w+}", "[^/]+", route), path) for known, route in ALL_ROUTES
    ), f"nothing serves {method} {path}"


@pytest.mark.parametrize("found", documented(r"^make ([a-z]+)"))
def test_targets_that_are_shown_are_there(found: re.Match[str]) -> None:
    assert re.search(rf"^{found.group(1)}:.* ## ", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("record", DECISIONS, ids=relative)
def test_a_decision_is_short_numbered_and_names_what_enforces_it(record: Path) -> None:
    text = record.read_text()
    assert text.startswith(f"# {int(record.name[:4])}. ")
    assert len(text.splitlines()) <= 40
    assert text.rstrip().rpartition("\n\n")[2].startswith("Enforced by ")


def test_decisions_are_numbered_without_gaps() -> None:
    assert [int(record.name[:4]) for record in DECISIONS] == list(range(1, len(DECISIONS) + 1))
