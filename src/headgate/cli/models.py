"""`headgate models`: what can be asked for."""

import msgspec
import typer

from headgate.cli import show
from headgate.cli.remote import WHERE, connect, shaped
from headgate.cli.show import Json

models = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


class Model(msgspec.Struct):
    """A model."""

    id: str
    tier: str
    status: str


class Models(msgspec.Struct):
    """The models, and those that a call without a model tries, in order."""

    models: list[Model]
    fallback_chain: list[str]


@models.callback(epilog=WHERE)
def group() -> None:
    """See the models that can be asked for."""


@models.command("list", epilog=WHERE)
def list_models(json: Json = False) -> None:
    """List models. TRIED numbers those that a call without a model tries, in order."""
    answer = connect().get("/v1/models")
    if json:
        show.data(answer)
        return
    found = shaped(answer, Models)
    places = {name: str(place) for place, name in enumerate(found.fallback_chain, 1)}
    rows = [(model.id, model.tier, model.status, places.pop(model.id, "")) for model in found.models]
    rows += [(name, "", "by pattern", place) for name, place in places.items()]
    show.table(("MODEL", "TIER", "STATUS", "TRIED"), rows, numbers=("TRIED",))
