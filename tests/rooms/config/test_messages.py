"""What `headgate check` says: one golden file for each group of mistakes."""

import os
from pathlib import Path

import pytest

from headgate.bootstrap.config.loading import parse
from headgate.bootstrap.config.mistakes import ConfigurationRefused

GOLDEN = Path(__file__).with_name("golden")
SECRETS = ("hunter2", "hunter3", "hunter4", "plain-words", "another-plain", "plain-secret", "sk-abc", "several lines")


def told(name: str) -> str:
    with pytest.raises(ConfigurationRefused) as refused:
        parse((GOLDEN / name).read_bytes(), name, {"HEADGATE_TEST_KEY": "hunter4"})
    return refused.value.render() + "\n" + refused.value.summary() + "\n"


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.yaml")), ids=lambda path: str(path.stem))
def test_every_mistake_is_told_as_the_golden_file_says(path: Path) -> None:
    text, golden = told(path.name), path.with_suffix(".txt")
    if os.environ.get("HEADGATE_WRITE_GOLDEN"):
        golden.write_text(text)
    assert text == golden.read_text(), "look at the change; if it is right, run again with HEADGATE_WRITE_GOLDEN=1"


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.yaml")), ids=lambda path: str(path.stem))
def test_no_literal_secret_is_shown(path: Path) -> None:
    text = told(path.name)
    assert not [secret for secret in SECRETS if secret in text]
