"""How Gemini spells what an answer holds (Gemini API reference, GenerateContentResponse)."""

from typing import Any, Final

import msgspec

from headgate.domain.event import BLOCKS_PER_CHOICE, Event, EventKind, StopReason
from headgate.domain.usage import Usage
from headgate.kit.ids import random_base62
from headgate.wire.frames import sound
from headgate.wire.gemini.citations import CitationMetadata, GroundingMetadata, Spoken
from headgate.wire.signature import marked

_FILTERED: Final = StopReason.CONTENT_FILTER
_STOPS: Final = {
    "STOP": StopReason.STOP,
    "MAX_TOKENS": StopReason.LENGTH,
    "CONTINUATION": StopReason.PAUSE,
    "SAFETY": _FILTERED,
    "RECITATION": _FILTERED,
    "LANGUAGE": _FILTERED,
    "BLOCKLIST": _FILTERED,
    "PROHIBITED_CONTENT": _FILTERED,
    "SPII": _FILTERED,
    "IMAGE_SAFETY": _FILTERED,
    "IMAGE_PROHIBITED_CONTENT": _FILTERED,
    "IMAGE_RECITATION": _FILTERED,
    "ESCALATION": _FILTERED,
    "MODEL_ARMOR": _FILTERED,
}
"""Every other reason, such as MALFORMED_FUNCTION_CALL, says that the answer came to nothing: it is a failure."""
_UNFINISHED: Final = frozenset({None, "", "FINISH_REASON_UNSPECIFIED"})


class _FunctionCall(msgspec.Struct):
    name: str = ""
    id: str | None = None
    args: msgspec.Raw = msgspec.Raw()


class _Part(msgspec.Struct, rename="camel"):
    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: _FunctionCall | None = None


class _Content(msgspec.Struct):
    parts: list[_Part] | None = None


class _Candidate(msgspec.Struct, rename="camel"):
    content: _Content | None = None
    index: int = 0
    finish_reason: str | None = None
    citation_metadata: CitationMetadata | None = None
    grounding_metadata: GroundingMetadata | None = None


class _UsageMetadata(msgspec.Struct, rename="camel"):
    prompt_token_count: int | None = None
    cached_content_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None

    def usage(self) -> Usage:
        """The canonical figures: `promptTokenCount` includes the cached, `candidatesTokenCount` leaves thoughts out."""
        thoughts = self.thoughts_token_count or 0
        return sound(
            Usage(
                (self.prompt_token_count or 0) + (self.tool_use_prompt_token_count or 0),
                (self.candidates_token_count or 0) + thoughts,
                self.cached_content_token_count or 0,
                0,
                thoughts,
            )
        )


class _PromptFeedback(msgspec.Struct, rename="camel"):
    block_reason: str | None = None


class Response(msgspec.Struct, rename="camel"):
    """A whole answer, or one piece of a stream: both have the same shape."""

    candidates: list[_Candidate] | None = None
    prompt_feedback: _PromptFeedback | None = None
    usage_metadata: _UsageMetadata | None = None
    model_version: str | None = None
    response_id: str | None = None
    error: Any = None


DECODER: Final = msgspec.json.Decoder(Response)


