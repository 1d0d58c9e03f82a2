"""What is asked survives the crossing to Gemini and to Converse, or is named as left behind."""

import json
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rooms.wire.golden_files import UNTIMED
from tests.rooms.wire.test_prompts import arguments, json_values, names, objects, prompts, said

from headgate.domain.event import EventKind
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
from headgate.wire.bedrock_converse import BEDROCK_CONVERSE
from headgate.wire.codec import Edits, ProviderCodec
from headgate.wire.gemini import GEMINI

CLAUDE = Edits("anthropic.claude-sonnet-4-5-20250929-v1:0")
NOVA = Edits("amazon.nova-pro-v1:0")
GEMINI_3, GEMINI_2 = Edits("gemini-3-pro-preview"), Edits("models/gemini-2.5-flash")
schemas = st.builds(
    lambda properties, rest: {**rest, "type": "object", "properties": properties},
    st.dictionaries(names, objects, min_size=1, max_size=3),
    objects,
)


def written(codec: ProviderCodec, prompt: Prompt, edits: Edits) -> tuple[Any, tuple[str, ...]]:
    body, dropped = codec.write_request(prompt, edits)
    return json.loads(body), dropped


def asked(*parts: Any, role: str = "user", **fields: Any) -> Prompt:
    return Prompt(messages=(Message(role, parts),), **fields)


@UNTIMED
@given(schema=schemas, name=names, text=arguments, call_id=names)
def test_tools_and_their_calls_survive(schema: dict[str, Any], name: str, text: str, call_id: str) -> None:
    """Names, schemas and arguments say the same, and a result finds its call."""
    prompt = Prompt(
        messages=(
            Message("assistant", (ToolCallPart(call_id, name, text),)),
            Message("user", (ToolResultPart(call_id, (TextPart("18 C"),)),)),
        ),
        tools=(Tool(name, "", schema),),
        tool_choice=ToolChoice("tool", name),
    )
    google, _ = written(GEMINI, prompt, GEMINI_3)
    declared = google["tools"][0]["functionDeclarations"][0]
    call = google["contents"][0]["parts"][0]["functionCall"]
    result = google["contents"][1]["parts"][0]["functionResponse"]
    assert declared == {"name": name, "parametersJsonSchema": json.loads(json.dumps(schema))}
    assert call == {"id": call_id, "name": name, "args": json.loads(text)}
    assert result == {"id": call_id, "name": name, "response": {"output": "18 C"}}
    assert google["toolConfig"]["functionCallingConfig"] == {"mode": "ANY", "allowedFunctionNames": [name]}
    amazon, _ = written(BEDROCK_CONVERSE, prompt, NOVA)
    assert amazon["toolConfig"]["tools"] == [{"toolSpec": {"name": name, "inputSchema": {"json": schema}}}]
    assert amazon["toolConfig"]["toolChoice"] == {"tool": {"name": name}}
    assert amazon["messages"][0]["content"] == [
        {"toolUse": {"toolUseId": call_id, "name": name, "input": json.loads(text)}}
    ]
    assert amazon["messages"][1]["content"] == [{"toolResult": {"toolUseId": call_id, "content": [{"text": "18 C"}]}}]


@UNTIMED
@given(name=names, value=objects)
def test_calls_that_come_back_survive(name: str, value: dict[str, Any]) -> None:
    part = {"functionCall": {"id": "c1", "name": name, "args": value}}
    body = json.dumps({"candidates": [{"content": {"parts": [part]}, "finishReason": "STOP"}]}, indent=2).encode()
    use = {"toolUse": {"toolUseId": "c1", "name": name, "input": value}}
    answer = {"output": {"message": {"role": "assistant", "content": [use]}}, "stopReason": "tool_use"}
    for events in (GEMINI.read_whole(body), BEDROCK_CONVERSE.read_whole(json.dumps(answer).encode())):
        start = next(event for event in events if event.kind is EventKind.TOOL_START)
        text = "".join(event.text for event in events if event.kind is EventKind.TOOL_ARGUMENTS)
        assert (start.id, start.name) == ("c1", name)
        assert json.loads(text or "{}") == value
        assert "\n" not in text


@UNTIMED
@given(prompt=prompts())
def test_whatever_can_be_said_stands_in_turns_that_alternate(prompt: Prompt) -> None:
    for codec, edits, key in ((GEMINI, GEMINI_3, "contents"), (BEDROCK_CONVERSE, CLAUDE, "messages")):
        body, _ = written(codec, prompt, edits)
        roles = [turn["role"] for turn in body[key]]
        assert all(role != following for role, following in pairwise(roles))
        spoken = json.dumps(body[key], ensure_ascii=False)
        for message in prompt.messages:
            for part in message.parts:
                if isinstance(part, TextPart) and part.text.strip():
                    assert json.dumps(part.text, ensure_ascii=False) in spoken


