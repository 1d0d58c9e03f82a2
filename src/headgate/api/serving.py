"""The one way in which a call is served over HTTP, whatever the surface, streamed or whole."""

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Mapping
from typing import Final

import msgspec

from headgate.api.exchange import Exchange
from headgate.api.front import Front
from headgate.api.heads import answer_head, cost_header, refusal_head
from headgate.api.surface import Surface
from headgate.domain.answer import Answer, Books
from headgate.domain.call import Call, Request, WireFormat
from headgate.domain.event import Event, EventKind
from headgate.domain.refusal import CODES, Refusal
from headgate.lifecycle import answering

PRIORITIES: Final = ("interactive", "batch", "background")
CACHE_USES: Final = ("off", "refresh", "only")
MAX_IDEMPOTENCY_KEY_CHARS: Final = 255
STRICT: Final = "x-headgate-strict"
_CREDENTIALS: Final = ("x-api-key", "api-key", "x-goog-api-key")
MAX_VALUES: Final = 100_000
"""Objects and arrays of a body; reading more would hold everybody up."""
MAX_OUTPUT_TOKENS: Final = 16_000_000
MAX_CHOICES: Final = 128
MAX_TOOL_REQUESTS: Final = 1_000
MAX_USER_CHARACTERS: Final = 256
SMALL_BODY_BYTES: Final = 64 * 1024
"""Larger ones are read only for callers who are known."""
_LOGGER: Final = logging.getLogger(__name__)


async def serve(front: Front, surface: Surface, exchange: Exchange) -> None:
    """Answer one call; a caller who hangs up ends it."""
    try:
        raw = await exchange.body(front.max_body_bytes)
    except Refusal as refusal:
        await _refuse(surface, exchange, refusal)
        return
    large = len(raw) > SMALL_BODY_BYTES
    if large and not await _is_known(front, exchange):
        raw = b""
    call = read_call(surface, exchange, raw)
    if large:  # reading it took a while; others come first, and meanwhile it is hashed beside the event loop
        call = msgspec.structs.replace(call, digest=await asyncio.to_thread(_digest, raw))
    serving = asyncio.current_task()
    assert serving is not None, "a surface is served by a task"
    exchange.when_left(serving.cancel)
    try:
        await _answer(front, surface, exchange, call)
    except asyncio.CancelledError:
        if not exchange.left or serving.uncancel():
            raise


def _digest(raw: bytes) -> bytes:
    return hashlib.blake2b(raw).digest()


async def _is_known(front: Front, exchange: Exchange) -> bool:
    """Whether the caller is; one who is not is told so when it is authenticated, whatever its body says."""
    try:
        await front.platform.identity.identify(credential(exchange.headers), exchange.at_ms)
    except Refusal:
        return False
    return True


def read_call(surface: Surface, exchange: Exchange, raw: bytes) -> Call:
    """The call in an exchange whose body is `raw`; a body that cannot be read becomes the refusal that says why."""
    headers = exchange.headers
    body: Request | Refusal
    use_case = pipeline = team = user = None
    try:
        _check(headers, surface.wire)
        user = _user(headers.get("x-headgate-user"))
        if raw.count(b"{") + raw.count(b"[") > MAX_VALUES:
            raise Refusal("invalid_request", f"A body may hold {MAX_VALUES:,} objects and arrays; send fewer.")
        body, use_case, pipeline, team = surface.read(raw, headers)
        _check_bounds(body)
    except Refusal as refusal:
        body = refusal
    return Call(
        request_id=exchange.request_id,
        wire=surface.wire,
        path=exchange.path,
        at_ms=exchange.at_ms,
        received_ns=exchange.received_ns,
        source=exchange.source,
        credential=credential(headers),
        body=body,
        use_case=headers.get("x-headgate-use-case") or use_case,
        pipeline=headers.get("x-headgate-pipeline") or pipeline,
        project=headers.get("x-headgate-project"),
        user=user,
        team=team,
        priority=headers.get("x-headgate-priority", PRIORITIES[0]),
        method=exchange.method,
        cache=headers.get("x-headgate-cache", ""),
        idempotency_key=headers.get("idempotency-key", ""),
        strict=headers.get(STRICT) == "true",
    )


