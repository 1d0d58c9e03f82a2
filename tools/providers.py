"""Writes the tables in docs/providers.md from the kinds of provider; `--check` says whether they are fresh."""

import sys
from collections.abc import Iterable
from pathlib import Path

from headgate.domain.call import WireFormat
from headgate.pool.providers import KINDS
from headgate.pool.providers.kind import ProviderKind

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "providers.md"
BEGIN, END = "<!-- kinds -->\n", "<!-- /kinds -->\n"


def kinds() -> str:
    """One row for each kind."""
    rows = ["| `kind` | what it is | address, unless `base_url` says another | key |", "|---|---|---|---|"]
    for kind in KINDS.values():
        carried = _header(kind)
        key = f"{'' if kind.needs_key else 'optional; '}{carried}, usually in `{kind.key_variable}`"
        rows.append(
            f"| `{kind.name}` | {kind.title or 'built in, in process'} | {_code([kind.base_url]) or _nowhere(kind)} "
            f"| {key if kind.key_variable else f'optional; {carried}'} |"
        )
    return "\n".join(rows) + "\n"


def differences() -> str:
    """One row for each kind that is not asked as OpenAI's documents say."""
    rows = [
        "| `kind` | formats | output limit | renamed | left out and named | headers of its own |",
        "|---|---|---|---|---|---|",
    ]
    for kind in KINDS.values():
        edits = kind.edits.items()
        renamed = [f"`{old}` to `{new}`" for _, edit in edits for old, new in edit.renamed]
        refused = [f"`{name}`" for name in dict.fromkeys(name for _, edit in edits for name in edit.refused)]
        formats = _code(wire for wire in WireFormat if wire in kind.paths)
        headers = _code(kind.useful_headers)
        limit = _code([kind.output_limit_field]) if WireFormat.OPENAI_CHAT in kind.paths else ""
        cells = (f"`{kind.name}`", formats, limit, ", ".join(renamed), ", ".join(refused), headers)
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def written() -> str:
    """The document with fresh tables."""
    head, *rest = DOCUMENT.read_text().split(BEGIN)
    tails = [part.partition(END)[2] for part in rest]
    tables = [kinds(), differences()]
    return head + "".join(BEGIN + table + END + tail for table, tail in zip(tables, tails, strict=True))


def _code(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words if word)


def _header(kind: ProviderKind) -> str:
    (name, value), *_ = kind.credential("KEY")
    return f"`{name}: {value}`" if value != "KEY" else f"`{name}`"


def _nowhere(kind: ProviderKind) -> str:
    return "in this process" if kind.name == "demo" else "none: `base_url` is needed"


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(
            0 if written() == DOCUMENT.read_text() else "docs/providers.md is stale: run python tools/providers.py"
        )
    DOCUMENT.write_text(written())
