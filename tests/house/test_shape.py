"""The rules of the house that a linter does not know; each failure says what to do instead."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "src" / "headgate").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 50
MAX_PARAMETERS = 6
BANNED_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "core", "manager", "handler", "misc"}
SQL = re.compile(r"\b(SELECT\s.+\sFROM|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM)\b", re.DOTALL)
REGISTRY_HOSTS = re.compile("p" + r"ypi\.org|p" + r"ythonhosted\.|r" + r"egistry\.npmjs|d" + r"eb\.debian\.")


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def tracked() -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    return [ROOT / line for line in listing.stdout.splitlines() if (ROOT / line).is_file()]


@pytest.mark.parametrize("path", SOURCES + TESTS, ids=relative)
def test_a_file_has_at_most_400_lines(path: Path) -> None:
    lines = len(path.read_text().splitlines())
    assert lines <= MAX_FILE_LINES, f"{relative(path)} has {lines} lines: split it where its topics part"


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_a_function_is_short_and_takes_few_parameters(path: Path) -> None:
    for function in functions(path):
        where = f"{relative(path)}:{function.lineno} {function.name}"
        length = (function.end_lineno or function.lineno) - function.lineno + 1
        assert length <= MAX_FUNCTION_LINES, f"{where} has {length} lines: name a part of it and move it out"
        if "cli" in path.parts or any(isinstance(mark, ast.Call) for mark in function.decorator_list):
            continue  # a command's options and a route's parameters are its interface
        names = [a.arg for a in function.args.posonlyargs + function.args.args + function.args.kwonlyargs]
        if function.name == "__init__" and path.name == "refusal.py":
            continue  # a refusal's parts are all optional and named
        count = len([name for name in names if name not in ("self", "cls")])
        assert count <= MAX_PARAMETERS, f"{where} takes {count} parameters: group those that belong together"


@pytest.mark.parametrize("path", SOURCES + TESTS, ids=relative)
def test_a_module_opens_with_a_sentence(path: Path) -> None:
    text = ast.get_docstring(tree(path))
    assert text, f"{relative(path)} needs a first line that says what it is for"
    assert text.splitlines()[0].rstrip().endswith((".", ":")), f"{relative(path)}: the first line is a sentence"


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_public_names_say_what_they_do(path: Path) -> None:
    if path.name == "platform.py":
        return
    for node in tree(path).body:
        named = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        if named and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{relative(path)}:{node.lineno} {node.name} needs a docstring"


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_no_module_is_named_for_nothing(path: Path) -> None:
    parts = {part.removesuffix(".py") for part in path.relative_to(ROOT / "src").parts}
    assert not parts & BANNED_NAMES, f"{relative(path)}: name the module for what it holds"


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_sql_stands_in_stores_alone(path: Path) -> None:
    if path.name == "store.py" or "storage" in path.parts:
        return
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert not SQL.search(node.value), f"{relative(path)}:{node.lineno}: move this SQL to the room's store.py"


@pytest.mark.parametrize("path", TESTS, ids=relative)
def test_tests_use_real_parts_and_never_sleep(path: Path) -> None:
    if path == Path(__file__):
        return
    source = path.read_text()
    for banned, instead in (
        ("mock.patch", "use the real part or a fake that ships"),
        ("MagicMock", "use the real part or a fake that ships"),
        ("monkeypatch.setattr", "hand the part in by argument"),
        ("time.sleep(", "wait for the fact itself, or advance a ManualClock"),
    ):
        assert banned not in source, f"{relative(path)} uses {banned}: {instead}"
    for found in re.finditer(r"asyncio\.sleep\(([^)]*)\)", source):
        assert found[1] in ("0", "TICK_S"), f"{relative(path)}: wait for the fact itself, not {found[0]}"


def test_no_registry_host_and_no_path_of_a_machine_is_named() -> None:
    home = re.compile(r"/(?:root|home/\w+|wo" + r"rk)/[a-z]")
    for path in tracked():
        if path.suffix in {".png", ".woff2"} or path == Path(__file__):
            continue
        text = path.read_text(errors="replace")
        assert not REGISTRY_HOSTS.search(text), f"{relative(path)} names a package registry's host"
        assert not home.search(text), f"{relative(path)} names a path of somebody's machine: {home.search(text)}"


def test_decision_records_are_short_and_name_their_test() -> None:
    for path in sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md")):
        lines = path.read_text().splitlines()
        assert len(lines) <= 40, f"{relative(path)} is longer than 40 lines"
        assert any(line.startswith("Enforced by") for line in lines[-4:]), f"{relative(path)} must end with its test"


def test_make_help_lists_at_most_a_dozen_targets() -> None:
    # a make inside a make announces its directories, which are no targets
    command = ["make", "--no-print-directory", "help"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert 1 <= len(shown.splitlines()) <= 12
