"""`POST /v1/chat/completions`: the OpenAI chat surface."""

from typing import Final

from headgate.api.exchange import Exchange
from headgate.api.front import Front
from headgate.api.heads import OPENAI_RATES
from headgate.api.serving import serve
from headgate.api.surface import CodecSurface, Surface
from headgate.wire.openai_chat import OPENAI_CHAT

CHAT: Final[Surface] = CodecSurface(OPENAI_CHAT, OPENAI_RATES)


async def chat_completions(front: Front, exchange: Exchange) -> None:
    """Answer a conversation."""
    await serve(front, CHAT, exchange)
