"""`POST /v1/embeddings`: the OpenAI embeddings surface."""

from typing import Final

from headgate.api.exchange import Exchange
from headgate.api.front import Front
from headgate.api.heads import OPENAI_RATES
from headgate.api.serving import serve
from headgate.api.surface import CodecSurface, Surface
from headgate.wire.openai_embeddings import OPENAI_EMBEDDINGS

EMBEDDINGS: Final[Surface] = CodecSurface(OPENAI_EMBEDDINGS, OPENAI_RATES)


async def embeddings(front: Front, exchange: Exchange) -> None:
    """Embed texts."""
    await serve(front, EMBEDDINGS, exchange)
