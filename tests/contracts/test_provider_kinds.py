"""What each kind of provider is sent, to the byte, over real HTTP: one golden file a kind, less what changes."""

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.contracts.recording import SECRET, Received, house, recording

from headgate.domain.call import WireFormat
from headgate.pool.providers import KINDS

GOLDEN = Path(__file__).parent / "kinds"
HELLO = [{"role": "user", "content": "Hello", "name": "ann"}]
CHAT = {
    "model": "m",
    "messages": HELLO,
    "max_completion_tokens": 50,
    "seed": 7,
    "n": 2,
    "logprobs": True,
    "top_logprobs": 2,
    "logit_bias": {"1": 2},
    "user": "ann",
    "x_unknown": {"kept": True},
}
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "a chat": ("/v1/chat/completions", CHAT),
    "a streamed chat": ("/v1/chat/completions", {"model": "m", "stream": True, "messages": HELLO[:1]}),
    "a streamed message": (
        "/v1/messages",
        {"model": "m", "stream": True, "max_tokens": 40, "messages": [{"role": "user", "content": "Hello"}]},
    ),
    "embeddings": ("/v1/embeddings", {"model": "m", "input": "Hello", "dimensions": 8, "user": "ann"}),
}
SETTINGS = {
    "azure-openai": {"": "", "-preview": ", api_version: preview", "-dated": ", api_version: 2024-10-21"},
    "bedrock": {"": ", region: eu-central-1"},
    "portkey": {"": ", headers: {x-portkey-config: pc-1, Authorization: 'Bearer ${env:NEXT}'}"},
    "openrouter": {"": ", headers: {HTTP-Referer: https://app.example.org, X-OpenRouter-Title: App}"},
}
MODEL_IDS = {"bedrock": "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"}
VARIANTS = [
    (kind, ending, more) for kind in KINDS if kind != "demo" for ending, more in SETTINGS.get(kind, {"": ""}).items()
]


def shown(received: Received, dropped: str) -> str:
    """A request as the golden file shows it: address, attempt and secret masked."""
    lines = [f"{received.method} {received.target}"]
    for name, value in received.headers:
        if name == "x-headgate-attempt":
            value = re.sub(r"^[0-9a-f-]{36}", "REQUEST", value)
        elif name in ("host", "content-length"):
            continue
        lines.append(f"{name}: {value}")
    return "\n".join([*lines, "", received.body.decode(), *([f"(left out: {dropped})"] if dropped else []), ""])


@pytest.mark.parametrize(("kind", "ending", "more"), VARIANTS)
async def test_a_kind_is_sent_what_the_golden_file_says(kind: str, ending: str, more: str) -> None:
    path, written = GOLDEN / f"{kind}{ending}.txt", ""
    async with recording() as recorder:
        base_url = recorder.url + urlsplit(KINDS[kind].base_url).path
        provider = f'{{kind: {kind}, base_url: "{base_url}", key: "${{env:KEY}}"{more}}}'
        async with house(provider, model_id=MODEL_IDS.get(kind, "up-1")) as small:
            for name, (surface, body) in CALLS.items():
                if name == "embeddings" and WireFormat.OPENAI_EMBEDDINGS not in KINDS[kind].paths:
                    continue
                response = await small.call("POST", surface, body, OpenAI_Beta="b-1", anthropic_beta="a-1")
                assert response.status == 200, response.body
                dropped = response.headers.get("x-headgate-dropped", "")
                written += f"# {name}\n{shown(recorder.received[-1], dropped)}\n"
    if os.environ.get("HEADGATE_WRITE_GOLDEN"):
        path.write_text(written)
    assert written == path.read_text(), "look at the change; if it is right, run again with HEADGATE_WRITE_GOLDEN=1"


def test_every_golden_file_is_of_a_kind() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == {kind + ending for kind, ending, _ in VARIANTS}


@pytest.mark.parametrize(("kind", "ending", "more"), VARIANTS)
async def test_what_does_not_depend_on_the_call_is_made_once(kind: str, ending: str, more: str) -> None:
    async with recording() as recorder:
        provider = f'{{kind: {kind}, base_url: "{recorder.url}", key: "${{env:KEY}}"{more}}}'
        async with house(provider, model_id=MODEL_IDS.get(kind, "up-1")) as small:
            pool = small.platform.pool
            body = CALLS["a chat"][1]
            await small.call("POST", "/v1/chat/completions", body)
            reach = next(iter(pool._reaches.values()))
            way = reach.way(MODEL_IDS.get(kind, "up-1"), WireFormat.OPENAI_CHAT, stream=False)
            await small.call("POST", "/v1/chat/completions", body)
            assert reach.way(MODEL_IDS.get(kind, "up-1"), WireFormat.OPENAI_CHAT, stream=False) is way
            assert SECRET not in repr(way)
    first, second = recorder.received
    masked = [(name, value) for name, value in first.headers if name != "x-headgate-attempt"]
    assert masked == [(name, value) for name, value in second.headers if name != "x-headgate-attempt"]
    assert first.body == second.body


async def test_a_strict_call_is_refused_rather_than_told_in_part() -> None:
    async with recording() as recorder:
        provider = f'{{kind: groq, base_url: "{recorder.url}", key: "${{env:KEY}}"}}'
        async with house(provider) as small:
            response = await small.call("POST", "/v1/chat/completions", CHAT, X_Headgate_Strict="true")
            lenient = await small.call("POST", "/v1/chat/completions", {**CHAT, "n": 1, "logprobs": False})
    assert response.status == 400
    sentence = "p/up-1 cannot be told n, logprobs, top_logprobs, logit_bias, messages.name: its provider refuses"
    assert sentence in response.json["error"]["message"]
    assert lenient.headers["x-headgate-dropped"] == "top_logprobs, logit_bias, messages.name"
    assert len(recorder.received) == 1
