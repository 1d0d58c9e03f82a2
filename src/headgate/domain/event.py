"""What a pipeline yields: one piece of an answer, with the bytes it came in."""

from enum import StrEnum
from typing import Final

import msgspec

from headgate.domain.usage import Usage

BLOCKS_PER_CHOICE: Final = 1_000
"""How far apart the indices of two choices' content blocks are, where more than one answer was asked for."""


class EventKind(StrEnum):
    """The kinds of event, in the order in which an answer may hold them."""

    STARTED = "started"
    TEXT = "text"
    REASONING = "reasoning"
    TOOL_START = "tool_start"
    TOOL_ARGUMENTS = "tool_arguments"
    CITATION = "citation"
    USAGE = "usage"
    FINISHED = "finished"
    FAILED = "failed"
    OPAQUE = "opaque"


class StopReason(StrEnum):
    """Why a model stopped."""

    STOP = "stop"
    STOP_SEQUENCE = "stop_sequence"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    CONTENT_FILTER = "content_filter"
    REFUSAL = "refusal"
    PAUSE = "pause"


class Event(msgspec.Struct):
    """One event of an answer.

    A frame from upstream may hold several events; the first carries its bytes in `raw`, the others carry none.
    Writing the `raw` of every event in order gives back exactly what came, unless an event was `changed`.
    """

    kind: EventKind
    index: int = 0
    """The content block that the event belongs to, plus `BLOCKS_PER_CHOICE` for every choice before its own."""
    text: str = ""
    """The delta of text, reasoning or tool arguments; the sentence of a failure; a citation as JSON; the stop
    sequence that was met, on `finished`."""
    id: str = ""
    """The answer's id on `started`, the tool call's id on `tool_start`, the signature on `reasoning`."""
    name: str = ""
    """The model's id on `started`, the tool's name on `tool_start`, the code of a failure."""
    usage: Usage | None = None
    """Totals so far; a later report of the same answer replaces an earlier one."""
    stop: StopReason | None = None
    raw: bytes = b""
    changed: bool = False
