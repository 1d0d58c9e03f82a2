"""Reads and writes a list of embeddings (OpenAI API reference, the embedding object)."""

import base64
import struct
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from headgate.domain.event import Event, EventKind
from headgate.domain.usage import Usage
from headgate.wire.frames import sound


class Embedding(msgspec.Struct):
    """One input's vector."""

    index: int
    """The input's place in the request, from 0."""
    embedding: list[float] | str
    """Its numbers, or base64 of them."""
    object: str = "embedding"


class EmbeddingUsage(msgspec.Struct):
    """What the inputs counted."""

    prompt_tokens: int
    total_tokens: int


class Embeddings(msgspec.Struct):
    """The vectors of all inputs, in the inputs' order."""

    data: list[Embedding]
    model: str
    usage: EmbeddingUsage
    object: str = "list"


class _UsageReport(msgspec.Struct):
    prompt_tokens: int | None = None
    total_tokens: int | None = None


class _Answer(msgspec.Struct):
    data: list[msgspec.Raw] | None = None
    model: str | None = None
    usage: _UsageReport | None = None
    error: Any = None


_DECODER: Final = msgspec.json.Decoder(_Answer)


def read_whole(body: bytes) -> list[Event]:
    """What was used, and the end of the answer with its bytes; the vectors are nobody's here.

    Raises:
        ValueError: the body is not a list of embeddings.
    """
    answer = _DECODER.decode(body)
    if answer.error:
        raise ValueError(str(answer.error))
    if not answer.data:
        raise ValueError("the body holds no embeddings")
    events = [Event(EventKind.STARTED, name=answer.model or "")]
    report = answer.usage
    if report is not None:
        counted = report.total_tokens if report.prompt_tokens is None else report.prompt_tokens
        events.append(Event(EventKind.USAGE, usage=sound(Usage(input_tokens=counted or 0))))
    return [*events, Event(EventKind.FINISHED, raw=body)]


def write_embeddings(model: str, vectors: Sequence[Sequence[float]], tokens: int, encoding: str) -> bytes:
    """The answer that holds `vectors`, whose inputs counted `tokens`; `encoding` is `float` or `base64`."""
    data = [
        Embedding(index, _base64(vector) if encoding == "base64" else list(vector))
        for index, vector in enumerate(vectors)
    ]
    return msgspec.json.encode(Embeddings(data, model, EmbeddingUsage(tokens, tokens)))


def _base64(vector: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