@pytest.mark.parametrize(
    ("edits", "effort", "budget", "config", "lost"),
    [
        (GEMINI_3, "low", None, {"thinkingLevel": "LOW", "includeThoughts": True}, ()),
        (GEMINI_3, "minimal", None, {"thinkingLevel": "LOW", "includeThoughts": True}, ()),
        (GEMINI_3, "xhigh", None, {"thinkingLevel": "HIGH", "includeThoughts": True}, ("reasoning_effort",)),
        (GEMINI_3, "none", None, {"thinkingLevel": "LOW"}, ("reasoning_effort",)),
        (GEMINI_3, "", 4_000, {"thinkingBudget": 4_000, "includeThoughts": True}, ()),
        (
            GEMINI_3,
            "medium",
            4_000,
            {"thinkingLevel": "MEDIUM", "includeThoughts": True},
            ("thinking.budget_tokens",),
        ),
        (GEMINI_2, "none", None, {"thinkingBudget": 0}, ()),
        (GEMINI_2, "medium", None, {"thinkingBudget": 8_192, "includeThoughts": True}, ()),
        (GEMINI_2, "high", 4_000, {"thinkingBudget": 4_000, "includeThoughts": True}, ("reasoning_effort",)),
        (GEMINI_2, "", None, None, ()),
    ],
)
def test_gemini_thinks_as_much_as_was_asked(
    edits: Edits, effort: str, budget: int | None, config: Any, lost: tuple[str, ...]
) -> None:
    prompt = asked(TextPart("Hi"), reasoning_effort=effort, reasoning_tokens=budget)
    body, dropped = written(GEMINI, prompt, edits)
    assert body.get("generationConfig", {}).get("thinkingConfig") == config
    assert dropped == lost


@pytest.mark.parametrize(
    ("mode", "google", "amazon"),
    [("auto", "AUTO", {"auto": {}}), ("any", "ANY", {"any": {}}), ("none", "NONE", None)],
)
def test_every_choice_of_tools_crosses(mode: str, google: str, amazon: Any) -> None:
    prompt = asked(TextPart("Hi"), tools=(Tool("f", "", {}),), tool_choice=ToolChoice(mode, parallel=False))
    body, dropped = written(GEMINI, prompt, GEMINI_3)
    assert body["toolConfig"] == {"functionCallingConfig": {"mode": google}}
    assert dropped == (() if mode == "none" else ("parallel_tool_calls",))
    body, dropped = written(BEDROCK_CONVERSE, prompt, NOVA)
    assert body.get("toolConfig", {}).get("toolChoice") == amazon
    assert ("toolConfig" in body, dropped) == ((False, ()) if mode == "none" else (True, ("parallel_tool_calls",)))


@pytest.mark.parametrize(("codec", "edits"), [(GEMINI, GEMINI_3), (BEDROCK_CONVERSE, NOVA)], ids=["gemini", "converse"])
def test_a_choice_without_tools_is_named(codec: ProviderCodec, edits: Edits) -> None:
    for choice in (ToolChoice("any"), ToolChoice("tool", "f")):
        body, dropped = written(codec, asked(TextPart("Hi"), tool_choice=choice), edits)
        assert dropped == ("tool_choice",)
        assert "toolConfig" not in body
    assert written(codec, asked(TextPart("Hi"), tool_choice=ToolChoice("none")), edits)[1] == ()


def test_converse_has_no_word_against_tools_once_some_were_called() -> None:
    called = (Message("assistant", (ToolCallPart("c", "f", "{}"),)), Message("user", (ToolResultPart("c", ()),)))
    prompt = Prompt(messages=called, tools=(Tool("f", "", {}),), tool_choice=ToolChoice("none"))
    body, dropped = written(BEDROCK_CONVERSE, prompt, CLAUDE)
    assert "toolChoice" not in body["toolConfig"]
    assert dropped == ("tool_choice",)


def test_documents_have_names_of_their_own_and_a_text_beside_them() -> None:
    documents = [
        DocumentPart(media_type="application/pdf", data="aGk=", title=title) for title in ("a_b.pdf", "a b/pdf")
    ]
    body, _ = written(BEDROCK_CONVERSE, asked(*documents, DocumentPart(media_type="text/x-log", data="aGk=")), CLAUDE)
    content = body["messages"][0]["content"]
    named = [block["document"]["name"] for block in content[:-1]]
    assert named == ["a b pdf", "a b pdf (2)", "document"]
    assert [block["document"]["format"] for block in content[:-1]] == ["pdf", "pdf", "txt"]
    assert content[-1] == {"text": "a b pdf"}


