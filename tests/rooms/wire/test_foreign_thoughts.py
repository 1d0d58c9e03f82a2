"""Thoughts that another model had never reach Claude, which would refuse the whole request for them."""

import json
from typing import Any

import pytest

from headgate.wire.anthropic_messages import ANTHROPIC_MESSAGES
from headgate.wire.codec import Edits

OWN = {"type": "thinking", "thinking": "Mine.", "signature": "RXJVQg=="}
GEMINIS = {"type": "thinking", "thinking": "", "signature": "gemini:QQ=="}
UNSIGNED = {"type": "thinking", "thinking": "Theirs.", "signature": ""}
CALL = {"type": "tool_use", "id": "c", "name": "f", "input": {"signature": "gemini:QQ==", "x": 1.0}}


def sent(*contents: Any) -> Any:
    messages = [{"role": "assistant", "content": content} for content in contents]
    request = ANTHROPIC_MESSAGES.read_request(json.dumps({"messages": messages, "max_tokens": 5}).encode(), {})
    spliced = json.loads(ANTHROPIC_MESSAGES.splice(request, Edits("claude")))["messages"]
    return [message["content"] for message in spliced]


def test_foreign_thoughts_are_taken_out_and_nothing_else() -> None:
    assert sent([UNSIGNED, GEMINIS, CALL], [OWN, CALL], "plain") == [[CALL], [OWN, CALL], "plain"]


def test_a_turn_of_foreign_thoughts_alone_goes() -> None:
    assert sent([GEMINIS], [CALL]) == [[CALL]]


@pytest.mark.parametrize("content", [[{"type": "thinking", "signature": 7}, GEMINIS], ["x", UNSIGNED]])
def test_what_cannot_be_read_is_left_to_the_provider(content: Any) -> None:
    assert sent(content) == [content]


def test_a_request_without_foreign_thoughts_keeps_its_bytes() -> None:
    raw = b'{"messages":[{"role":"assistant","content":[ {"type":"thinking","thinking":"x","signature":"QQ=="} ]}]}'
    spliced = ANTHROPIC_MESSAGES.splice(ANTHROPIC_MESSAGES.read_request(raw, {}), Edits("m"))
    assert b'[ {"type":"thinking","thinking":"x","signature":"QQ=="} ]' in spliced
