"""What must be equal for an answer to be given again: a key for the whole question, one for all but its last text."""

from hashlib import blake2b
from typing import Any, Final

import msgspec

from headgate.cache.veto import Reading, read
from headgate.catalog.catalog import candidates
from headgate.domain.call import Request, WireFormat
from headgate.domain.policy import CachePolicy, Similarity
from headgate.domain.prompt import Message, Prompt, TextPart, ToolResultPart
from headgate.domain.refusal import Refusal
from headgate.journal.record import Record

SHAPE: Final = 1
"""The version of how keys are made; a new one finds nothing that was kept under another."""
KEY_BYTES: Final = 16
MAX_CACHED_BODY_BYTES: Final = 256 * 1024
"""Longer questions hardly come twice, and reading them a second time costs."""
_UNSAID: Final = ("stream", "stream_options")
"""Fields of a body that say how an answer is sent, and not what it is."""
_ENCODER: Final = msgspec.json.Encoder(order="deterministic")
_FIELDS: Final = msgspec.json.Decoder(dict[str, Any])


class Question(msgspec.Struct, frozen=True):
    """A question as the cache knows it; `key` and `scope` are the same in every process."""

    team: int
    key: bytes
    scope: bytes
    """Of everything but the text of the last turn; texts are compared within it alone."""
    text: str
    """The text of the last turn where it is plain text, else empty."""
    crosses: bool
    """Whether its answer may be given in another form than it was kept in."""
    temperature: float
    has_tools: bool


def question(record: Record, request: Request, policy: CachePolicy) -> Question | str:
    """The question of `request`, or why its answer is neither looked for nor kept."""
    if policy.native_only and request.wire is not WireFormat.NATIVE:
        return "the use case keeps answers of the native surface alone"
    if len(request.raw) > MAX_CACHED_BODY_BYTES:
        return f"the request is longer than {MAX_CACHED_BODY_BYTES:,} bytes"
    if request.tool_requests or request.unbounded_tool:
        return "the provider runs tools of its own for it, whose results change"
    if request.wire is WireFormat.OPENAI_EMBEDDINGS:
        return _asked(record, request, policy, None)
    try:
        prompt = request.read_prompt(request.raw)
    except Refusal as refusal:
        return f"it cannot be read whole: {refusal.sentence}"
    if any(isinstance(part, ToolResultPart) for message in prompt.messages for part in message.parts):
        return "it carries tools' results"
    temperature = _temperature(prompt)
    if temperature > policy.max_temperature:
        return f"its temperature {temperature:g} is above {policy.max_temperature:g}"
    return _asked(record, request, policy, prompt)


def _temperature(prompt: Prompt) -> float:
    """What providers take where nothing is said is 1."""
    return 1.0 if prompt.temperature is None else prompt.temperature


def _asked(record: Record, request: Request, policy: CachePolicy, prompt: Prompt | None) -> Question:
    around = _around(record, request, policy)
    if prompt is None or prompt.dropped:  # only the body itself says all of it
        body = {name: value for name, value in _FIELDS.decode(request.raw).items() if name not in _UNSAID}
        key = _digest(around, request.wire, _ENCODER.encode(body))
        return Question(record.subject.team, key, key, "", False, 1.0, request.has_tools)
    text = _last_text(prompt)
    before = msgspec.structs.replace(prompt, messages=prompt.messages[:-1]) if text else prompt
    scope = _digest(around, "", _ENCODER.encode(before))
    key = _digest(around, "", _ENCODER.encode(prompt))
    return Question(
        record.subject.team, key, scope, text, request.choices == 1, _temperature(prompt), request.has_tools
    )


def _last_text(prompt: Prompt) -> str:
    last = prompt.messages[-1] if prompt.messages else None
    if isinstance(last, Message) and last.role == "user" and len(last.parts) == 1:
        part = last.parts[0]
        return part.text if isinstance(part, TextPart) else ""
    return ""


def _around(record: Record, request: Request, policy: CachePolicy) -> bytes:
    """Who asks, under which policy, of what: everything beside the prompt itself."""
    use_case, subject = record.use_case, record.subject
    assert use_case is not None, "a call is permitted before the cache is asked"
    governing = msgspec.structs.replace(use_case, cache=None)
    asked = candidates(record.policy, use_case, request.model)
    return _ENCODER.encode(
        (
            SHAPE,
            subject.team,
            subject.project,
            subject.user if policy.personal else None,
            record.call.user if policy.personal else None,
            governing,
            record.pipeline,
            request.model,
            [(candidate.model, candidate.deployment.name, candidate.deployment.region) for candidate in asked],
            request.max_output_tokens,
            request.choices,
            request.forward_headers,
            record.call.strict,
        )
    )


def _digest(around: bytes, wire: str, said: bytes) -> bytes:
    """Parts with their lengths, so that no two lists of parts come to the same bytes."""
    digest = blake2b(digest_size=KEY_BYTES)
    for part in (around, wire.encode(), said):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


def readable(question: Question, policy: Similarity) -> Reading | str:
    """What a question's text asks, or why no other wording of it is looked for."""
    if not question.text:
        return "its last turn is not plain text"
    if question.has_tools:
        return "it offers tools"
    if question.temperature > policy.max_temperature:
        return f"its temperature {question.temperature:g} is above {policy.max_temperature:g}"
    return read(question.text)
