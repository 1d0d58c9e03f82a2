"""The canonical form survives being written and read: within each wire format, and across both."""

from itertools import permutations
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rooms.wire.golden_files import CODECS, UNTIMED

from headgate.domain.prompt import (
    DocumentPart,
    ImagePart,
    Message,
    Prompt,
    ReasoningPart,
    TextPart,
    Tool,
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
)
from headgate.domain.refusal import Refusal
from headgate.wire.anthropic_messages import ANTHROPIC_MESSAGES
from headgate.wire.codec import Codec, Edits, Head
from headgate.wire.openai_chat import OPENAI_CHAT
from headgate.wire.openai_responses import OPENAI_RESPONSES

EDITS = Edits("model-1")
said = st.text(min_size=1, max_size=20)
names = st.from_regex(r"[a-zA-Z0-9_-]{1,20}", fullmatch=True)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | said,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(st.text(max_size=8), json_values, max_size=4)
arguments = objects.map(lambda value: msgspec.json.encode(value).decode())
texts = st.builds(TextPart, said)
images = st.builds(ImagePart, media_type=st.just("image/png"), data=st.just("aGk=")) | st.builds(
    ImagePart, url=st.just("https://example.com/a.png")
)
documents = st.builds(DocumentPart, media_type=st.just("application/pdf"), data=st.just("aGk="), title=st.just("a.pdf"))
results = st.builds(ToolResultPart, id=names, content=st.lists(texts, max_size=2).map(tuple))
user_turns = st.builds(
    lambda results, seen: Message("user", (*results, *seen)),
    st.lists(results, max_size=2),
    st.lists(texts | images | documents, min_size=1, max_size=3),
)
assistant_turns = st.builds(
    lambda spoken, calls: Message("assistant", (*spoken, *calls)),
    st.lists(texts, min_size=1, max_size=2),
    st.lists(st.builds(ToolCallPart, id=names, name=names, arguments=arguments), max_size=3),
)
tools = st.builds(
    Tool, name=names, description=st.text(max_size=9), schema=objects.filter(bool), strict=st.none() | st.booleans()
)
choices = st.builds(ToolChoice, st.sampled_from(["auto", "any"]), parallel=st.booleans()) | st.builds(
    ToolChoice, st.just("tool"), names, st.booleans()
)


@st.composite
def prompts(draw: st.DrawFn) -> Prompt:
    """What both wire formats can say."""
    offered = tuple(draw(st.lists(tools, max_size=3)))
    return Prompt(
        messages=tuple(draw(st.lists(user_turns | assistant_turns, max_size=4))),
        system=tuple(draw(st.lists(said, max_size=1))),
        tools=offered,
        tool_choice=draw(st.none() | choices) if offered else None,
        max_output_tokens=draw(st.integers(1, 9_000)),
        temperature=draw(st.none() | st.floats(0, 1)),
        top_p=draw(st.none() | st.floats(0, 1)),
        stop=tuple(draw(st.lists(names, max_size=2))),
        reasoning_effort=draw(st.sampled_from(["", "none", "low", "medium", "high", "xhigh", "max"])),
    )


def through(codec: Codec, prompt: Prompt) -> tuple[Prompt, tuple[str, ...]]:
    body, dropped = codec.write_request(prompt, EDITS)
    return codec.read_prompt(body), dropped


@UNTIMED
@given(prompt=prompts())
def test_what_both_can_say_survives_both(prompt: Prompt) -> None:
    once, lost = through(OPENAI_CHAT, prompt)
    twice, lost_too = through(ANTHROPIC_MESSAGES, once)
    assert once == prompt
    assert twice == prompt
    assert (lost, lost_too) == ((), ())


def joined(prompt: Prompt) -> Prompt:
    """`prompt` as a list of items says it: turns that follow one another are one, and a schema is strict or not."""
    turns: list[Message] = []
    for turn in prompt.messages:
        if turns and turns[-1].role == turn.role:
            turns[-1] = Message(turn.role, turns[-1].parts + turn.parts)
        else:
            turns.append(turn)
    tools = tuple(msgspec.structs.replace(tool, strict=tool.strict is True) for tool in prompt.tools)
    return msgspec.structs.replace(prompt, messages=tuple(turns), tools=tools)


def calls_last(prompt: Prompt) -> Prompt:
    """`prompt` as chat completions order a turn: what the model said before what it called."""
    turns = tuple(
        Message(turn.role, tuple(sorted(turn.parts, key=lambda part: isinstance(part, ToolCallPart))))
        for turn in prompt.messages
    )
    return msgspec.structs.replace(prompt, messages=turns)


@UNTIMED
@given(prompt=prompts(), schema=st.none() | objects, detail=st.sampled_from(["", "low"]))
def test_what_responses_can_say_survives_responses(prompt: Prompt, schema: Any, detail: str) -> None:
    shown = Message("user", (ImagePart(url="https://example.com/b.png", detail=detail),))
    linked = Message("user", (DocumentPart(url="https://example.com/a.pdf"),))
    thought = Message("assistant", (ReasoningPart("hm", "openai:Z0FB"), TextPart("so")))
    prompt = msgspec.structs.replace(
        prompt,
        messages=(*prompt.messages, shown, linked, thought),
        stop=(),
        json_schema=schema,
        json_schema_name="answer" if schema else "",
        json_schema_strict=True if schema else None,
    )
    once, lost = through(OPENAI_RESPONSES, prompt)
    assert joined(once) == joined(prompt)
    assert lost == ()


