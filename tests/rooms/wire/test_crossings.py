"""What crosses between the two wire formats, held against golden files; each file was read by a person."""

import json

import pytest
from tests.rooms.wire.golden_files import CODECS, HEAD, OTHER, agrees, names, pretty, read

from headgate.wire.codec import Edits


@pytest.mark.parametrize("name", names("requests", ".json"))
def test_a_request_crosses_as_its_golden_file_says(name: str) -> None:
    source = name.split("_")[0]
    asked = json.loads(read(f"requests/{name}.json"))["asked"]
    prompt = CODECS[source].read_prompt(json.dumps(asked).encode())
    body, dropped = CODECS[OTHER[source]].write_request(prompt, Edits("model-1", stream=asked.get("stream")))
    crossed = {"asked": asked, "written": json.loads(body), "dropped": [*prompt.dropped, *dropped]}
    assert agrees(f"requests/{name}.json", pretty(crossed))


@pytest.mark.parametrize("name", names("answers", ".sse"))
def test_a_stream_crosses_as_its_golden_file_says(name: str) -> None:
    source = name.split("_")[0]
    events = CODECS[source].stream_reader(hide_usage=False).feed(read(f"answers/{name}.sse"))
    writer = CODECS[OTHER[source]].stream_writer(HEAD)
    written = b"".join([writer.write(event) for event in events]) + writer.end()
    assert agrees(f"answers/{name}.to_{OTHER[source]}.sse", written)


@pytest.mark.parametrize("name", names("answers", ".json"))
def test_a_whole_answer_crosses_as_its_golden_file_says(name: str) -> None:
    source = name.split("_")[0]
    events = CODECS[source].read_whole(read(f"answers/{name}.json"))
    written = CODECS[OTHER[source]].write_whole(HEAD, events)
    assert agrees(f"answers/{name}.to_{OTHER[source]}.json", pretty(json.loads(written)))


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
        return joined

    left, right = said(streamed), said(again)
    # A call without arguments is written as an empty object.
    assert {key: text.replace("{}", "") for key, text in right.items()} == left
    assert [event.stop for event in again if event.stop] == [event.stop for event in streamed if event.stop]
    assert [event.usage for event in again if event.usage] == [event.usage for event in streamed if event.usage][-1:]
