"""The reading and the splicing of an embedding request's body (OpenAI API reference, embeddings)."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from headgate.domain.call import Request, WireFormat
from headgate.domain.prompt import Prompt
from headgate.wire.body import FIELDS, decode, wrong
from headgate.wire.codec import Edits

ENCODINGS: Final = ("float", "base64")
Input = str | list[int]
"""A text, or the tokens of one."""

_DIMENSIONS: Final = Meta(description="How many numbers a vector has.", extra_json_schema={"minimum": 1})
_ENCODING: Final = Meta(
    description="How a vector is written; base64 holds its numbers as little-endian 32-bit floats.",
    extra_json_schema={"enum": list(ENCODINGS)},
)


class EmbeddingsBody(msgspec.Struct):
    """What to embed, and how."""

    input: Annotated[
        str | list[str | int | list[int]],
        Meta(description="A text, a list of texts, the tokens of a text, or a list of such."),
    ]
    model: Annotated[str, Meta(description="A model that embeds.")] | None = None
    dimensions: Annotated[int, _DIMENSIONS] | None = None
    encoding_format: Annotated[str, _ENCODING] | None = None
    user: Annotated[str, Meta(description="Whom the provider shall take for the end user.")] | None = None


class _Body(EmbeddingsBody):
    stream: Any = None
    stream_options: Any = None


_BODY: Final = msgspec.json.Decoder(_Body)
_ENCODER: Final = msgspec.json.Encoder()


def read_body(raw: bytes) -> EmbeddingsBody:
    """The body `raw`, whose every field is within its range.

    Raises:
        Refusal: `invalid_request`, saying which field is wrong.
    """
    body = decode(_BODY, raw)
    if body.stream or body.stream_options is not None:
        name = "stream" if body.stream else "stream_options"
        raise wrong(name, f"Embeddings are not streamed; leave the field '{name}' out")
    if body.dimensions is not None and body.dimensions < 1:
        raise wrong("dimensions", f"The field 'dimensions' must be at least 1, not {body.dimensions}")
    if body.encoding_format not in (None, *ENCODINGS):
        raise wrong("encoding_format", f"The field 'encoding_format' must be one of {', '.join(ENCODINGS)}")
    inputs(body)
    return body


def inputs(body: EmbeddingsBody) -> list[Input]:
    """What shall be embedded, one for each vector.

    Raises:
        Refusal: `invalid_request`, the input is empty or mixes texts and tokens.
    """
    given = body.input
    listed: list[Any] = [given] if isinstance(given, str) else given
    if listed and all(isinstance(one, int) for one in listed):
        listed = [listed]
    kinds = {type(one) for one in listed}
    if len(kinds) > 1:
        raise wrong("input", "The field 'input' must hold texts or tokens, not both; send one request for each")
    if not kinds or not all(listed):
        raise wrong("input", "The field 'input' holds nothing to embed; leave empty texts and lists out")
    if list in kinds and any(min(tokens) < 0 for tokens in listed):
        raise wrong("input", "The field 'input' holds a negative token; tokens count from 0")
    return listed


def read_request(raw: bytes, headers: Mapping[str, str], read_prompt: Callable[[bytes], Prompt]) -> Request:
    """Read what routing, limits and money need.

    Raises:
        Refusal: `invalid_request`, saying which field is wrong.
    """
    body = read_body(raw)
    return Request(
        wire=WireFormat.OPENAI_EMBEDDINGS,
        raw=raw,
        read_prompt=read_prompt,
        model=body.model or "",
        max_output_tokens=0,
        usage_asked=True,
        # A token is at least one byte of text or one digit; the quotes, brackets and commas around an input are at
        # least as many as the marks that a model puts around it.
        text_bytes=len(raw),
    )


def splice(request: Request, edits: Edits) -> bytes:
    """The caller's own body with the model's id set and every other value's bytes untouched, in the caller's order."""
    fields: dict[str, Any] = {**FIELDS.decode(request.raw)}
    fields["model"] = edits.model_id
    return _ENCODER.encode(fields)
