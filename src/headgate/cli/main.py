"""The `headgate` command: its commands by name, each loaded when it is called."""

from collections.abc import Mapping
from importlib import import_module
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from headgate import __version__

COMMANDS: Final[Mapping[str, str]] = {
    "serve": "Run the platform until it is told to stop.",
    "init": "Write a first configuration with four use cases.",
    "check": "Check a configuration and point at every mistake in it.",
    "migrate": "Bring a given database to this version's schema.",
    "simulate": "Serve the demo model as OpenAI and Anthropic would.",
    "keys": "Make, list, rotate and revoke virtual keys.",
    "teams": "Make and list teams.",
    "models": "See the models that can be asked for.",
    "pool": "See how deployments stand, drain and restore them.",
    "cache": "See what the cache keeps, and make it forget.",
    "report": "Report what a team has spent in its budget's period.",
    "requests": "See how one call went.",
    "connect": "Print what a client needs to talk to the platform.",
}
"""The commands in the order of the help, each with its short help. The command `name` is `headgate.cli.name.name`: a
function, or a Typer of commands. They are imported when they are called, so that none waits for another's imports."""


class Commands(TyperGroup):
    """The group of all commands, which knows their names and loads the one that is called."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name, sentence in COMMANDS.items():
            self.add_command(TyperCommand(name, help=sentence, rich_markup_mode=None))

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command that `args` begin with, loaded, and the arguments left to it."""
        name, known, rest = super().resolve_command(ctx, args)
        return name, None if known is None else load(str(known.name)), rest


def load(name: str) -> Any:
    """The command `name`, imported."""
    found = getattr(import_module(f"headgate.cli.{name}"), name)
    if not isinstance(found, typer.Typer):
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        alone.command(name)(found)
        found = alone
    command = typer.main.get_command(found)
    command.name = name
    return command


app = typer.Typer(
    name="headgate",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: faster, and the same on a terminal and in a pipe
)


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
