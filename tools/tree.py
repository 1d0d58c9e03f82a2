"""Writes the tree in docs/architecture.md from the modules' first sentences; `--check` says whether it is fresh."""

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "headgate"
DOCUMENT = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- tree -->\n", "<!-- /tree -->\n"


def sentence(path: Path) -> str:
    """The first line of a module's docstring."""
    text = ast.get_docstring(ast.parse(path.read_text())) or ""
    return text.splitlines()[0] if text else ""


def lines(folder: Path, depth: int = 0) -> list[str]:
    """The folder's modules and folders, each with its sentence."""
    found = []
    for path in sorted(folder.iterdir(), key=lambda one: (one.is_dir(), one.name)):
        if path.is_dir() and (path / "__init__.py").exists():
            found.append(f"{'  ' * depth}{path.name + '/':<24} {sentence(path / '__init__.py')}".rstrip())
            found += lines(path, depth + 1)
        elif path.suffix == ".py" and path.name != "__init__.py":
            found.append(f"{'  ' * depth}{path.name:<24} {sentence(path)}".rstrip())
    return found


def written() -> str:
    """The document with a fresh tree."""
    text = DOCUMENT.read_text()
    head, _, rest = text.partition(BEGIN)
    tail = rest.partition(END)[2]
    return f"{head}{BEGIN}```\n" + "\n".join(lines(SOURCE)) + f"\n```\n{END}{tail}"


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(0 if written() == DOCUMENT.read_text() else "docs/architecture.md is stale: run python tools/tree.py")
    DOCUMENT.write_text(written())
