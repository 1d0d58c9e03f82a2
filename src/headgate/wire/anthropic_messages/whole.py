"""Reads and writes a whole message."""

from typing import Final

import msgspec

from headgate.domain.event import Event, EventKind, StopReason
from headgate.wire.anthropic_messages.stream_reader import STOPS, Block, UsageReport


class _Message(msgspec.Struct):
    content: list[Block]
    id: str = ""
    model: str = ""
    stop_reason: str | None = None
    stop_sequence: str | None = None
    usage: UsageReport | None = None


_DECODER: Final = msgspec.json.Decoder(_Message)


def read_whole(body: bytes) -> list[Event]:
    """The events of a whole answer; its bytes are on the `finished` event.

    Raises:
        ValueError: the body is not a message.
    """
    message = _DECODER.decode(body)
    events = [Event(EventKind.STARTED, id=message.id, name=message.model)]
    for index, block in enumerate(message.content):
        events += block.events(index)
    if message.usage is not None:
        events.append(Event(EventKind.USAGE, usage=message.usage.usage()))
    stop = STOPS.get(message.stop_reason or "", StopReason.STOP)
    events.append(Event(EventKind.FINISHED, text=message.stop_sequence or "", stop=stop, raw=body))
    return events
