"""What the demo model answers to a prompt: the same prompt always gets the same script."""

import re
from typing import Final

import msgspec

from headgate.domain.call import Request
from headgate.domain.event import StopReason
from headgate.domain.prompt import ImagePart, Prompt, TextPart, Tool, ToolResultPart
from headgate.domain.usage import Usage
from headgate.pool.providers.demo.directives import Directives, last_text, read_directives
from headgate.pool.providers.demo.samples import describe, sample

PIECE: Final = re.compile(r"\s*(?:\w+|[^\w\s])|\s+\Z")
"""A token of the demo model: a word or a mark, with the white space before it; at least one byte each."""
QUOTED: Final = 60
_SIGNATURE: Final = "ZGVtbw=="


class ToolUse(msgspec.Struct, frozen=True):
    """A tool call of the script."""

    id: str
    name: str
    pieces: list[str]


class Script(msgspec.Struct):
    """One answer, piece by piece; each piece is one output token."""

    directives: Directives
    reasoning: list[str]
    text: list[str]
    tools: list[ToolUse]
    stop: StopReason
    stop_sequence: str
    usage: Usage
    signature: str = _SIGNATURE


def pieces(text: str) -> list[str]:
    """The tokens of `text`; joined they give it back."""
    return PIECE.findall(text)


def write_script(request: Request, prompt: Prompt) -> Script:
    """The answer to `prompt`.

    Raises:
        BadDirective: see `directives`.
    """
    directives = read_directives(prompt)
    thinks = directives.think
    if thinks is None and (prompt.reasoning_tokens or prompt.reasoning_effort not in ("", "none")):
        thinks = "The demo model thinks of nothing in particular."
    reasoning = pieces(thinks) if thinks else []
    tools = _tool_calls(directives, prompt)
    text = [] if tools and directives.echo is None else pieces(_text(directives, prompt))
    stop, sequence = (StopReason.TOOL_CALLS if tools else StopReason.STOP), ""
    if not tools:
        text, sequence = _cut_at_stop(text, prompt.stop)
        stop = StopReason.STOP_SEQUENCE if sequence else stop
    room = request.max_output_tokens
    if room is not None and len(reasoning) + len(text) > room:
        reasoning = reasoning[:room]
        text, tools, stop = text[: room - len(reasoning)], [], StopReason.LENGTH
    produced = len(reasoning) + len(text) + sum(len(tool.pieces) for tool in tools)
    given = directives.usage or (_input_tokens(prompt), produced)
    return Script(
        directives,
        reasoning,
        text,
        tools,
        stop,
        sequence,
        Usage(*given, reasoning_tokens=min(len(reasoning), given[1])),
    )


def _text(directives: Directives, prompt: Prompt) -> str:
    if directives.json is not None:
        return directives.json
    if directives.tokens is not None:
        return " ".join(["demo"] * directives.tokens)
    if directives.echo is not None:
        return directives.echo
    if prompt.json_schema is not None:
        return msgspec.json.encode(sample(prompt.json_schema)).decode()
    parts = prompt.messages[-1].parts if prompt.messages else ()
    results = [part for part in parts if isinstance(part, ToolResultPart)]
    if results:
        shown = " ".join(part.text for result in results for part in result.content if isinstance(part, TextPart))
        return f"This is the demo model. The tool answered: {shown[:QUOTED]}"
    images = [part for part in parts if isinstance(part, ImagePart)]
    if images:
        return f"This is the demo model. You sent {' and '.join(describe(image) for image in images)}."
    said = " ".join(directives.rest.split()) or "nothing"
    quoted = said if len(said) <= QUOTED else said[:QUOTED] + "..."
    return f"This is the demo model, which is no real one. You said: {quoted}"


def _tool_calls(directives: Directives, prompt: Prompt) -> list[ToolUse]:
    if directives.tools:
        return [ToolUse(f"call_demo_{n}", name, pieces(given)) for n, (name, given) in enumerate(directives.tools)]
    choice = prompt.tool_choice
    if not prompt.tools or (choice is not None and choice.mode == "none"):
        return []
    answered = any(isinstance(part, ToolResultPart) for part in prompt.messages[-1].parts) if prompt.messages else False
    tool: Tool | None = None
    if choice is not None and choice.mode == "tool":
        tool = next((one for one in prompt.tools if one.name == choice.name), None)
    elif choice is not None and choice.mode == "any":
        tool = prompt.tools[0]
    elif not answered:
        said = last_text(prompt)
        tool = next((one for one in prompt.tools if re.search(rf"\b{re.escape(one.name)}\b", said)), None)
    if tool is None:
        return []
    return [ToolUse("call_demo_0", tool.name, pieces(msgspec.json.encode(sample(tool.schema)).decode()))]


def _cut_at_stop(text: list[str], stops: tuple[str, ...]) -> tuple[list[str], str]:
    joined = "".join(text)
    places = [(joined.find(stop), stop) for stop in stops if stop and stop in joined]
    if not places:
        return text, ""
    place, stop = min(places)
    return pieces(joined[:place]), stop


def _input_tokens(prompt: Prompt) -> int:
    """A token a word or mark of what was sent as text; never more than its bytes."""
    texts = [*prompt.system]
    for message in prompt.messages:
        for part in message.parts:
            if isinstance(part, TextPart):
                texts.append(part.text)
            elif isinstance(part, ToolResultPart):
                texts += [inner.text for inner in part.content if isinstance(inner, TextPart)]
    texts += [tool.name + " " + tool.description for tool in prompt.tools]
    return sum(len(PIECE.findall(text)) for text in texts)
