"""Golden files of the formats that only providers speak; `HEADGATE_WRITE_GOLDEN=1` writes them anew, to be read."""

import json
import os
from pathlib import Path

from tests.rooms.wire.aws_messages import chunk, event

from headgate.wire.bedrock_converse import BEDROCK_CONVERSE
from headgate.wire.bedrock_invoke import BEDROCK_INVOKE
from headgate.wire.codec import ProviderCodec
from headgate.wire.gemini import GEMINI

GOLDEN = Path(__file__).parent / "provider_golden"
PROVIDERS: dict[str, ProviderCodec] = {"gemini": GEMINI, "converse": BEDROCK_CONVERSE, "invoke": BEDROCK_INVOKE}
_WRITE = bool(os.environ.get("HEADGATE_WRITE_GOLDEN"))


def names(folder: str, *endings: str) -> list[str]:
    """The files in `folder` that came from outside, such as `gemini_text.sse`."""
    found = (path.name for path in (GOLDEN / folder).iterdir() if ".to_" not in path.name)
    return sorted(name for name in found if name.endswith(endings))


def codec_of(name: str) -> ProviderCodec:
    """The codec of an answer's file."""
    return PROVIDERS[name.split("_")[0]]


def read(path: str) -> bytes:
    """The bytes of a golden file."""
    return (GOLDEN / path).read_bytes()


def stream(name: str) -> bytes:
    """The bytes of a streamed answer; AWS messages stand in their file as one object a line."""
    data = read(f"answers/{name}")
    if name.endswith(".sse"):
        return data
    messages = [pair for line in data.decode().splitlines() for pair in json.loads(line).items()]
    return b"".join(chunk(payload) if kind == "chunk" else event(kind, payload) for kind, payload in messages)


def agrees(path: str, written: bytes) -> bool:
    """Whether `written` is what the golden file at `path` holds."""
    if _WRITE:
        (GOLDEN / path).write_bytes(written)
    return read(path) == written
