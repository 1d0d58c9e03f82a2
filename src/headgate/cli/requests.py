"""`headgate requests`: one call explained."""

from datetime import datetime
from typing import Annotated

import msgspec
import typer

from headgate.cli import show
from headgate.cli.remote import WHERE, connect, segment, shaped
from headgate.cli.show import Json
from headgate.domain.money import decimal_usd

requests = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


class Step(msgspec.Struct):
    """What was decided, and how much of Headgate's own time it took."""

    step: str
    decision: str
    own_us: int


class Attempt(msgspec.Struct):
    """One model call as it is booked."""

    attempt: int
    model: str
    deployment: str
    purpose: str
    input_tokens: int
    output_tokens: int
    cost_nano_usd: int
    basis: str
    outcome: str
    code: str


class Request(msgspec.Struct):
    """A call as it ended."""

    request_id: str
    at: datetime
    team: str | None
    project: str | None
    user: str | None
    key_id: str | None
    wire: str
    use_case: str
    pipeline: str
    model: str
    deployment: str
    policy_version: int
    outcome: str
    code: str
    status: int
    input_tokens: int
    output_tokens: int
    cost_nano_usd: int
    latency_ms: float
    own_ms: float
    steps: list[Step]
    attempts: list[Attempt]


@requests.callback(epilog=WHERE)
def group() -> None:
    """See how one call went."""


@requests.command("show", epilog=WHERE)
def show_request(
    request_id: Annotated[str, typer.Argument(metavar="ID", help="The request's id; X-Request-Id of its answer.")],
    json: Json = False,
) -> None:
    """Show a call's steps and attempts. Each step has its decision and Headgate's own time for it."""
    answer = connect().get(f"/admin/v1/requests/{segment(request_id)}")
    if json:
        show.data(answer)
        return
    call = shaped(answer, Request)
    show.facts([(name, text) for name, text in _facts(call) if text])
    typer.echo()
    steps = [(step.step, f"{step.own_us / 1000:.3f}", step.decision) for step in call.steps]
    show.table(("STEP", "OWN MS", "DECISION"), steps, numbers=("OWN MS",), flowing=True)
    if call.attempts:
        typer.echo()
        titles = (
            "ATTEMPT",
            "DEPLOYMENT",
            "MODEL",
            "PURPOSE",
            "OUTCOME",
            "TOKENS IN",
            "TOKENS OUT",
            "COST USD",
            "BASIS",
        )
        numbers = ("ATTEMPT", "TOKENS IN", "TOKENS OUT", "COST USD")
        show.table(titles, [_row(attempt) for attempt in call.attempts], numbers=numbers)


def _facts(call: Request) -> list[tuple[str, str]]:
    interrupted = call.code == "interrupted"
    answered = call.outcome in ("answered", "cached")
    waited = max(0.0, call.latency_ms - call.own_ms)
    producer = f"{call.deployment} for model {call.model}" if call.model else ""
    took = f"{call.latency_ms:.1f} ms: {call.own_ms:.1f} ms our own, {waited:.1f} ms waiting for providers"
    caller = (("project", call.project), ("user", call.user), ("key", call.key_id))
    return [
        ("request", call.request_id),
        ("closed, at a start" if interrupted else "ended", f"{call.at:%Y-%m-%d %H:%M:%S.%f}"[:-3] + "Z"),
        ("outcome", f"{call.outcome} with status {call.status}{f', {call.code}' if call.code else ''}"),
        ("caller", ", ".join([call.team or "", *(f"{what} {name}" for what, name in caller if name)])),
        ("asked", _asked(call)),
        ("answered by" if answered else "last tried", producer),
        ("took", "" if interrupted else took),
        ("tokens", f"{call.input_tokens:,} in, {call.output_tokens:,} out"),
        ("cost", f"{decimal_usd(call.cost_nano_usd)} USD"),
        ("policy", f"version {call.policy_version}"),
    ]


def _asked(call: Request) -> str:
    parts = (("use case", call.use_case), ("pipeline", call.pipeline), ("wire format", call.wire))
    return ", ".join(f"{name} {value}" for name, value in parts if value)


def _row(attempt: Attempt) -> tuple[str, ...]:
    return (
        str(attempt.attempt),
        attempt.deployment,
        attempt.model,
        attempt.purpose,
        f"{attempt.outcome}, {attempt.code}" if attempt.code else attempt.outcome,
        f"{attempt.input_tokens:,}",
        f"{attempt.output_tokens:,}",
        decimal_usd(attempt.cost_nano_usd),
        attempt.basis,
    )
