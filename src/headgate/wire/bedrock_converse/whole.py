"""Reads a whole answer (Amazon Bedrock API reference, Converse)."""

from typing import Final

import msgspec

from headgate.domain.event import Event, EventKind
from headgate.wire.bedrock_converse.answer import ReasoningText, TokenUsage, finished
from headgate.wire.bedrock_converse.citations import Citation


class _ToolUse(msgspec.Struct, rename="camel"):
    tool_use_id: str = ""
    name: str = ""
    input: msgspec.Raw = msgspec.Raw(b"{}")
    type: str | None = None


class _Reasoning(msgspec.Struct, rename="camel"):
    reasoning_text: ReasoningText | None = None


class _Generated(msgspec.Struct):
    text: str | None = None


class _Cited(msgspec.Struct):
    content: list[_Generated] | None = None
    citations: list[Citation] | None = None


class _Block(msgspec.Struct, rename="camel"):
    text: str | None = None
    tool_use: _ToolUse | None = None
    reasoning_content: _Reasoning | None = None
    citations_content: _Cited | None = None


class _Message(msgspec.Struct):
    content: list[_Block] | None = None


class _Output(msgspec.Struct):
    message: _Message


class _Answer(msgspec.Struct, rename="camel"):
    output: _Output
    stop_reason: str = ""
    usage: TokenUsage | None = None


_DECODER: Final = msgspec.json.Decoder(_Answer)


def read_whole(body: bytes) -> list[Event]:
    """The events of a whole answer; its bytes are on the `finished` event.

    Raises:
        ValueError: the body is no answer, or one that came to nothing.
    """
    answer = _DECODER.decode(body)
    end = finished(answer.stop_reason)
    if end.kind is EventKind.FAILED:
        raise ValueError(end.text)
    events = [Event(EventKind.STARTED)]
    characters = 0
    for index, block in enumerate(answer.output.message.content or ()):
        _read(block, index, characters, events)
        characters += sum(len(event.text) for event in events if event.kind is EventKind.TEXT and event.index == index)
    if answer.usage is not None:
        events.append(Event(EventKind.USAGE, usage=answer.usage.usage()))
    end.raw = body
    return [*events, end]


def _read(block: _Block, index: int, characters: int, events: list[Event]) -> None:
    """Append the events of the content block `index`, before which stand so many `characters` of text."""
    call, reasoning, cited = block.tool_use, block.reasoning_content, block.citations_content
    if block.text:
        events.append(Event(EventKind.TEXT, index, block.text))
    elif call is not None and call.type != "server_tool_use":
        events.append(Event(EventKind.TOOL_START, index, id=call.tool_use_id, name=call.name))
        arguments = msgspec.json.format(bytes(call.input), indent=-1)
        if arguments != b"{}":
            events.append(Event(EventKind.TOOL_ARGUMENTS, index, arguments.decode()))
    elif reasoning is not None and reasoning.reasoning_text is not None:
        text, signature = reasoning.reasoning_text.text or "", reasoning.reasoning_text.signature or ""
        events.append(Event(EventKind.REASONING, index, text, signature))
    elif cited is not None:
        text = "".join(piece.text or "" for piece in cited.content or ())
        events.append(Event(EventKind.TEXT, index, text))
        for citation in cited.citations or ():
            said = citation.text(characters, characters + len(text))
            if said is not None:
                events.append(Event(EventKind.CITATION, index, said))
