"""One attempt's exchange with a provider: from the reply's head to its last event, booked however it ends."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Final

import msgspec

from headgate.domain.answer import Basis, Outcome
from headgate.domain.call import WireFormat
from headgate.domain.event import Event, EventKind
from headgate.domain.refusal import Refusal
from headgate.domain.usage import Usage
from headgate.journal.record import Attempt
from headgate.pool.refusals import MODEL_FAILED, refusal_of
from headgate.pool.standing import Standing
from headgate.pool.transport import Reply, Sending, TransportFailed, TransportTimedOut
from headgate.wire.codec import ProviderCodec, StreamReader

PREAMBLE: Final = frozenset({EventKind.STARTED, EventKind.USAGE})
"""Events that show nothing of an answer yet: as long as only these came, a chain may still move on."""
CONTENT: Final = frozenset({EventKind.TEXT, EventKind.REASONING, EventKind.TOOL_ARGUMENTS})
MAX_ERROR_BYTES: Final = 64 * 1024


class Exchange:
    """An attempt's traffic: an iterator over its events, in batches as they came.

    `close` must be awaited; it books what is not booked yet.
    """

    def __init__(
        self,
        attempt: Attempt,
        standing: Standing,
        sending: Sending,
        estimated_input_tokens: int,
    ) -> None:
        self._attempt = attempt
        self._standing = standing
        self._sending = sending
        self._entered = False
        self._estimated_input_tokens = estimated_input_tokens
        self._usage: Usage | None = None
        self._texts = 0
        self._text_length = 0
        self._finished = False
        self._ready: list[Event] = []
        """Events that came and were not handed on yet."""
        self._reader: StreamReader | None = None
        """Reads what is still to come; None where nothing is."""
        self.headers: Mapping[str, str] = {}

    async def open(
        self,
        codec: ProviderCodec,
        error_wire: WireFormat,
        *,
        stream: bool,
        hide_usage: bool,
        first_token_s: float,
    ) -> None:
        """Wait for the first event that shows something of the answer; errors come in `error_wire`.

        Raises:
            Refusal: the provider gave no answer; the attempt is booked and closed.
        """
        try:
            if not stream:  # the transport keeps the time of a whole answer
                reply = await self._enter(error_wire)
                self._ready = codec.read_whole(await reply.body())
                self._account(self._ready)
                self._succeed()
                return
            async with asyncio.timeout(first_token_s):
                reply = await self._enter(error_wire)
                await self._begin(codec.stream_reader(hide_usage=hide_usage), reply.chunks())
        except (TimeoutError, TransportFailed, ValueError) as error:
            refusal = self._failed(error, self._unanswered() if self._usage is None else Basis.ESTIMATED)
            await self.close()
            raise refusal from error
        except BaseException:
            await self.close()
            raise

    async def _enter(self, error_wire: WireFormat) -> Reply:
        """The reply's head; raises the refusal for an error status."""
        reply = await self._sending.__aenter__()
        self._entered = True
        self.headers = reply.headers
        if reply.status != 200:
            raise await self._refused(reply, error_wire)
        return reply

    async def close(self) -> None:
        """End the exchange. What is not booked yet was left by its caller: what was produced is charged.

        Before the reply's head nothing is known of what the provider does, so the bound is charged; before the first
        byte went out, nothing is.
        """
        if not self._attempt.closed:
            self._standing.undecided()
            usage, basis = (self._produced(), Basis.ESTIMATED) if self._entered else (Usage(), self._unanswered())
            self._attempt.close(usage, basis, Outcome.ABANDONED, "caller_left")
        if self._entered:
            self._entered = False
            await self._sending.__aexit__(None, None, None)

    async def _refused(self, reply: Reply, error_wire: WireFormat) -> Refusal:
        """What the provider's error status comes to; providers bill nothing for it."""
        try:
            body = (await reply.body())[:MAX_ERROR_BYTES]
        except TransportFailed:
            body = b""  # the status says it all
        refusal = refusal_of(reply.status, body, reply.headers, error_wire)
        if reply.status >= 500 or reply.status in (408, MODEL_FAILED):
            self._standing.failed(refusal.sentence)
        else:
            self._standing.succeeded()
        self._attempt.close(Usage(), Basis.REPORTED, Outcome.FAILED, refusal.code)
        return refusal

    async def _begin(self, reader: StreamReader, chunks: AsyncIterator[bytes]) -> None:
        events: list[Event] = []
        async for chunk in chunks:
            events += reader.feed(chunk)
            if any(event.kind not in PREAMBLE for event in events):
                break
        else:
            self._account(events)
            raise TransportFailed("the stream ended before it showed anything of an answer")
        failure = next((event for event in events if event.kind is EventKind.FAILED), None)
        if failure is not None:
            self._account(events)
            raise TransportFailed(failure.text)
        self._standing.answering()
        self._reader, self._chunks = reader, chunks
        self._take(events)

    @property
    def usage(self) -> Usage:
        """What the attempt was booked with."""
        return self._attempt.usage

    def __aiter__(self) -> "Exchange":
        return self

    async def __anext__(self) -> list[Event]:
        """The next events; the attempt is booked before the last ones are given."""
        while not self._ready:
            if self._reader is None:
                raise StopAsyncIteration
            try:
                self._take(self._reader.feed(await anext(self._chunks)))
            except StopAsyncIteration:
                self._end()
            except (TransportFailed, ValueError) as error:
                self._cut(error)
        events, self._ready = self._ready, []
        return events

    def _take(self, events: list[Event]) -> None:
        """Account for events of a stream, and end it with its last."""
        assert self._reader is not None, "a stream is read by its reader"
        failure = self._account(events)
        self._ready = events
        if failure is not None:
            del events[failure + 1 :]
            self._reader = None
            self._failed(TransportFailed(events[failure].text), Basis.ESTIMATED)
        elif self._reader.complete:
            self._end()

    def _end(self) -> None:
        """The provider sends no more."""
        if self._finished:
            self._reader = None
            self._succeed()
        else:
            self._cut(TransportFailed("the stream ended without its terminal event"))

    def _cut(self, error: Exception) -> None:
        """The stream broke off."""
        self._reader = None
        refusal = self._failed(error, Basis.ESTIMATED)
        self._ready.append(Event(EventKind.FAILED, name=refusal.code, text=refusal.sentence))

    def _failed(self, error: Exception, basis: Basis) -> Refusal:
        """Book the attempt as failed by its provider, and say so."""
        if isinstance(error, TransportTimedOut | TimeoutError):
            refusal = Refusal(
                "provider_timeout",
                f"{self._attempt.deployment.name} did not answer in time; try again or shorten the request",
            )
        else:
            how = "broke off its answer" if self._sending.sent else "cannot be reached"
            refusal = Refusal("provider_error", f"{self._attempt.deployment.name} {how}: {error}; try again")
        self._standing.failed(refusal.sentence)
        usage = self._produced() if basis is Basis.ESTIMATED else Usage()
        self._attempt.close(usage, basis, Outcome.FAILED, refusal.code)
        return refusal

    def _unanswered(self) -> Basis:
        """How an attempt is charged of which the provider said nothing: by its bound, if it may have seen it."""
        return Basis.RESERVED if self._sending.sent else Basis.REPORTED

    def _succeed(self) -> None:
        self._attempt.began()
        self._standing.succeeded(self._attempt.waited_ns / 1e6)
        if self._usage is None:
            self._attempt.close(self._produced(), Basis.ESTIMATED, Outcome.ANSWERED)
        else:
            self._attempt.close(self._usage, Basis.REPORTED, Outcome.ANSWERED)

    def _account(self, events: list[Event]) -> int | None:
        """Count what `events` show; where among them the provider says that it failed."""
        for place, event in enumerate(events):
            kind = event.kind
            if kind in CONTENT:
                self._texts += 1
                self._text_length += len(event.text)
            elif kind is EventKind.FINISHED:
                self._finished = True
            elif kind is EventKind.FAILED:
                return place
            if event.usage is not None:
                self._usage = event.usage if self._usage is None else self._usage.later(event.usage)
        return None

    def _produced(self) -> Usage:
        """What was reported so far, and at least what was seen: a token an event, or one for four characters."""
        reported = self._usage or Usage(input_tokens=self._estimated_input_tokens)
        seen = max(self._texts, -(-self._text_length // 4), reported.output_tokens)
        return msgspec.structs.replace(reported, output_tokens=seen)
