"""What the demo model answers to a prompt: the same prompt always gets the same script."""

import base64
import hashlib
import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from headgate.domain.event import BLOCKS_PER_CHOICE, Event, EventKind, StopReason
from headgate.domain.prompt import (
    DocumentPart,
    ImagePart,
    Part,
    Prompt,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)
from headgate.domain.usage import Usage
from headgate.pool.providers.demo.directives import NOTHING, Called, Directives, read_directives
from headgate.pool.providers.demo.images import describe, image_tokens
from headgate.pool.providers.demo.mentions import mentioned, quotes
from headgate.pool.providers.demo.pieces import pieces, tokens
from headgate.pool.providers.demo.schema import fill

QUOTED: Final = 120
"""How many characters of a message or a tool's result are quoted."""
MAX_DOCUMENT_TOKENS: Final = 100_000
_GREETING: Final = "This is Headgate's demo model, not a real one."
_THOUGHT: Final = "The demo model thinks about its answer."


class Block(msgspec.Struct):
    """One content block: its pieces are the output tokens it counts."""

    kind: EventKind
    index: int
    pieces: list[str]
    id: str = ""
    """The tool call's id, or the signature of the reasoning."""
    name: str = ""


class Script(msgspec.Struct):
    """One answer, before it is played."""

    directives: Directives
    blocks: list[Block]
    stop: StopReason
    stop_sequence: str
    usage: Usage
    """What the answer reports at its end."""
    message: str
    """The text that directed it."""
    choices: int = 1

    def events(self, *, whole: bool) -> Iterator[tuple[int, Event]]:
        """The events between `started` and the closing usage, each with the tokens that it stands for.

        A piece is an event of its own, unless the answer is `whole`: then a block is.
        """
        for first in range(0, self.choices * BLOCKS_PER_CHOICE, BLOCKS_PER_CHOICE):
            for block in self.blocks:
                index = first + block.index
                if block.kind is EventKind.TOOL_ARGUMENTS:
                    yield 0, Event(EventKind.TOOL_START, index, id=block.id, name=block.name)
                if whole:
                    yield len(block.pieces), Event(block.kind, index, "".join(block.pieces))
                else:
                    for piece in block.pieces:
                        yield 1, Event(block.kind, index, piece)
                if block.kind is EventKind.REASONING:
                    yield 0, Event(EventKind.REASONING, index, id=block.id)
            yield 0, Event(EventKind.FINISHED, first, self.stop_sequence, stop=self.stop)


def write_script(prompt: Prompt, limit: int | None, choices: int) -> Script:
    """The answer to `prompt`, with at most `limit` tokens for each of `choices` equal answers.

    Raises:
        Refusal: `invalid_request`, a directive is not written as it must be.
    """
    parts = prompt.messages[-1].parts if prompt.messages and prompt.messages[-1].role == "user" else ()
    text = _directed(parts)
    directives = read_directives(text) if text.startswith("!") else NOTHING
    calls = _calls(prompt, parts, directives)
    said, sequence = _cut(_said(prompt, parts, directives, bool(calls)), prompt.stop)
    blocks = []
    thought = directives.think if directives.think is not None else _THOUGHT if _thinks(prompt) else ""
    if thought:
        signature = base64.b64encode(hashlib.sha256(thought.encode()).digest()).decode()
        blocks.append(Block(EventKind.REASONING, 0, pieces(thought), signature))
    if said:
        blocks.append(Block(EventKind.TEXT, 0, pieces(said)))
    stop = StopReason.STOP_SEQUENCE if sequence else StopReason.TOOL_CALLS if calls else StopReason.STOP
    for number, call in enumerate(() if sequence else calls):
        made = hashlib.sha256(f"{len(prompt.messages)} {number} {call.name} {call.arguments}".encode()).hexdigest()
        blocks.append(
            Block(EventKind.TOOL_ARGUMENTS, 1 + number, pieces(call.arguments), f"call_{made[:24]}", call.name)
        )
    if limit is not None and sum(len(block.pieces) for block in blocks) > limit:
        blocks, stop, sequence = _shortened(blocks, limit), StopReason.LENGTH, ""
    return Script(directives, blocks, stop, sequence, _usage(prompt, directives, blocks, choices), text, choices)


def input_tokens(prompt: Prompt) -> int:
    """What the input counts: the pieces of all its text, tools and schemas included, and its images and documents."""
    texts = [*prompt.system]
    count = 0
    for message in prompt.messages:
        for part in message.parts:
            if isinstance(part, TextPart):
                texts.append(part.text)
            else:
                count += _part_tokens(part)
    for tool in prompt.tools:
        texts += [tool.name, tool.description, _json(tool.schema)]
    if prompt.json_schema:
        texts.append(_json(prompt.json_schema))
    return count + sum(map(tokens, texts))


