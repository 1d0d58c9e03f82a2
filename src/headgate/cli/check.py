"""`headgate check`: every mistake in a configuration at once, without starting anything."""

import json as json_text
import os
from pathlib import Path
from typing import Annotated

import typer

from headgate.bootstrap.config.document import schema as document_schema
from headgate.bootstrap.config.loading import Configuration, load
from headgate.bootstrap.config.mistakes import ConfigurationRefused


def check(
    file: Annotated[Path, typer.Argument(help="The configuration to read.")] = Path("headgate.yaml"),
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of the file and stop.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the mistakes as JSON.")] = False,
) -> None:
    """Check a configuration; every mistake is told as file:line:column. Exits with 2 where there is one."""
    if schema:
        typer.echo(json_text.dumps(document_schema(), indent=2))
        return
    try:
        configuration = load(file, os.environ)
    except ConfigurationRefused as refused:
        if json:
            typer.echo(json_text.dumps(_as_data(file, refused)))
        else:
            count = len(refused.mistakes)
            typer.echo(f"{refused.render()}\n{count} mistake{'' if count == 1 else 's'} in {file}", err=True)
        raise typer.Exit(2) from None
    if json:
        typer.echo(json_text.dumps({"file": str(file), "digest": configuration.policy.digest, "errors": []}))
    else:
        typer.echo(_summary(configuration), err=True)


def _as_data(file: Path, refused: ConfigurationRefused) -> dict[str, object]:
    errors = [{"line": one.line, "column": one.column, "message": one.sentence} for one in refused.mistakes]
    return {"file": str(file), "errors": errors}


def _summary(configuration: Configuration) -> str:
    policy, teams = configuration.policy, len(configuration.settings.teams)
    counts = ((len(policy.providers), "provider"), (len(policy.models), "model"), (len(policy.use_cases), "use case"))
    words = [f"{count} {word}{'' if count == 1 else 's'}" for count, word in (*counts, (teams, "team"))]
    return f"{configuration.origin} has no mistakes: {', '.join(words)}"