@pytest.mark.parametrize(
    ("part", "block", "lost"),
    [
        (ImagePart(url="s3://b/a.png"), {"format": "png", "source": {"s3Location": {"uri": "s3://b/a.png"}}}, ()),
        (ImagePart(url="https://example.com/a.png"), None, ("image.source.url",)),
        (ImagePart(media_type="image/tiff", data="aGk="), None, ("image.source.media_type.image/tiff",)),
        (DocumentPart(url="https://example.com/a.pdf"), None, ("document.source.url",)),
        (DocumentPart(media_type="video/mp4", data="aGk="), None, ("document.source.media_type.video/mp4",)),
    ],
)
def test_converse_names_the_media_that_it_cannot_take(part: Any, block: Any, lost: tuple[str, ...]) -> None:
    body, dropped = written(BEDROCK_CONVERSE, asked(TextPart("See"), part), CLAUDE)
    seen = [one["image"] for one in body["messages"][0]["content"] if "image" in one]
    assert (seen, dropped) == ([block] if block else [], lost)


def test_ids_that_bedrock_refuses_are_changed_alike_in_call_and_result() -> None:
    for call_id in ("x" * 80, "call/1", ""):
        turns = (
            Message("assistant", (ToolCallPart(call_id, "f", ""),)),
            Message("user", (ToolResultPart(call_id, (TextPart("ok"),), is_error=True),)),
        )
        body, _ = written(BEDROCK_CONVERSE, Prompt(messages=turns), CLAUDE)
        call, result = (turn["content"][0] for turn in body["messages"])
        assert 0 < len(call["toolUse"]["toolUseId"]) <= 64
        assert call["toolUse"]["toolUseId"] == result["toolResult"]["toolUseId"]
        assert result["toolResult"]["status"] == "error"


def test_gemini_signatures_come_home_and_no_others_do() -> None:
    signed = Message(
        "assistant",
        (
            ReasoningPart("Think.", "gemini:QQ=="),
            TextPart("I look."),
            ReasoningPart("", "gemini:Qg=="),
            ToolCallPart("c", "f", "{}"),
        ),
    )
    body, dropped = written(GEMINI, Prompt(messages=(signed,)), GEMINI_3)
    assert body["contents"][0]["parts"] == [
        {"text": "Think.", "thought": True},
        {"text": "I look.", "thoughtSignature": "QQ=="},
        {"functionCall": {"id": "c", "name": "f", "args": {}}, "thoughtSignature": "Qg=="},
    ]
    assert dropped == ()
    body, dropped = written(BEDROCK_CONVERSE, Prompt(messages=(signed,)), CLAUDE)
    assert "gemini:" not in json.dumps(body)
    assert dropped == ("thinking",)
    foreign = asked(ReasoningPart("Mine.", "RXJVQg=="), ReasoningPart("Bare."), TextPart("4"), role="assistant")
    body, dropped = written(GEMINI, foreign, GEMINI_3)
    assert body["contents"][0]["parts"] == [{"text": "4"}]
    assert dropped == ("thinking", "reasoning_content")


def test_a_signature_that_stands_last_stays_with_the_thought() -> None:
    body, _ = written(GEMINI, asked(ReasoningPart("Think.", "gemini:QQ=="), role="assistant"), GEMINI_3)
    assert body["contents"][0]["parts"] == [{"text": "Think.", "thought": True, "thoughtSignature": "QQ=="}]


@UNTIMED
@given(seed=st.integers(-(2**63), 2**63 - 1), stop=st.lists(said, max_size=8), schema=json_values | objects)
def test_what_gemini_cannot_hold_is_named(seed: int, stop: list[str], schema: Any) -> None:
    wanted = schema if isinstance(schema, dict) else None
    prompt = asked(TextPart("Hi"), seed=seed, stop=tuple(stop), json_schema=wanted)
    body, dropped = written(GEMINI, prompt, GEMINI_2)
    config = body.get("generationConfig", {})
    assert ("seed" in dropped) is ("seed" not in config)
    assert ("stop" in dropped) is (config.get("stopSequences", []) != stop)
    assert config.get("responseJsonSchema") == (msgspec.json.decode(msgspec.json.encode(wanted)) if wanted else None)
    assert (config.get("responseMimeType") == "application/json") is (wanted is not None)
