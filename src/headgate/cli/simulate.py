"""`headgate simulate`: the demo provider as a server of its own."""

import asyncio
import socket
from typing import Annotated

import typer
import uvloop

from headgate.kit.quantities import duration_ms
from headgate.pool.providers.demo.server import serve, simulator


def _milliseconds(text: str) -> int:
    try:
        return duration_ms(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def simulate(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = 4199,
    latency: Annotated[int, typer.Option(parser=_milliseconds, help="Before the first token, such as 300ms.")] = 0,
    pace: Annotated[int, typer.Option(parser=_milliseconds, help="Between tokens, such as 20ms.")] = 0,
    key: Annotated[str, typer.Option(help="The key that callers must show; left out, any will do.")] = "",
    fail_rate: Annotated[float, typer.Option(min=0, max=1, help="The share of calls that fail with 503.")] = 0.0,
) -> None:
    """Serve the demo model over HTTP in OpenAI's and Anthropic's wire formats; GET /billing says what it billed."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        typer.echo(f"{host}:{port} cannot be listened on: {error.strerror}; choose another --port", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"http://{host}:{listener.getsockname()[1]}")
    app = simulator(latency_ms=latency, pace_ms=pace, key=key, fail_rate=fail_rate)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(app, listener))