@pytest.mark.parametrize(("first", "second"), list(permutations(CODECS, 2)))
@UNTIMED
@given(prompt=prompts())
def test_functions_their_calls_and_results_survive_every_pair(first: str, second: str, prompt: Prompt) -> None:
    once, lost = through(CODECS[first], prompt)
    twice, lost_too = through(CODECS[second], once)
    assert calls_last(joined(twice)) == calls_last(joined(msgspec.structs.replace(prompt, stop=twice.stop)))
    assert {*lost, *lost_too} <= {"stop"}


@UNTIMED
@given(
    prompt=prompts(),
    seed=st.none() | st.integers(0, 9),
    schema=st.none() | objects,
    detail=st.sampled_from(["", "low"]),
)
def test_what_openai_can_say_survives_openai(prompt: Prompt, seed: int | None, schema: Any, detail: str) -> None:
    shown = Message("user", (ImagePart(url="https://example.com/b.png", detail=detail),))
    thought = Message("assistant", (ReasoningPart("hm"), TextPart("so")))
    prompt = msgspec.structs.replace(
        prompt,
        messages=(*prompt.messages, shown, thought),
        seed=seed,
        json_schema=schema,
        json_schema_name="answer" if schema else "",
        json_schema_strict=True if schema else None,
    )
    assert through(OPENAI_CHAT, prompt) == (prompt, ())


@UNTIMED
@given(prompt=prompts(), schema=st.none() | objects.filter(bool), top_k=st.none() | st.integers(1, 99))
def test_what_anthropic_can_say_survives_anthropic(prompt: Prompt, schema: Any, top_k: int | None) -> None:
    answered = ToolResultPart("t", (TextPart("x"), ImagePart(url="https://example.com/b.png")), is_error=True)
    written = DocumentPart(media_type="text/plain", text="notes", title="Notes")
    linked = DocumentPart(url="https://example.com/a.pdf")
    prompt = msgspec.structs.replace(
        prompt,
        messages=(
            *prompt.messages,
            Message("user", (answered, written, linked)),
            Message("assistant", (ReasoningPart("hm", "c2ln"), TextPart("so"))),
        ),
        json_schema=schema,
        top_k=top_k,
        reasoning_tokens=None if prompt.reasoning_effort == "none" else 2_000,
    )
    assert through(ANTHROPIC_MESSAGES, prompt) == (prompt, ())


def test_our_output_limit_stands_under_the_providers_own_name() -> None:
    edits = Edits("m", output_limit=9, output_limit_field="max_completion_tokens", stream=True, ask_usage=True)
    body, _ = OPENAI_CHAT.write_request(Prompt((), max_output_tokens=5), edits)
    assert msgspec.json.decode(body) == {
        "model": "m",
        "messages": [],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_completion_tokens": 9,
    }


TYPES = (
    "text image image_url document file tool_use tool_result thinking search_result x message function_call "
    "function_call_output reasoning input_text input_image input_file response.output_item.added "
    "response.output_item.done response.output_text.delta response.created response.completed response.failed error"
)
ASKED = (
    "system tools tool_choice response_format output_config thinking stop temperature instructions text reasoning "
    "include truncation"
)
FIELDS = {
    "role": st.sampled_from(["user", "assistant", "system", "tool", "function"]),
    "type": st.sampled_from(TYPES.split()),
}
NAMES = (
    "content text refusal source data url media_type image_url file file_data filename id name input tool_use_id "
    "tool_call_id tool_calls function arguments parameters thinking signature is_error citations cache_control title "
    "schema json_schema format effort budget_tokens index delta finish_reason message usage error "
    "call_id output summary encrypted_content file_url output_index item response part annotation status"
)
ITEMS = ("role", "content", "call_id", "name", "arguments", "output", "summary", "encrypted_content")
awkward = st.recursive(
    json_values | st.sampled_from(["data:text/plain;base64,!!", "data:,x", "data:;base64,aGk="]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.fixed_dictionaries({}, optional={**FIELDS, **dict.fromkeys(NAMES.split(), inner)})
    ),
    max_leaves=12,
)


@UNTIMED
@given(
    fields=st.dictionaries(
        st.sampled_from(ASKED.split()),
        awkward,
        max_size=2,
    ),
    messages=st.lists(
        st.fixed_dictionaries({"role": FIELDS["role"]}, optional=dict.fromkeys(("content", "tool_calls"), awkward)),
        max_size=2,
    ),
    items=st.lists(st.fixed_dictionaries({"type": FIELDS["type"]}, optional=dict.fromkeys(ITEMS, awkward)), max_size=2),
)
def test_whatever_is_asked_is_read_or_refused(fields: dict[str, Any], messages: list[Any], items: list[Any]) -> None:
    raw = msgspec.json.encode({**fields, "messages": messages, "input": [*messages, *items]})
    codes = set()
    for codec in CODECS.values():
        try:
            codec.read_request(raw, {})
            prompt = codec.read_prompt(raw)
            for other in CODECS.values():
                msgspec.json.decode(other.write_request(prompt, EDITS)[0])
        except Refusal as refusal:
            codes.add(refusal.code)
    assert codes <= {"invalid_request", "invalid_parameter"}


@UNTIMED
@given(
    chunk=st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES.split(), awkward)),
    kind=st.text(max_size=3) | FIELDS["type"],
)
def test_whatever_a_provider_streams_is_kept_to_the_byte(chunk: dict[str, Any], kind: str) -> None:
    frame = b"data: " + msgspec.json.encode({"type": kind, **chunk}) + b"\n\n"
    for codec in CODECS.values():
        events = codec.stream_reader(hide_usage=False).feed(frame)
        assert b"".join(event.raw for event in events) == frame
        writer = codec.stream_writer(Head("r1", "m", 1))
        assert isinstance(b"".join([writer.write(event) for event in events]) + writer.end(), bytes)
