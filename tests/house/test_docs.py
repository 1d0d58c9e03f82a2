"""The documents say what is: links lead somewhere, examples work, names and generated parts are the code's own."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from headgate.bootstrap.config.loading import parse
from headgate.cli.main import COMMANDS
from headgate.domain.refusal import CODES

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
SOURCE = "\n".join(path.read_text() for path in sorted((ROOT / "src").rglob("*.py")))


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
        if "://" not in target:
            assert (document.parent / target).exists(), f"{relative(document)} links {target}, which is not there"


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_examples_of_configuration_have_no_mistakes(document: Path) -> None:
    environment = {"ANTHROPIC_API_KEY": "a", "OPENAI_API_KEY": "b"}
    for example in re.findall(r"```yaml\n(.*?)```", document.read_text(), re.DOTALL):
        parse(example.encode(), relative(document), environment)


def test_the_tree_is_fresh() -> None:
    done = subprocess.run([sys.executable, "tools/tree.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_refusal_is_documented_as_it_is() -> None:
    text = (ROOT / "docs" / "api.md").read_text()
    for code, (status, meaning) in CODES.items():
        assert f"| `{code}` | {status} | {meaning} |" in text


def test_every_metric_and_every_variable_is_documented() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    metrics = re.findall(r'(?:counter|histogram|gauge)\(\s*"(headgate_[a-z_]+)"', SOURCE)
    assert metrics
    for name in {*metrics, *re.findall(r"HEADGATE_[A-Z_]+", SOURCE)}:
        assert name in text, f"docs/operations.md lacks {name}"


def test_every_command_is_documented() -> None:
    text = (ROOT / "docs" / "cli.md").read_text()
    for command in COMMANDS:
        assert f"headgate {command}" in text, f"docs/cli.md lacks {command}"
