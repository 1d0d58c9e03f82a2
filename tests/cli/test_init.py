"""`headgate init` writes a configuration without mistakes, and never over one that is there."""

from pathlib import Path

from tests.cli.running import headgate


def test_what_is_written_has_no_mistakes_once_the_keys_are_set(tmp_path: Path) -> None:
    file = tmp_path / "headgate.yaml"
    made = headgate("init", str(file))
    assert made.exit_code == 0
    assert f"headgate check {file}" in made.stderr
    checked = headgate("check", str(file), ANTHROPIC_API_KEY="one", OPENAI_API_KEY="two")
    assert checked.exit_code == 0, checked.stderr
    assert "2 providers, 4 models, 5 use cases" in checked.stderr


def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    file = tmp_path / "headgate.yaml"
    file.write_text("version: 1\n")
    made = headgate("init", str(file))
    assert made.exit_code == 1
    assert "stays as it is" in made.stderr
    assert file.read_text() == "version: 1\n"
