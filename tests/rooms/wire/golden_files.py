"""Golden files of the wire tests; `HEADGATE_WRITE_GOLDEN=1` writes them anew, to be read before they are kept."""

import json
import os
from pathlib import Path

from hypothesis import settings

from headgate.wire.anthropic_messages import ANTHROPIC_MESSAGES
from headgate.wire.codec import Codec, Head
from headgate.wire.openai_chat import OPENAI_CHAT
from headgate.wire.openai_responses import OPENAI_RESPONSES

GOLDEN = Path(__file__).parent / "golden"
CODECS: dict[str, Codec] = {"openai": OPENAI_CHAT, "anthropic": ANTHROPIC_MESSAGES, "responses": OPENAI_RESPONSES}
CHATS = {name: CODECS[name] for name in ("openai", "anthropic")}
"""The formats whose conversation is called `messages`."""
HEAD = Head(request_id="0199-r1", model="smart", created_s=1_700_000_000)
UNTIMED = settings(deadline=None)
"""Examples are not timed: on a busy machine a slow one is no fault, and would be shrunk for minutes."""
_WRITE = bool(os.environ.get("HEADGATE_WRITE_GOLDEN"))


def names(folder: str, ending: str) -> list[str]:
    """The cases in `folder` that came from outside, such as `openai_text`."""
    return sorted(path.stem for path in (GOLDEN / folder).glob(f"*{ending}") if ".to_" not in path.name)


def others(name: str) -> list[str]:
    """The formats to which the case `name` crosses."""
    return [other for other in CODECS if other != name.split("_")[0]]


def crossings(folder: str, ending: str) -> list[tuple[str, str]]:
    """Each case in `folder` with each format to which it crosses."""
    return [(name, other) for name in names(folder, ending) for other in others(name)]


def read(path: str) -> bytes:
    """The bytes of a golden file."""
    return (GOLDEN / path).read_bytes()


def agrees(path: str, written: bytes) -> bool:
    """Whether `written` is what the golden file at `path` holds."""
    if _WRITE:
        (GOLDEN / path).write_bytes(written)
    return read(path) == written


def pretty(value: object) -> bytes:
    """`value` as JSON that reads well in a review."""
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()