class _CandidateState:
    """What is known of one candidate so far: its open block, its calls, its text, and whether it finished."""

    def __init__(self, index: int) -> None:
        self._first_block = self._block = index * BLOCKS_PER_CHOICE
        self._kind: EventKind | None = None
        self._calls = 0
        self._spoken = Spoken()
        self.finished = False

    def read(self, candidate: _Candidate, response_id: str, events: list[Event]) -> None:
        """Append the events of what `candidate` says."""
        for part in (candidate.content and candidate.content.parts) or ():
            signature = marked(part.thought_signature or "")
            if part.function_call is not None:
                if signature:
                    self._reason("", signature, events)
                self._call(part.function_call, response_id, events)
            elif part.thought:
                self._reason(part.text or "", signature, events)
            elif part.text:  # the signature of a text is nothing that Gemini asks to see again
                events.append(Event(EventKind.TEXT, self._open(EventKind.TEXT), part.text))
                self._spoken.add(part.text)
        for source in (candidate.citation_metadata, candidate.grounding_metadata):
            if source and (cited := source.citations(self._spoken)):
                block = self._open(EventKind.TEXT)
                events += [Event(EventKind.CITATION, block, citation) for citation in cited]

    def finish(self, candidate: _Candidate, events: list[Event]) -> None:
        """Append the end of this candidate, once."""
        reason = candidate.finish_reason
        if reason in _UNFINISHED or self.finished:
            return
        self.finished = True
        stop = _STOPS.get(reason or "")
        if stop is None:  # its `finishMessage` may quote the answer, which has no place in a sentence for operators
            sentence = f"the model stopped for the reason {reason}"
            events.append(Event(EventKind.FAILED, text=sentence, name="provider_error"))
        else:
            if stop is StopReason.STOP and self._calls:
                stop = StopReason.TOOL_CALLS
            events.append(Event(EventKind.FINISHED, self._first_block, stop=stop))

    def _open(self, kind: EventKind) -> int:
        """The block that is open if it is of this kind, else a new one."""
        if kind is not self._kind:
            self._block += self._kind is not None
            self._kind = kind
        return self._block

    def _close(self) -> None:
        self._block += 1
        self._kind = None

    def _reason(self, text: str, signature: str, events: list[Event]) -> None:
        """A thought; a signature ends its block, for a block has but one."""
        if text or signature:
            events.append(Event(EventKind.REASONING, self._open(EventKind.REASONING), text, signature))
        if signature:
            self._close()

    def _call(self, call: _FunctionCall, response_id: str, events: list[Event]) -> None:
        """A call, whose arguments come whole; models before Gemini 3 give it no id."""
        self._calls += 1
        block = self._open(EventKind.TOOL_START)
        call_id = call.id or f"call_{response_id}_{self._calls}"
        events.append(Event(EventKind.TOOL_START, block, id=call_id, name=call.name))
        arguments = msgspec.json.format(bytes(call.args) or b"{}", indent=-1)
        if arguments not in (b"{}", b"null"):
            events.append(Event(EventKind.TOOL_ARGUMENTS, block, arguments.decode()))
        self._close()


class AnswerState:
    """What is known of an answer so far; `read` takes it in piece by piece."""

    def __init__(self) -> None:
        self._started = False
        self._response_id = ""
        self._candidates: dict[int, _CandidateState] = {}

    def read(self, response: Response, events: list[Event]) -> None:
        """Append the events of `response`: what it says, what it used so far, and which candidates it ends."""
        if response.error:
            events.append(failure(response.error))
            return
        if not self._started:
            self._started = True
            self._response_id = response.response_id or random_base62(22)
            events.append(Event(EventKind.STARTED, id=response.response_id or "", name=response.model_version or ""))
        candidates = response.candidates or ()
        for candidate in candidates:
            self._state(candidate.index).read(candidate, self._response_id, events)
        if response.usage_metadata is not None:
            events.append(Event(EventKind.USAGE, usage=response.usage_metadata.usage()))
        for candidate in candidates:
            self._state(candidate.index).finish(candidate, events)
        if response.prompt_feedback is not None and response.prompt_feedback.block_reason:
            blocked = self._state(0)
            if not blocked.finished:
                blocked.finished = True
                events.append(Event(EventKind.FINISHED, stop=_FILTERED))

    def _state(self, index: int) -> _CandidateState:
        if index not in self._candidates:
            self._candidates[index] = _CandidateState(index)
        return self._candidates[index]


def failure(error: Any) -> Event:
    """The event for an error object that came in place of an answer (Google API design guide, errors)."""
    message = error.get("message") if isinstance(error, dict) else error
    return Event(EventKind.FAILED, text=str(message or "the provider reported an error"), name="provider_error")
