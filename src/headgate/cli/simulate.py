"""`headgate simulate`: the demo provider as a server of its own."""

import asyncio
from typing import Annotated

import typer
import uvloop

from headgate.kit.quantities import duration_ms
from headgate.pool.providers.demo.engine import Engine, Settings
from headgate.pool.providers.demo.server import listen, serve


def _milliseconds(option: str, text: str) -> int:
    try:
        return duration_ms(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=f"--{option}") from None


def simulate(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = 4199,
    latency: Annotated[str, typer.Option(metavar="DURATION", help="Before the first token, such as 300ms.")] = "0ms",
    pace: Annotated[str, typer.Option(metavar="DURATION", help="Between tokens, such as 20ms.")] = "0ms",
    fail_rate: Annotated[float, typer.Option(min=0, max=1, help="The share of calls that fail.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Which calls fail; the same seed fails the same ones.")] = 0,
    key: Annotated[list[str] | None, typer.Option(help="A key that is accepted; left out, any is.")] = None,
) -> None:
    """Serve the demo model over HTTP, as OpenAI and as Anthropic would; GET /billing says what it billed."""
    settings = Settings(
        _milliseconds("latency", latency), _milliseconds("pace", pace), fail_rate, seed, tuple(key or ())
    )
    try:
        listener = listen(host, port)
    except OSError as error:
        typer.echo(f"{host}:{port} cannot be listened on: {error.strerror}; choose another --port", err=True)
        raise typer.Exit(1) from None
    shown = f"[{host}]" if ":" in host else host
    typer.echo(f"http://{shown}:{listener.getsockname()[1]}")
    typer.echo("The demo provider answers there: OpenAI clients add /v1; GET /billing shows its bill.", err=True)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(Engine(settings), listener))
