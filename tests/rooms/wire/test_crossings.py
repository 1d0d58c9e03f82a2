"""What crosses between the wire formats of callers, held against golden files; each file was read by a person."""

import json

import pytest
from tests.rooms.wire.golden_files import CODECS, HEAD, agrees, crossings, names, others, pretty, read

from headgate.wire.codec import Edits


@pytest.mark.parametrize("name", names("requests", ".json"))
def test_a_request_crosses_as_its_golden_file_says(name: str) -> None:
    source = name.split("_")[0]
    asked = json.loads(read(f"requests/{name}.json"))["asked"]
    prompt = CODECS[source].read_prompt(json.dumps(asked).encode())
    crossed = {"asked": asked}
    for other in others(name):
        body, dropped = CODECS[other].write_request(prompt, Edits("model-1", stream=asked.get("stream")))
        crossed[other] = {"written": json.loads(body), "dropped": [*prompt.dropped, *dropped]}
    assert agrees(f"requests/{name}.json", pretty(crossed))


@pytest.mark.parametrize(("name", "other"), crossings("answers", ".sse"))
def test_a_stream_crosses_as_its_golden_file_says(name: str, other: str) -> None:
    source = name.split("_")[0]
    events = CODECS[source].stream_reader(hide_usage=False).feed(read(f"answers/{name}.sse"))
    writer = CODECS[other].stream_writer(HEAD)
    written = b"".join([writer.write(event) for event in events]) + writer.end()
    assert agrees(f"answers/{name}.to_{other}.sse", written)


@pytest.mark.parametrize(("name", "other"), crossings("answers", ".json"))
def test_a_whole_answer_crosses_as_its_golden_file_says(name: str, other: str) -> None:
    source = name.split("_")[0]
    events = CODECS[source].read_whole(read(f"answers/{name}.json"))
    written = CODECS[other].write_whole(HEAD, events)
    assert agrees(f"answers/{name}.to_{other}.json", pretty(json.loads(written)))


@pytest.mark.parametrize("source", sorted(CODECS))
@pytest.mark.parametrize("case", ["text", "tools", "reasoning"])
def test_a_whole_answer_and_its_stream_say_the_same(source: str, case: str) -> None:
    """A streamed answer, collected and written whole, reads back as the events of its stream, deltas joined."""
    codec = CODECS[source]
    streamed = codec.stream_reader(hide_usage=False).feed(read(f"answers/{source}_{case}.sse"))
    again = codec.read_whole(codec.write_whole(HEAD, streamed))

    def said(events: list) -> dict[tuple[str, str], str]:  # type: ignore[type-arg]
        joined: dict[tuple[str, str], str] = {}
        for event in events:
            if event.kind in ("text", "reasoning", "tool_arguments", "tool_start"):
                key = (event.kind.value, event.name or str(event.kind))
                joined[key] = joined.get(key, "") + event.text + event.id
        # A call without arguments is written as an empty object.
        return {key: text.replace("{}", "") for key, text in joined.items()}

    assert said(again) == said(streamed)
    assert [event.stop for event in again if event.stop] == [event.stop for event in streamed if event.stop]
    assert [event.usage for event in again if event.usage] == [event.usage for event in streamed if event.usage][-1:]
