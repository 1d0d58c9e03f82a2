"""`headgate pool`: how deployments stand; taken out and put back."""

from typing import Annotated

import msgspec
import typer

from headgate.cli import show
from headgate.cli.remote import WHERE, connect, shaped
from headgate.cli.show import Json

POOL = "/admin/v1/pool"

pool = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="DEPLOYMENT", help="Such as openai/gpt-4o.")]


class Deployment(msgspec.Struct):
    """How a deployment stands."""

    deployment: str
    models: list[str]
    breaker: str
    drained: bool
    availability: float
    latency_ms: float | None
    under_way: int
    last_error: str


class Deployments(msgspec.Struct):
    """All of them."""

    data: list[Deployment]


@pool.callback(epilog=WHERE)
def group() -> None:
    """See how deployments stand, take them out and put them back."""


@pool.command("show", epilog=WHERE)
def show_pool(json: Json = False) -> None:
    """Show how deployments stand: breaker, availability, latency."""
    answer = connect().get(POOL)
    if json:
        show.data(answer)
        return
    rows = [
        (
            one.deployment,
            ", ".join(one.models),
            "drained" if one.drained else one.breaker,
            f"{one.availability:.1%}",
            "" if one.latency_ms is None else f"{one.latency_ms:.0f} ms",
            str(one.under_way),
            one.last_error,
        )
        for one in shaped(answer, Deployments).data
    ]
    columns = ("DEPLOYMENT", "MODELS", "STATE", "AVAILABLE", "LATENCY", "CALLS", "LAST ERROR")
    show.table(columns, rows, numbers=("AVAILABLE", "LATENCY", "CALLS"))


@pool.command(epilog=WHERE)
def drain(deployment: Name) -> None:
    """Send a deployment no more calls; those under way go on."""
    connect().post(f"{POOL}/drain", {"deployment": deployment})
    show.say(f"{deployment} is drained: its chains go on with what comes after it, until it is restored.")


@pool.command(epilog=WHERE)
def restore(deployment: Name) -> None:
    """Send a drained deployment calls again."""
    connect().post(f"{POOL}/restore", {"deployment": deployment})
    show.say(f"{deployment} takes calls again.")
