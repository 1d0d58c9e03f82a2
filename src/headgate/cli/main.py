"""The `headgate` command."""

from typing import Annotated

import typer

from headgate import __version__
from headgate.cli.check import check
from headgate.cli.migrate import migrate
from headgate.cli.serve import serve
from headgate.cli.simulate import simulate

app = typer.Typer(
    name="headgate",
    help="The platform through which an organisation makes all its GenAI requests.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(serve)
app.command()(check)
app.command()(migrate)
app.command()(simulate)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """The platform through which an organisation makes all its GenAI requests."""