def credential(headers: Mapping[str, str]) -> str | None:
    """The key or token that a request carries, from the first header that has one."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if token and scheme.lower() == "bearer":
        return token.strip()
    for name in _CREDENTIALS:
        if name in headers:
            return headers[name]
    return None


def _user(value: str | None) -> str | None:
    """The user named by a header: in UTF-8, where it is that (RFC 9110, 5.5, leaves it open).

    Raises:
        Refusal: `invalid_request`.
    """
    if not value:
        return None
    if not value.isascii():
        with contextlib.suppress(UnicodeDecodeError):
            value = value.encode("latin-1").decode()
    if len(value) > MAX_USER_CHARACTERS or not value.isprintable():
        sentence = f"A user is named by 1 to {MAX_USER_CHARACTERS} printable characters."
        raise Refusal("invalid_request", sentence, param="X-Headgate-User")
    return value


def _check_bounds(request: Request) -> None:
    """Refuse what no model does and no sum of money holds.

    Raises:
        Refusal: `invalid_request`.
    """
    limit = request.max_output_tokens
    if limit is not None and limit > MAX_OUTPUT_TOKENS:
        raise Refusal("invalid_request", f"The output limit may be {MAX_OUTPUT_TOKENS:,} tokens, not {limit}.")
    if request.choices > MAX_CHOICES:
        raise Refusal("invalid_request", f"At most {MAX_CHOICES} answers may be asked for at once.", param="n")
    if request.tool_requests > MAX_TOOL_REQUESTS:
        sentence = f"A tool may run {MAX_TOOL_REQUESTS:,} times for a request at most."
        raise Refusal("invalid_request", sentence, param="tools")
    if request.model and not request.model.isprintable():
        raise Refusal("invalid_request", "The model's name holds characters that no name has.", param="model")


async def _answer(front: Front, surface: Surface, exchange: Exchange, call: Call) -> None:
    try:
        async with answering(front.platform, call) as answer:
            assert isinstance(call.body, Request), "a call that is answered was understood"
            assert answer.books is not None, "an answer enters the spine's last step with its books"
            if call.body.stream:
                await _send_stream(front, surface, exchange, (call, answer, answer.books))
            else:
                await _send_whole(front, surface, exchange, (call, answer, answer.books))
    except Refusal as refusal:
        await _refuse(surface, exchange, refusal)
    except Exception:
        _LOGGER.exception("request %s failed by our own mistake", exchange.request_id)
        await _refuse(surface, exchange, internal_error())


async def _send_whole(front: Front, surface: Surface, exchange: Exchange, opened: tuple[Call, Answer, Books]) -> None:
    call, answer, books = opened
    events: list[Event] = []
    async for batch in answer.events:
        events += batch
    if events and events[-1].kind is EventKind.FAILED:
        raise _failure(events[-1])
    if answer.whole and answer.wire is call.wire:
        body = b"".join([event.raw for event in events])
    else:
        body = surface.write_whole(call, answer, events)
    front.observation.answered(call, books.own_ns(), books.elapsed_ns())
    head = answer_head(answer, books)
    head.append(cost_header(books))
    head += surface.rate_headers(books.windows, exchange.at_ms)
    await exchange.respond(200, body, head)


async def _send_stream(front: Front, surface: Surface, exchange: Exchange, opened: tuple[Call, Answer, Books]) -> None:
    call, answer, books = opened
    writer = None if answer.wire is call.wire and not answer.whole else surface.stream_writer(call, answer)
    async for batch in answer.events:
        failure = batch[-1] if batch[-1].kind is EventKind.FAILED else None
        if not exchange.begun:
            if failure is not None:
                raise _failure(failure)
            front.observation.answered(call, books.own_ns(), books.elapsed_ns())
            rates = surface.rate_headers(books.windows, exchange.at_ms)
            await exchange.begin_stream(answer_head(answer, books) + rates)
        said = batch if failure is None else batch[:-1]
        data = b"".join([event.raw for event in said] if writer is None else map(writer.write, said))
        if failure is not None:
            raw = failure.raw if writer is None else b""
            await exchange.end_stream(data + (raw or surface.error_frame(_failure(failure), call.request_id)))
            return
        if data:
            await exchange.write(data)
    if not exchange.begun:
        raise Refusal("provider_error", "The provider's answer holds nothing; try again.")
    await exchange.end_stream(b"" if writer is None else writer.end())


async def _refuse(surface: Surface, exchange: Exchange, refusal: Refusal) -> None:
    """Say why a call is not served: as a status, or, once a stream has begun, as its last event."""
    if exchange.ended:
        return
    if exchange.begun:
        await exchange.end_stream(surface.error_frame(refusal, exchange.request_id))
    elif refusal.raw and refusal.raw_wire == surface.wire:
        status = refusal.raw_status
        await exchange.respond(status, refusal.raw, refusal_head(refusal, status))
    else:
        status = surface.status(refusal)
        head = refusal_head(refusal, status) + surface.rate_headers(refusal.windows, exchange.at_ms)
        await exchange.respond(status, surface.error_body(refusal, exchange.request_id), head)


def internal_error() -> Refusal:
    """What a caller is told of a mistake of ours; the log has the rest."""
    return Refusal("internal_error", "Headgate made a mistake; try again, and tell your platform team the request id.")


def _failure(event: Event) -> Refusal:
    return Refusal(
        event.name if event.name in CODES else "provider_error", event.text or "The provider broke off its answer."
    )


def _check(headers: Mapping[str, str], wire: WireFormat) -> None:
    """Refuse what a header asks for and nobody would do.

    Raises:
        Refusal: `invalid_request`; on the native surface `invalid_parameter` for a value out of range.
    """
    out_of_range = "invalid_parameter" if wire is WireFormat.NATIVE else "invalid_request"
    priority = headers.get("x-headgate-priority")
    if priority is not None and priority not in PRIORITIES:
        raise Refusal(
            out_of_range,
            f"There is no priority '{priority}'; choose one of {', '.join(PRIORITIES)}.",
            param="X-Headgate-Priority",
        )
    if headers.get(STRICT, "true") not in ("true", "false"):
        raise Refusal(out_of_range, "The header X-Headgate-Strict is true or false.", param="X-Headgate-Strict")
    cache = headers.get("x-headgate-cache")
    if cache is not None and cache not in CACHE_USES:
        raise Refusal(
            out_of_range,
            f"There is no X-Headgate-Cache '{cache[:32]}'; choose one of {', '.join(CACHE_USES)}, or leave it out.",
            param="X-Headgate-Cache",
        )
    key = headers.get("idempotency-key", "")
    if len(key) > MAX_IDEMPOTENCY_KEY_CHARS:
        sentence = f"An idempotency key has at most {MAX_IDEMPOTENCY_KEY_CHARS} characters; send a shorter one."
        raise Refusal(out_of_range, sentence, param="Idempotency-Key")
