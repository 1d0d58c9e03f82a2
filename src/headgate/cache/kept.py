"""An answer as it is kept, and how one record gives it streamed or whole, in any wire format."""

from collections.abc import AsyncIterator
from typing import Final

import msgspec

from headgate.domain.answer import Answer
from headgate.domain.call import Request, WireFormat
from headgate.domain.event import Event, EventKind, StopReason
from headgate.domain.policy import Deployment

MAX_KEPT_BYTES: Final = 256 * 1024
"""An answer that is longer is not kept."""
_ENDS: Final = frozenset({StopReason.STOP, StopReason.STOP_SEQUENCE})
_UNKEPT: Final = {
    StopReason.LENGTH: "it was cut off at its output limit",
    StopReason.TOOL_CALLS: "it calls tools",
    StopReason.CONTENT_FILTER: "the provider blocked it",
    StopReason.REFUSAL: "the model refused",
    StopReason.PAUSE: "it is not finished",
}


class Kept(msgspec.Struct, array_like=True):
    """An answer that ended well."""

    request_id: str
    """The call that it was made for."""
    text: str
    """The text of the last turn that it answers."""
    wire: WireFormat
    whole: bool
    shows_usage: bool
    """Whether a stream holds its usage frame."""
    events: list[Event]
    model_id: str
    deployment: str
    provider: str
    region: str
    pipeline: str
    dropped: tuple[str, ...]
    cost_nano: int
    """What making it cost."""

    def fits(self, request: Request, *, crosses: bool) -> bool:
        """Whether `request` can be answered with it without losing anything."""
        if self._is_as_asked(request):
            return True
        return crosses and not self.dropped and all(event.kind is not EventKind.OPAQUE for event in self.events)

    def answer(self, request: Request) -> Answer:
        """It as the answer to `request`: its own bytes where they are in the form asked for."""
        as_asked = self._is_as_asked(request)
        return Answer(
            self.wire,
            as_asked is not request.stream,  # a form that nobody asked for is written anew by the surface
            batches([self.events]),
            Deployment(self.deployment, self.provider, self.model_id, self.region, None),
            self.pipeline,
            (),
            self.dropped,
        )

    def _is_as_asked(self, request: Request) -> bool:
        same = self.wire is request.wire and self.whole is not request.stream
        return same and (self.whole or self.shows_usage is request.usage_asked)


def kept(request: Request, answer: Answer, events: list[Event], made: tuple[str, str, int]) -> Kept:
    """The answer to `request`, whose events have all come; `made` for which call and text, at which cost."""
    request_id, text, cost_nano = made
    return Kept(
        request_id=request_id,
        text=text,
        wire=answer.wire,
        whole=answer.whole,
        shows_usage=request.usage_asked,
        events=events,
        model_id=answer.deployment.model_id,
        deployment=answer.deployment.name,
        provider=answer.deployment.provider,
        region=answer.deployment.region,
        pipeline=answer.pipeline,
        dropped=answer.dropped,
        cost_nano=cost_nano,
    )


def why_not(events: list[Event], wire: WireFormat) -> str:
    """Why an answer of these events is not kept; empty where it ended well."""
    if not events or events[-1].kind is EventKind.FAILED:
        return "it failed"
    finished = [event for event in events if event.kind is EventKind.FINISHED]
    if not finished:
        return "it is not finished"
    for event in finished:
        if event.stop in _ENDS or (event.stop is None and wire is WireFormat.OPENAI_EMBEDDINGS):
            continue
        return _UNKEPT.get(event.stop, "it does not say how it ended") if event.stop else "it does not say how it ended"
    return ""


async def batches(said: list[list[Event]]) -> AsyncIterator[list[Event]]:
    """Events that are there already."""
    for batch in said:
        yield batch


ENCODER: Final = msgspec.msgpack.Encoder()
DECODER: Final = msgspec.msgpack.Decoder(Kept)
