"""`POST /v1/responses`: the OpenAI responses surface."""

from typing import Final

from headgate.api.exchange import Exchange
from headgate.api.front import Front
from headgate.api.heads import OPENAI_RATES
from headgate.api.serving import serve
from headgate.api.surface import CodecSurface, Surface
from headgate.wire.openai_responses import OPENAI_RESPONSES

RESPONSES: Final[Surface] = CodecSurface(OPENAI_RESPONSES, OPENAI_RATES)


async def responses(front: Front, exchange: Exchange) -> None:
    """Answer a conversation that the caller sends whole."""
    await serve(front, RESPONSES, exchange)
