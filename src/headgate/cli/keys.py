"""`headgate keys`: virtual keys made, listed, rotated and revoked."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec
import typer

from headgate.cli import show
from headgate.cli.remote import WHERE, connect, segment, shaped
from headgate.cli.show import Json, Most
from headgate.cli.teams import NOTHING, Budgets, Parallel, Requests, Tokens, terms
from headgate.domain.principal import Role

KEYS = "/admin/v1/keys"

keys = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)
Id = Annotated[str, typer.Argument(metavar="ID", help="The key's id, such as key_5fQ0Lr8sT1uVwXyZ.")]


class NewKey(msgspec.Struct):
    """A key as it is shown once."""

    id: str
    key: str
    prefix: str


class Key(msgspec.Struct):
    """A key as lists show it."""

    id: str
    prefix: str
    role: str
    team: str | None
    project: str | None
    user: str | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


@keys.callback(epilog=WHERE)
def group() -> None:
    """Make, list, rotate and revoke virtual keys."""


@keys.command(epilog=WHERE)
def create(
    team: Annotated[
        str | None, typer.Option(metavar="NAME", help="Its team; left out for a key of the platform itself.")
    ] = None,
    project: Annotated[
        str | None, typer.Option(metavar="NAME", help="Binds it to one project; left out, 'default'.")
    ] = None,
    user: Annotated[str | None, typer.Option(metavar="NAME", help="Binds it to one user.")] = None,
    role: Annotated[
        Role, typer.Option(metavar="ROLE", help="platform-admin, team-admin, member or auditor.")
    ] = Role.MEMBER,
    expires_in: Annotated[
        str | None, typer.Option(metavar="DURATION", help="From now, such as 30d; left out, never.")
    ] = None,
    budget: Budgets = None,
    requests: Requests = None,
    tokens: Tokens = None,
    parallel: Parallel = None,
    json: Json = False,
) -> None:
    """Make a key. Its text is printed this once; only its hash is stored."""
    limits = terms(budget, {"requests": requests, "tokens": tokens, "parallel": parallel})
    body = {"team": team, "project": project, "user": user, "role": role.value, "expires_in": expires_in, **limits}
    _show_new(connect().post(KEYS, body), json=json)


@keys.command(epilog=WHERE)
def update(
    key_id: Id,
    budget: Budgets = None,
    requests: Requests = None,
    tokens: Tokens = None,
    parallel: Parallel = None,
) -> None:
    """Change what a key may spend and how fast. What is left out stays."""
    body = terms(budget, {"requests": requests, "tokens": tokens, "parallel": parallel})
    if not body:
        show.stop(show.WRONG_USE, NOTHING)
    connect().patch(f"{KEYS}/{segment(key_id)}", body)
    show.say(f"The key {key_id} is changed, within a second everywhere.")


@keys.command("list", epilog=WHERE)
def list_keys(
    team: Annotated[str | None, typer.Option(metavar="NAME", help="Of this team alone.")] = None,
    limit: Most = 1000,
    json: Json = False,
) -> None:
    """List keys in the order in which they were made, revoked ones too."""
    found = connect().listed(KEYS, limit, team=team)
    if json:
        show.data(found)
        return
    now = datetime.now(UTC)
    rows = [
        (key.id, key.prefix, key.role, key.team or "", key.project or "", key.user or "", _state(key, now))
        for key in shaped(found, list[Key])
    ]
    show.table(("ID", "PREFIX", "ROLE", "TEAM", "PROJECT", "USER", "STATE"), rows)


@keys.command(epilog=WHERE)
def rotate(
    key_id: Id,
    overlap: Annotated[
        str, typer.Option(metavar="DURATION", help="How long the old text works beside the new, 0s to 30d.")
    ] = "24h",
    json: Json = False,
) -> None:
    """Give a key a new text. It is printed this once; the old one works on during the overlap."""
    answer = connect().post(f"{KEYS}/{segment(key_id)}/rotate", {"overlap": overlap})
    _show_new(answer, json=json)


@keys.command(epilog=WHERE)
def revoke(key_id: Id, json: Json = False) -> None:
    """Revoke a key. It ends within a second everywhere; doing it again changes nothing."""
    answer = connect().delete(f"{KEYS}/{segment(key_id)}")
    if json:
        show.data(answer)
        return
    key = shaped(answer, Key)
    show.say(f"The key {key.id} ({key.prefix}) has been revoked since {show.moment(key.revoked_at)}.")


def _show_new(answer: object, *, json: bool) -> None:
    new = shaped(answer, NewKey)
    if json:
        show.data(answer)
    else:
        typer.echo(new.key)
    show.say(f"The key {new.id} begins with {new.prefix}; keep its text, for it is shown only this once.")


def _state(key: Key, now: datetime) -> str:
    if key.revoked_at is not None:
        return f"revoked {show.moment(key.revoked_at)}"
    if key.expires_at is None:
        return "active"
    return f"{'expired' if key.expires_at <= now else 'active until'} {show.moment(key.expires_at)}"
