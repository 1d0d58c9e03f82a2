"""The help of every command, held by golden files, and how fast it comes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.running import headgate

from headgate.cli.main import COMMANDS, load

GOLDEN = Path(__file__).with_name("golden")
DOCUMENT = Path(__file__).parents[2] / "docs" / "cli.md"
HEAVY = ("alembic", "fastapi", "psycopg", "pydantic", "rich", "uvicorn", "headgate.bootstrap", "headgate.api")


def paths() -> Iterator[tuple[str, ...]]:
    """Every command, as its words."""
    yield ()
    for name in COMMANDS:
        yield (name,)
        for verb in getattr(load(name), "commands", ()):
            yield (name, verb)


PATHS = list(paths())


def golden(words: tuple[str, ...]) -> Path:
    return GOLDEN / f"{'_'.join(words) or 'headgate'}.txt"


@pytest.mark.parametrize("words", PATHS, ids=" ".join)
def test_the_help_is_what_the_golden_file_says(words: tuple[str, ...]) -> None:
    shown = headgate(*words, "--help")
    assert shown.exit_code == 0
    if os.environ.get("HEADGATE_WRITE_GOLDEN"):
        golden(words).parent.mkdir(exist_ok=True)
        golden(words).write_text(shown.stdout)
    assert shown.stdout == golden(words).read_text(), (
        "look at the change; if it is right, run again with HEADGATE_WRITE_GOLDEN=1"
    )


def test_every_golden_file_is_of_a_command() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == {golden(words).name for words in PATHS}


@pytest.mark.parametrize("words", PATHS, ids=" ".join)
def test_the_help_has_no_colour_and_cuts_no_sentence_of_a_list_of_commands(words: tuple[str, ...]) -> None:
    shown = headgate(*words, "--help").stdout
    assert "\x1b" not in shown
    assert "..." not in shown.replace("[ARGS]...", "")


def test_the_help_waits_for_no_heavy_import() -> None:
    program = f"""
import sys
from typer.testing import CliRunner
from headgate.cli.main import app
assert CliRunner().invoke(app, ["--help"]).exit_code == 0
print(*[name for name in {HEAVY!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [], "import this inside the command that needs it"


def test_a_wrong_word_is_wrong_use_and_says_what_was_meant() -> None:
    shown = headgate("key")
    assert (shown.exit_code, shown.stdout) == (2, "")
    assert "Did you mean 'keys'?" in shown.stderr


def test_a_command_without_its_verb_shows_its_help_as_wrong_use() -> None:
    shown = headgate("keys")
    assert (shown.exit_code, shown.stdout) == (2, "")
    assert shown.stderr == golden(("keys",)).read_text()


def test_completion_knows_the_verbs_of_a_command() -> None:
    asked = {"_HEADGATE_COMPLETE": "complete_bash", "COMP_WORDS": "headgate keys r", "COMP_CWORD": "2"}
    assert headgate(**asked).stdout.split() == ["rotate", "revoke"]


@pytest.mark.parametrize("words", [words for words in PATHS if words], ids=" ".join)
def test_every_command_is_in_the_documentation(words: tuple[str, ...]) -> None:
    is_group = hasattr(load(words[0]), "commands") and len(words) == 1
    assert is_group or f"| `headgate {' '.join(words)}" in DOCUMENT.read_text(), "add its line to docs/cli.md"
