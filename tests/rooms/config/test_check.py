"""The command `headgate check`: data on stdout, words on stderr, 2 for a wrong file."""

import json
from pathlib import Path

import typer
from typer.testing import CliRunner

from headgate.cli.check import check

app = typer.Typer()
app.command()(check)
runner = CliRunner()


def test_a_right_file_is_said_to_be_so_on_stderr(tmp_path: Path) -> None:
    file = tmp_path / "headgate.yaml"
    file.write_text("version: 1\nteams: {alpha: {}}\n")
    result = runner.invoke(app, [str(file)])
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"{file} has no mistakes: 1 provider, 2 models, 1 use case, 1 team\n"


def test_mistakes_are_told_on_stderr_and_exit_with_2(tmp_path: Path) -> None:
    file = tmp_path / "headgate.yaml"
    file.write_text("version: 1\nteamz: {}\nserver: {prot: 1}\n")
    result = runner.invoke(app, [str(file)])
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{file}:2:1: error: unknown key 'teamz'; did you mean 'teams'?" in result.stderr
    assert result.stderr.endswith(f"2 mistakes in {file}\n")


def test_json_lists_mistakes_on_stdout(tmp_path: Path) -> None:
    file = tmp_path / "headgate.yaml"
    file.write_text("version: 1\nteamz: {}\n")
    result = runner.invoke(app, [str(file), "--json"])
    assert (result.exit_code, result.stderr) == (2, "")
    message = "unknown key 'teamz'; did you mean 'teams'?"
    assert json.loads(result.stdout) == {"file": str(file), "errors": [{"line": 2, "column": 1, "message": message}]}


def test_a_missing_file_is_wrong_use(tmp_path: Path) -> None:
    assert runner.invoke(app, [str(tmp_path / "none.yaml")]).exit_code == 2


def test_the_schema_is_printed_on_stdout() -> None:
    result = runner.invoke(app, ["--schema"])
    assert result.exit_code == 0
    assert json.loads(result.stdout)["title"] == "Document"
