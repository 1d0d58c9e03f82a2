"""Fits a body to a provider that calls a field by another name, or refuses a request for one."""

from typing import Any, Final

import msgspec

from headgate.wire.body import FIELDS
from headgate.wire.crossing import Dropped

_MESSAGES: Final = "messages."
_SAYS_NOTHING: Final = {
    "n": (1,),
    "parallel_tool_calls": (True,),
    "service_tier": ("auto",),
    "stream_options": ({"include_usage": True}, {"include_usage": False}),
}
"""Values that ask for what comes anyway, beside those that are empty."""
_MESSAGE_LIST: Final = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])


class BodyEdits(msgspec.Struct, frozen=True):
    """What a provider calls otherwise, and what it refuses."""

    renamed: tuple[tuple[str, str], ...] = ()
    """Names of top-level fields, each with the provider's own."""
    refused: tuple[str, ...] = ()
    """Top-level fields that make it refuse a request; `messages.x` for the field `x` of a message."""

    def apply(self, body: bytes) -> tuple[bytes, tuple[str, ...]]:
        """The body that the provider takes, and the names of what had to be left out of it.

        A body without any of the fields is given back as it is.
        """
        names = dict(self.renamed)
        if not any(f'"{name.removeprefix(_MESSAGES)}"'.encode() in body for name in (*self.refused, *names)):
            return body, ()
        fields, dropped = FIELDS.decode(body), Dropped()
        kept: dict[str, Any] = {}
        for name, value in fields.items():
            if name in self.refused:
                dropped.add(name, _says(name, value))
            elif name not in names:
                kept[name] = value
            elif names[name] in fields:  # the provider's own name wins
                dropped.add(name, bytes(value) != bytes(fields[names[name]]))
            else:
                kept[names[name]] = value
        of_messages = {name.removeprefix(_MESSAGES) for name in self.refused if name.startswith(_MESSAGES)}
        if of_messages and "messages" in kept:
            kept["messages"] = _without(kept["messages"], of_messages, dropped)
        return msgspec.json.encode(kept), dropped.names()


def _says(name: str, value: msgspec.Raw) -> bool:
    """Whether leaving `value` out changes what is asked."""
    said = msgspec.json.decode(value)
    return bool(said) and said not in _SAYS_NOTHING.get(name, ())


def _without(messages: msgspec.Raw, names: set[str], dropped: Dropped) -> Any:
    """The messages without the fields `names`; what is no list of messages is the provider's to refuse."""
    try:
        kept = _MESSAGE_LIST.decode(messages)
    except msgspec.ValidationError:
        return messages
    for message in kept:
        for name in names & message.keys():
            dropped.add(f"{_MESSAGES}{name}", _says(name, message.pop(name)))
    return kept
