"""Writes a streamed response (OpenAI API reference, responses, streaming events)."""

from typing import Any, Final

import msgspec

from headgate.domain.event import Event, EventKind, StopReason
from headgate.domain.refusal import CODES, Refusal
from headgate.domain.usage import Usage
from headgate.kit import sse
from headgate.wire.codec import Head
from headgate.wire.openai_responses.answer import incomplete_reason, response, usage_object
from headgate.wire.openai_responses.errors import error_frame
from headgate.wire.openai_responses.output import CALL, MESSAGE, REASONING, Item, Output

_ENCODER: Final = msgspec.json.Encoder()


class ResponsesStreamWriter:
    """Writes one stream; items are numbered as they begin, and each is shown whole when it ends."""

    def __init__(self, head: Head) -> None:
        self._head = head
        self._output = Output(head)
        self._open: list[Item] = []
        self._count = 0
        self._usage = Usage()
        self._stop: StopReason | None = None
        self._failed = False

    def write(self, event: Event) -> bytes:
        """The frames for `event`; usage and the reason to stop wait for the stream's end."""
        kind = event.kind
        if kind is EventKind.FAILED:
            self._failed = True
            code = event.name if event.name in CODES else "provider_error"
            return error_frame(Refusal(code, event.text), self._head.request_id, self._count)
        if event.usage is not None:
            self._usage = event.usage
        if kind is EventKind.FINISHED:
            self._stop = self._stop or event.stop
        elif kind is EventKind.STARTED:
            return self._begin()
        elif (item := self._output.place(event)) is not None:
            return self._content(item, event)
        return b""

    def end(self) -> bytes:
        """The end of what is open, and the whole response; nothing after a failure."""
        if self._failed:
            return b""
        written = self._begin()
        reason = incomplete_reason(self._stop)
        last = self._output.items[-1:] if reason else []
        for item in [*self._open]:
            written += self._close(item, "incomplete" if item in last else "completed")
        items = [item.shown("incomplete" if item in last else "completed") for item in self._output.items]
        whole = {**response(self._head), "output": items, "usage": usage_object(self._usage)}
        if reason is None:
            whole["status"] = "completed"
            return written + self._frame("response.completed", {"response": whole})
        whole["status"] = "incomplete"
        whole["incomplete_details"] = {"reason": reason}
        return written + self._frame("response.incomplete", {"response": whole})

    def _begin(self) -> bytes:
        if self._count:
            return b""
        begun = {"response": response(self._head)}
        return self._frame("response.created", begun) + self._frame("response.in_progress", begun)

    def _content(self, item: Item, event: Event) -> bytes:
        """A piece of an item, after the start of its item where that is new."""
        written = self._begin()
        if item not in self._open and not item.ended:
            for other in [*self._open]:
                # Calls may stream side by side: one whose arguments are not whole may still get more.
                if other.kind != CALL or other.arguments_end:
                    written += self._close(other, "completed")
            written += self._start(item)
        annotation = item.add(event)
        if annotation is not None:
            place = {"content_index": 0, "annotation_index": len(item.annotations) - 1}
            return written + self._of(item, "output_text.annotation.added", {**place, "annotation": annotation})
        if not event.text or event.kind is EventKind.CITATION:
            return written
        return written + self._delta(item, event.text)

    def _start(self, item: Item) -> bytes:
        self._open.append(item)
        written = self._frame(
            "response.output_item.added", {"output_index": item.index, "item": item.shown("in_progress")}
        )
        if item.kind == MESSAGE:
            written += self._of(item, "content_part.added", {"content_index": 0, "part": item.part()})
        return written

    def _delta(self, item: Item, text: str) -> bytes:
        if item.kind == CALL:
            return self._of(item, "function_call_arguments.delta", {"delta": text})
        if item.kind == MESSAGE:
            return self._of(item, "output_text.delta", {"content_index": 0, "delta": text, "logprobs": []})
        written = b""
        if text == item.text:  # the first of it
            part = {"type": "summary_text", "text": ""}
            written = self._of(item, "reasoning_summary_part.added", {"summary_index": 0, "part": part})
        return written + self._of(item, "reasoning_summary_text.delta", {"summary_index": 0, "delta": text})

    def _close(self, item: Item, status: str) -> bytes:
        self._open.remove(item)
        item.ended = True
        if item.kind == CALL:
            written = self._end_call(item, status)
        elif item.kind == MESSAGE:
            text = {"content_index": 0, "text": item.text, "logprobs": []}
            written = self._of(item, "output_text.done", text)
            written += self._of(item, "content_part.done", {"content_index": 0, "part": item.part()})
        elif item.kind == REASONING and item.text:
            written = self._of(item, "reasoning_summary_text.done", {"summary_index": 0, "text": item.text})
            written += self._of(item, "reasoning_summary_part.done", {"summary_index": 0, "part": item.part()})
        else:
            written = b""
        return written + self._frame(
            "response.output_item.done", {"output_index": item.index, "item": item.shown(status)}
        )

    def _end_call(self, item: Item, status: str) -> bytes:
        """The end of a call; one without arguments gets an empty object, which clients can parse."""
        written = b""
        if not item.text and status == "completed":
            item.add(Event(EventKind.TOOL_ARGUMENTS, text="{}"))
            written = self._delta(item, "{}")
        arguments = {"name": item.name, "arguments": item.text}
        return written + self._of(item, "function_call_arguments.done", arguments)

    def _of(self, item: Item, kind: str, fields: dict[str, Any]) -> bytes:
        return self._frame(f"response.{kind}", {"item_id": item.id, "output_index": item.index, **fields})

    def _frame(self, kind: str, fields: dict[str, Any]) -> bytes:
        number, self._count = self._count, self._count + 1
        return sse.frame(_ENCODER.encode({"type": kind, "sequence_number": number, **fields}), kind.encode())