def _part_tokens(part: Part) -> int:
    if isinstance(part, ToolResultPart):
        return sum(_part_tokens(inner) for inner in part.content)
    if isinstance(part, ToolCallPart):
        return tokens(part.name) + tokens(part.arguments)
    if isinstance(part, ImagePart):
        return image_tokens(part)
    if isinstance(part, DocumentPart):
        return tokens(part.text) if part.text else min(MAX_DOCUMENT_TOKENS, 1 + len(part.data) // 4)
    return tokens(part.text)


def _usage(prompt: Prompt, directives: Directives, blocks: list[Block], choices: int) -> Usage:
    """What the answer counts, or what a directive wants it to say."""
    made = choices * sum(len(block.pieces) for block in blocks)
    thought = choices * sum(len(block.pieces) for block in blocks if block.kind is EventKind.REASONING)
    told = directives.usage
    output = told.get("output_tokens", made)
    usage = Usage(input_tokens(prompt), output, reasoning_tokens=min(thought, output))
    return msgspec.structs.replace(usage, **told)


def _directed(parts: tuple[Part, ...]) -> str:
    """The message's text: the first text part that begins with a directive, else the last text part."""
    text = ""
    for part in parts:
        if isinstance(part, TextPart):
            text = part.text.lstrip()
            if text.startswith("!"):
                break
    return text


def _thinks(prompt: Prompt) -> bool:
    if prompt.reasoning_effort:
        return prompt.reasoning_effort not in ("none", "minimal")
    return prompt.reasoning_tokens is not None or "thinking" in prompt.dropped


def _said(prompt: Prompt, parts: tuple[Part, ...], directives: Directives, calling: bool) -> str:
    """The answer's text; what directives say comes first, a tool call needs none."""
    told = [text for text in (directives.echo, directives.json) if text is not None]
    if directives.tokens is not None:
        told.append(" ".join(["demo"] * directives.tokens))
    if told or calling:
        return "\n".join(told)
    if prompt.json_schema is not None:
        return _json(fill(prompt.json_schema) if prompt.json_schema else _any_object(_directed(parts)))
    return " ".join([_GREETING, *_remarks(prompt, parts)])


def _remarks(prompt: Prompt, parts: tuple[Part, ...]) -> Iterator[str]:
    """A sentence on each thing that the last message holds."""
    for part in parts:
        if isinstance(part, ToolResultPart):
            outcome = "failed" if part.is_error else "returned"
            shown = " ".join(inner.text for inner in part.content if isinstance(inner, TextPart))
            yield f'The tool {_name_of(prompt, part.id)} {outcome}: "{_quoted(shown)}".'
            yield from _remarks(prompt, tuple(inner for inner in part.content if not isinstance(inner, TextPart)))
        elif isinstance(part, ImagePart):
            yield f"You sent an image ({describe(part)})."
        elif isinstance(part, DocumentPart):
            what = f"{len(part.text)} characters" if part.text else part.media_type or "unknown type"
            yield f"You sent a document ({what})."
    if text := _quoted(_directed(parts)):
        yield f'You said: "{text}".'


def _quoted(text: str) -> str:
    shown = " ".join(text[: 4 * QUOTED].split())
    return shown if len(shown) <= QUOTED else f"{shown[:QUOTED]}..."


def _name_of(prompt: Prompt, call_id: str) -> str:
    for message in reversed(prompt.messages):
        for part in message.parts:
            if isinstance(part, ToolCallPart) and part.id == call_id:
                return part.name
    return call_id


def _calls(prompt: Prompt, parts: tuple[Part, ...], directives: Directives) -> list[Called]:
    """The tools to call: those directed, else the one that the caller's choice or the message names."""
    if directives.tools:
        return directives.tools
    choice = prompt.tool_choice
    mode = "auto" if choice is None else choice.mode
    if not prompt.tools or mode == "none":
        return []
    answered = any(isinstance(part, ToolResultPart) for part in parts)
    named = None if answered else _named(prompt.tools, _directed(parts))
    if mode == "tool" and choice is not None:
        named = next((tool for tool in prompt.tools if tool.name == choice.name), None)
    elif mode == "any":
        named = named or prompt.tools[0]
    elif directives is not NOTHING:
        return []
    if named is None:
        return []
    arguments = mentioned(_object(fill(named.schema)), named.schema, _directed(parts), but=named.name)
    return [Called(named.name, _json(arguments))]


def _named(tools: tuple[Tool, ...], text: str) -> Tool | None:
    """The first tool that `text` names, or asks for: `get_weather` is what a question about the weather asks for.

    A plain word names a tool only after `call` or `use`, or in backticks.
    """
    for tool in tools:
        if tool.name in text:
            before = r"(?:\b[Cc]all |\b[Uu]se |`)" if tool.name.isalpha() else r"(?<![\w-])"
            if re.search(rf"{before}{re.escape(tool.name)}(?![\w-])", text):
                return tool
    for tool in tools if "?" in text else ():
        verb, _, thing = tool.name.partition("_")
        if verb == "get" and thing and re.search(rf"(?<![\w-]){re.escape(thing.replace('_', ' '))}(?![\w-])", text):
            return tool
    return None


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _any_object(text: str) -> dict[str, str]:
    """A JSON object where the caller gives no schema: its keys are the words in quotes, as prompts name them."""
    return dict.fromkeys(filter(str.isidentifier, quotes(text)), "demo") or {"answer": "demo"}


def _cut(text: str, stops: tuple[str, ...]) -> tuple[str, str]:
    """`text` up to the first stop sequence in it, and that sequence."""
    found = [(at, stop) for stop in stops if stop and (at := text.find(stop)) != -1]
    if not found:
        return text, ""
    at, stop = min(found)
    return text[:at], stop


def _shortened(blocks: list[Block], limit: int) -> list[Block]:
    kept = []
    for block in blocks:
        if limit <= 0:
            break
        block.pieces = block.pieces[:limit]
        limit -= len(block.pieces)
        kept.append(block)
    return kept


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
