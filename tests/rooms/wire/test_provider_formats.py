"""What crosses to and from the formats that only providers speak, held against golden files that a person read."""

import json

import pytest
from tests.rooms.wire.golden_files import CODECS, HEAD, pretty
from tests.rooms.wire.provider_files import GOLDEN, PROVIDERS, agrees, codec_of, names, read, stream

from headgate.wire.bedrock_converse import BEDROCK_CONVERSE
from headgate.wire.codec import Edits
from headgate.wire.gemini import GEMINI

CALLERS = ("anthropic", "openai", "responses")
TARGETS = {
    "gemini-3-flash-preview": GEMINI,
    "gemini-2.5-pro": GEMINI,
    "anthropic.claude-sonnet-4-5-20250929-v1:0": BEDROCK_CONVERSE,
    "amazon.nova-pro-v1:0": BEDROCK_CONVERSE,
}
STREAMS = names("answers", ".sse", ".events")
WHOLE = names("answers", ".json")


@pytest.mark.parametrize("name", names("requests", ".json"))
def test_a_request_crosses_as_its_golden_file_says(name: str) -> None:
    """A body for each model, or the model whose body is the same."""
    asked = json.loads(read(f"requests/{name}"))["asked"]
    prompt = CODECS[name.split("_")[0]].read_prompt(json.dumps(asked).encode())
    crossed = {"asked": asked}
    for model, codec in TARGETS.items():
        body, dropped = codec.write_request(prompt, Edits(model, stream=asked.get("stream")))
        written = {"written": json.loads(body), "dropped": [*prompt.dropped, *dropped]}
        crossed[model] = next((f"as {before}" for before, said in crossed.items() if said == written), written)
    assert agrees(f"requests/{name}", pretty(crossed))


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_crosses_as_its_golden_file_says(name: str, caller: str) -> None:
    events = codec_of(name).stream_reader(hide_usage=False).feed(stream(name))
    writer = CODECS[caller].stream_writer(HEAD)
    written = b"".join([writer.write(event) for event in events]) + writer.end()
    assert agrees(f"answers/{name.split('.')[0]}.to_{caller}.sse", written)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_answer_crosses_as_its_golden_file_says(name: str, caller: str) -> None:
    written = CODECS[caller].write_whole(HEAD, codec_of(name).read_whole(read(f"answers/{name}")))
    assert agrees(f"answers/{name.split('.')[0]}.to_{caller}.json", pretty(json.loads(written)))


@pytest.mark.parametrize("caller", sorted(CODECS))
@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_answer_and_its_stream_say_the_same(name: str, caller: str) -> None:
    """Collected and written whole, the stream of an answer is the answer."""
    streamed = next(other for other in STREAMS if other.split(".")[0] == name.split(".")[0])
    events = codec_of(name).stream_reader(hide_usage=False).feed(stream(streamed))
    collected = json.loads(CODECS[caller].write_whole(HEAD, events))
    whole = json.loads(CODECS[caller].write_whole(HEAD, codec_of(name).read_whole(read(f"answers/{name}"))))
    for message in (collected, whole):
        for choice in message.get("choices", ()):
            for call in choice["message"].get("tool_calls", ()):
                call["function"]["arguments"] = json.loads(call["function"]["arguments"])
        for item in message.get("output", ()):
            if item["type"] == "function_call":
                item["arguments"] = json.loads(item["arguments"])
    assert collected == whole


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("provider", sorted(PROVIDERS))
def test_every_pair_has_golden_files(provider: str, caller: str) -> None:
    """A format that is added brings its files with it: requests, streams and, where they differ, whole answers."""
    assert any(name.startswith(f"{caller}_") for name in names("requests", ".json"))
    assert any(name.startswith(f"{provider}_") for name in STREAMS)
    for name in (name for name in (*STREAMS, *WHOLE) if name.startswith(f"{provider}_")):
        ending = "json" if name.endswith(".json") else "sse"
        assert (GOLDEN / "answers" / f"{name.split('.')[0]}.to_{caller}.{ending}").exists()
