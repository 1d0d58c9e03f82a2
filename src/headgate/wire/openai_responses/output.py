"""A response's output items, gathered from the events of another wire format."""

from typing import Any, Final

import msgspec

from headgate.domain.event import BLOCKS_PER_CHOICE, Event, EventKind
from headgate.wire.codec import Head
from headgate.wire.openai_responses.answer import flat_citation
from headgate.wire.signature import encrypted

MESSAGE: Final = "message"
REASONING: Final = "reasoning"
CALL: Final = "function_call"
_ITEM_OF: Final = {
    EventKind.TEXT: MESSAGE,
    EventKind.CITATION: MESSAGE,
    EventKind.REASONING: REASONING,
    EventKind.TOOL_START: CALL,
    EventKind.TOOL_ARGUMENTS: CALL,
}
_PREFIXES: Final = {MESSAGE: "msg", REASONING: "rs", CALL: "fc"}


class Item:
    """One output item; `text` is what it says, thinks, or calls its function with."""

    def __init__(self, kind: str, index: int, request_id: str, event: Event) -> None:
        self.kind = kind
        self.index = index
        self.id = f"{_PREFIXES[kind]}_{request_id}_{index}"
        self.call_id = event.id
        self.name = event.name
        self.signature = ""
        self.annotations: list[dict[str, Any]] = []
        self.ended = False
        self._texts: list[str] = []

    @property
    def text(self) -> str:
        """All of it so far."""
        return "".join(self._texts)

    def add(self, event: Event) -> dict[str, Any] | None:
        """Take `event` in; gives the annotation that it adds, where it adds one."""
        if event.kind is EventKind.CITATION:
            annotation = flat_citation(event.text)
            if annotation is not None:
                self.annotations.append(annotation)
            return annotation
        if event.text:
            self._texts.append(event.text)
        if event.kind is EventKind.REASONING:
            self.signature += event.id
        return None

    @property
    def arguments_end(self) -> bool:
        """Whether a call's arguments are whole."""
        try:
            msgspec.json.decode(self.text)
        except msgspec.DecodeError:
            return False
        return True

    def part(self) -> dict[str, Any]:
        """The one part that a message or a thought has."""
        if self.kind == REASONING:
            return {"type": "summary_text", "text": self.text}
        return {"type": "output_text", "text": self.text, "annotations": self.annotations, "logprobs": []}

    def shown(self, status: str) -> dict[str, Any]:
        """The item as it stands; one that is in progress has nothing in it yet."""
        begun = status == "in_progress"
        item: dict[str, Any] = {"id": self.id, "type": self.kind, "status": status}
        if self.kind == CALL:
            item.update(call_id=self.call_id, name=self.name, arguments="" if begun else self.text)
        elif self.kind == REASONING:
            item.update(summary=[self.part()] if self.text and not begun else [])
            if not begun:
                item.update(encrypted_content=encrypted(self.signature))
        else:
            item.update(role="assistant", content=[] if begun else [self.part()])
        return item


class Output:
    """All items so far."""

    def __init__(self, head: Head) -> None:
        self.items: list[Item] = []
        self._request_id = head.request_id
        self._key: tuple[str, int] | None = None
        """The kind and the event index of the message or thought that is open."""
        self._calls: dict[int, Item] = {}

    def place(self, event: Event) -> Item | None:
        """The item that `event` belongs to, perhaps a new one; None where it belongs to none.

        A response has one answer, so further choices have no place in it.
        """
        kind, index = _ITEM_OF.get(event.kind, ""), event.index
        if not kind or index >= BLOCKS_PER_CHOICE:
            return None
        if kind == CALL:
            if event.kind is EventKind.TOOL_START:
                self._calls[index] = self._begin(kind, event)
                self._key = None
            return self._calls.get(index)
        # Text behind another item is an item of its own; what says nothing begins none.
        if self._key == (kind, index):
            return self.items[-1]
        if event.kind is EventKind.CITATION:
            says = flat_citation(event.text) is not None
        else:
            says = bool(event.text or (event.kind is EventKind.REASONING and event.id))
        if not says:
            return None
        self._key = (kind, index)
        return self._begin(kind, event)

    def _begin(self, kind: str, event: Event) -> Item:
        self.items.append(Item(kind, len(self.items), self._request_id, event))
        return self.items[-1]
