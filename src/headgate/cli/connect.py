"""`headgate connect`: how a client that is already there is pointed at Headgate."""

import os
from difflib import get_close_matches
from typing import Annotated, Final

import typer

from headgate.cli import show
from headgate.cli.clients import CLIENTS, text_for, variables_for
from headgate.cli.remote import DEFAULT_URL, URL, is_address
from headgate.cli.show import WRONG_USE, stop

_KEYS: Final = "HEADGATE_KEY holds a virtual key; `headgate keys create --team TEAM` makes one."
_NEEDS_QUOTING: Final = frozenset(" \"'\\$`;&|<>(){}!#~?*")
_Name = Annotated[str | None, typer.Argument(metavar="[CLIENT]", help="Left out, the clients are listed.")]
_Model = Annotated[str | None, typer.Option(help="The model to ask for.")]
_Printed = Annotated[bool, typer.Option("--json", help="Print text, variables and file as JSON.")]


def connect(client: _Name = None, model: _Model = None, json: _Printed = False) -> None:
    """Print what a client needs to talk to the platform at HEADGATE_URL, ready to be pasted."""
    url = (os.environ.get(URL) or DEFAULT_URL).rstrip("/").removesuffix("/v1")
    if not is_address(url) or not _is_plain(url):
        stop(WRONG_USE, f"{URL} is not the address of a platform; write it as {DEFAULT_URL}, or unset it.")
    if client is None:
        _list(json)
        return
    known = CLIENTS.get(client)
    if known is None:
        meant = get_close_matches(client, CLIENTS, 1)
        hint = f" Did you mean '{meant[0]}'?" if meant else ""
        stop(WRONG_USE, f"There is no client '{client}'.{hint} `headgate connect` lists them.")
    if model is not None and not _is_plain(model):
        stop(WRONG_USE, "--model holds characters that need quoting; name a model as `headgate models list` does.")
    text = text_for(known, url, model)
    if json:
        variables = variables_for(known, url)
        show.data(
            {"client": client, "language": known.language, "file": known.file, "variables": variables, "text": text}
        )
        return
    typer.echo(text, nl=False)
    show.say(f"{f'Put this into {known.file}. ' if known.file else ''}{_KEYS}")


def _is_plain(text: str) -> bool:
    """Whether `text` means the same in a shell, in TOML and within the quotes of a program."""
    return bool(text) and text.isprintable() and not set(text) & _NEEDS_QUOTING


def _list(json: bool) -> None:
    if json:
        show.data([{"client": name, "title": known.title} for name, known in CLIENTS.items()])
        return
    rows = [(name, known.title, ", ".join(known.variables)) for name, known in CLIENTS.items()]
    show.table(("CLIENT", "TITLE", "VARIABLES"), rows)
