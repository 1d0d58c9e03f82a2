"""What a response's items say, piece by piece or whole (OpenAI API reference, responses, output items)."""

from typing import Any, Final

import msgspec

from headgate.domain.event import BLOCKS_PER_CHOICE, Event, EventKind, StopReason
from headgate.domain.usage import Usage
from headgate.wire.frames import sound
from headgate.wire.openai_responses.answer import citation
from headgate.wire.signature import of_encrypted

_TEXT, _REASONING, _TOOL_ARGUMENTS = EventKind.TEXT, EventKind.REASONING, EventKind.TOOL_ARGUMENTS
_SUMMARY: Final = "response.reasoning_summary_text.delta"
SUMMARIES: Final = frozenset({_SUMMARY})
_DELTAS: Final = {
    "response.output_text.delta": _TEXT,
    "response.refusal.delta": _TEXT,
    "response.function_call_arguments.delta": _TOOL_ARGUMENTS,
    _SUMMARY: _REASONING,
    "response.reasoning_text.delta": _REASONING,
}
_KNOWN: Final = frozenset({"message", "function_call", "reasoning"})
_STOPS: Final = {"max_output_tokens": StopReason.LENGTH, "content_filter": StopReason.CONTENT_FILTER}
_GAP: Final = "\n\n"
"""Between two parts of a thought."""


class InputDetails(msgspec.Struct):
    """Parts of the input."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class OutputDetails(msgspec.Struct):
    """Parts of the output."""

    reasoning_tokens: int | None = None


class UsageReport(msgspec.Struct):
    """What OpenAI says a response used; its input already includes what was cached."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: InputDetails | None = None
    output_tokens_details: OutputDetails | None = None

    def usage(self) -> Usage:
        """The canonical figures."""
        given, made = self.input_tokens_details, self.output_tokens_details
        return sound(
            Usage(
                self.input_tokens or 0,
                self.output_tokens or 0,
                (given.cached_tokens or 0) if given else 0,
                (given.cache_write_tokens or 0) if given else 0,
                (made.reasoning_tokens or 0) if made else 0,
            )
        )


class _Incomplete(msgspec.Struct):
    reason: str | None = None


class Ending(msgspec.Struct):
    """A response without its output, as far as its events need it."""

    id: str | None = None
    model: str | None = None
    status: str | None = None
    incomplete_details: _Incomplete | None = None
    usage: UsageReport | None = None
    error: Any = None


def failure(error: Any) -> str:
    """The sentence in an error object that a provider sent in place of an answer."""
    message = error.get("message") if isinstance(error, dict) else error
    return str(message or "the provider reported an error")


class _Said(msgspec.Struct):
    type: str = ""
    text: str | None = None
    refusal: str | None = None
    annotations: list[msgspec.Raw] | None = None


class _Item(msgspec.Struct):
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    content: list[_Said] | None = None
    summary: list[_Said] | None = None
    encrypted_content: str | None = None


class _Kind(msgspec.Struct):
    type: str = ""


_KIND: Final = msgspec.json.Decoder(_Kind)
_ITEM: Final = msgspec.json.Decoder(_Item)


class Reading:
    """What is known of an answer so far: which of its items were told, and whether it calls or refuses."""

    def __init__(self) -> None:
        self._calls: set[int] = set()
        self._told: dict[int, tuple[str, int]] = {}
        """The kind and the number of the part that was told last, of each item that has told something."""
        self._cited: set[int] = set()
        self._refused = False

    def begin(self, index: int, raw: msgspec.Raw, events: list[Event]) -> None:
        """Append the start of an item, which only a call has."""
        if _KIND.decode(raw).type == "function_call":
            self._call(index, _ITEM.decode(raw), events)

    def delta(self, kind: str, place: tuple[int, int], text: str, events: list[Event]) -> None:
        """Append a piece of the item and the part at `place`."""
        said, index = _DELTAS.get(kind), place[0]
        if said is None or not text or (said is _TOOL_ARGUMENTS and index not in self._calls):
            return
        if kind == "response.refusal.delta":
            self._refused = True
        before = self._told.get(index)
        self._told[index] = (kind, place[1])
        if said is _REASONING and before not in (None, self._told[index]):
            text = _GAP + text
        events.append(Event(said, index % BLOCKS_PER_CHOICE, text))

    def cite(self, index: int, annotations: list[msgspec.Raw], events: list[Event]) -> None:
        """Append annotations of a message."""
        self._cited.add(index)
        block = index % BLOCKS_PER_CHOICE
        events += [Event(EventKind.CITATION, block, citation(annotation)) for annotation in annotations]

    def whole(self, index: int, raw: msgspec.Raw, events: list[Event]) -> None:
        """Append what an item says that was not told yet; nothing for what only OpenAI's own clients know."""
        kind = _KIND.decode(raw).type
        if kind not in _KNOWN:
            return
        item, told = _ITEM.decode(raw), index in self._told
        block = index % BLOCKS_PER_CHOICE
        if kind == "function_call":
            self._call(index, item, events)
            if not told and item.arguments:
                events.append(Event(_TOOL_ARGUMENTS, block, item.arguments))
        elif kind == "reasoning":
            text = _GAP.join(part.text for part in (*(item.summary or ()), *(item.content or ())) if part.text)
            signature = of_encrypted(item.encrypted_content or "")
            if signature or (text and not told):
                events.append(Event(_REASONING, block, "" if told else text, signature))
        else:
            for part in item.content or ():
                self._part(index, part, told, events)

    def stop(self, ending: Ending) -> StopReason:
        """Why the answer ended."""
        if ending.status == "incomplete":
            reason = ending.incomplete_details.reason if ending.incomplete_details else None
            return _STOPS.get(reason or "", StopReason.PAUSE)
        if self._calls:
            return StopReason.TOOL_CALLS
        return StopReason.REFUSAL if self._refused else StopReason.STOP

    def _call(self, index: int, item: _Item, events: list[Event]) -> None:
        if index in self._calls:
            return
        self._calls.add(index)
        block = index % BLOCKS_PER_CHOICE
        events.append(Event(EventKind.TOOL_START, block, id=item.call_id or "", name=item.name or ""))

    def _part(self, index: int, part: _Said, told: bool, events: list[Event]) -> None:
        if part.refusal:
            self._refused = True
        if not told and (text := part.text or part.refusal):
            events.append(Event(_TEXT, index % BLOCKS_PER_CHOICE, text))
        if part.annotations and index not in self._cited:
            self.cite(index, part.annotations, events)
