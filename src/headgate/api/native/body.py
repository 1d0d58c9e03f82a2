"""The body of `POST /v1/generate`: its fields, their ranges, and what is said where they are wrong."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Final, Literal, get_type_hints

import msgspec
from msgspec import Meta

from headgate.api.native.response_format import ResponseFormat, formed, mistakes, text_bytes
from headgate.api.surface import Reading
from headgate.domain.call import Request, WireFormat
from headgate.domain.prompt import Message, Prompt, TextPart
from headgate.domain.refusal import Refusal

MAX_PROMPT_CHARS: Final = 32_000
MAX_TOKENS: Final = 4_096

MAX_MISTAKES: Final = 20
"""Mistakes told of one body; whoever mends them is told the next."""
MAX_MEANT_CHARS: Final = 64
"""Characters of an unknown field's name that is compared with those there are."""


class GenerateBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to answer, and how."""

    prompt: Annotated[str, Meta(min_length=1, max_length=MAX_PROMPT_CHARS, description="The text to answer.")]
    pipeline: Annotated[Literal["auto", "rag", "agent", "direct"], Meta(description="How to make the answer.")] = "auto"
    model: Annotated[str, Meta(description="A model or use case; left out, the use case's chain.")] | None = None
    max_tokens: Annotated[int, Meta(ge=1, le=MAX_TOKENS, description="The most tokens of the answer.")] = 1024
    temperature: Annotated[float, Meta(ge=0, le=1, description="How freely the model chooses.")] = 0.3
    team_id: Annotated[str, Meta(description="The key's own team; any other is refused.")] | None = None
    stream: Annotated[bool, Meta(description="Whether to send the answer as server-sent events.")] = False
    use_case: Annotated[str, Meta(description="The use case that governs the call.")] | None = None
    response_format: Annotated[ResponseFormat, Meta(description="The form of the answer.")] | None = None


MISSING: Final[Mapping[str, str]] = {
    "collection": "answers over collections",
    "conversation": "conversations",
}
"""Fields of the contract whose feature this version does not have."""

_BODY: Final = msgspec.json.Decoder(GenerateBody)
_TYPES: Final = get_type_hints(GenerateBody, include_extras=True)
_RANGE: Final = re.compile(r"Expected `\w+` (of length )?(<=|>=) ([\d.]+)")


def read_body(raw: bytes, headers: Mapping[str, str]) -> Reading:
    """What `raw` asks for.

    Raises:
        Refusal: `invalid_request` (not a JSON object), `invalid_parameter` (with `fields`, one entry a wrong field).
    """
    try:
        body = _BODY.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _refusal(raw, error) from None
    prompt, wanted = body.prompt, body.response_format
    if wanted is not None and (found := mistakes(msgspec.to_builtins(wanted))):
        raise _invalid(_said(found))
    request = Request(
        wire=WireFormat.NATIVE,
        raw=raw,
        read_prompt=read_prompt,
        model=body.model or "",
        stream=body.stream,
        max_output_tokens=body.max_tokens,
        usage_asked=True,
        text_bytes=(len(prompt) if prompt.isascii() else len(prompt.encode())) + text_bytes(wanted),
    )
    return Reading(request, body.use_case, None if body.pipeline == "auto" else body.pipeline, body.team_id)


def read_prompt(raw: bytes) -> Prompt:
    """The prompt of a body that was read before."""
    body = _BODY.decode(raw)
    prompt = Prompt(messages=(Message("user", (TextPart(body.prompt),)),), temperature=body.temperature)
    return formed(prompt, body.response_format)


def _refusal(raw: bytes, error: Exception) -> Refusal:
    """Every field that is wrong, said at once."""
    try:
        fields = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Refusal("invalid_request", f"The body is not valid JSON: {error}; send a JSON object.")
    if not isinstance(fields, dict):
        return Refusal("invalid_request", 'The body must be a JSON object, such as {"prompt": "Say hello"}.')
    found: list[tuple[str, str]] = []
    for name in _asked(fields):
        if len(found) >= MAX_MISTAKES:
            break
        if name == "response_format":
            found += _said(mistakes(fields[name]))
        elif said := _wrong(fields, name):
            found.append((name, said))
    return _invalid(found) if found else Refusal("invalid_parameter", f"The body is wrong: {error}.")


def _invalid(found: list[tuple[str, str]]) -> Refusal:
    """The refusal of fields, each with what must be said of it."""
    fields = [{"param": name, "message": said} for name, said in found]
    sentence = " ".join(said for _, said in found)
    return Refusal("invalid_parameter", sentence, param=found[0][0], details={"fields": fields})


def _said(found: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(param, f"The field '{param}' {expectation}.") for param, expectation in found]


def _asked(fields: dict[str, Any]) -> list[str]:
    return [*([] if "prompt" in fields else ["prompt"]), *fields]


def _wrong(fields: dict[str, Any], name: str) -> str:
    """What is wrong with the field `name`; empty where nothing is."""
    if name in MISSING:
        return f"The field '{name}' cannot be served: {MISSING[name]} are not part of this version; leave it out."
    if name not in _TYPES:
        close = get_close_matches(name, _TYPES, n=1) if len(name) <= MAX_MEANT_CHARS else []
        return f"There is no field '{name[:64]}'; " + (f"did you mean '{close[0]}'?" if close else "leave it out.")
    if name not in fields:
        return f"The field '{name}' is required."
    try:
        msgspec.convert(fields[name], _TYPES[name])
    except msgspec.ValidationError as error:
        return f"The field '{name}' {_expectation(str(error), name)}."
    return ""


def _expectation(said: str, name: str) -> str:
    """What msgspec said about a value, for somebody who knows JSON."""
    if name == "pipeline":
        return "must be one of auto, rag, agent, direct"
    if found := _RANGE.search(said):
        most = "at most" if found[2] == "<=" else "at least"
        number = f"{float(found[3]):,g}" if "." in found[3] else f"{int(found[3]):,}"
        return f"must be {most} {number} characters long" if found[1] else f"must be {most} {number}"
    for mark, words in (
        ("str", "a string"),
        ("int", "a whole number"),
        ("float", "a number"),
        ("bool", "true or false"),
    ):
        if said.startswith(f"Expected `{mark}"):
            return f"must be {words}"
    return f"is wrong: {said}"
