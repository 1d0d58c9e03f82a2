"""What every transport keeps: a new one joins the list, and the suite passes unchanged."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import msgspec
import pytest

from headgate.pool.http.transport import HttpTransport
from headgate.pool.providers.demo.billing import Bill
from headgate.pool.providers.demo.engine import Engine
from headgate.pool.providers.demo.server import listen, serving
from headgate.pool.providers.demo.transport import DemoTransport
from headgate.pool.transport import ConnectFailed, Reply, Transport, TransportFailed, TransportTimedOut, Upstream

TICK_S = 0.005
PATIENCE_S = 5
OVER_SOCKETS = [HttpTransport]


async def until(fact: Callable[[], bool]) -> None:
    """Wait until it is so; the engine does not tell of its own accord."""
    async with asyncio.timeout(PATIENCE_S):
        for _ in iter(fact, True):
            await asyncio.sleep(TICK_S)


class Peer(NamedTuple):
    """A transport, the address that it reaches, and the engine behind it."""

    transport: Transport
    url: str
    engine: Engine

    def request(self, message: str, *, stream: bool = False, timeout_ms: int = 10_000) -> Upstream:
        """A chat completion of one message."""
        body = {"model": "demo", "stream": stream, "messages": [{"role": "user", "content": message}]}
        headers = (("Content-Type", "application/json"), ("X-Headgate-Attempt", "r-1"), ("authorization", "Bearer k"))
        url = f"{self.url}/v1/chat/completions"
        return Upstream("POST", url, headers, msgspec.json.encode(body), timeout_ms)

    async def opened_bill(self) -> Bill:
        """The first answer's bill, once the engine began it."""
        await until(lambda: bool(self.bills()))
        return self.bills()[0]

    async def closed_bill(self) -> Bill:
        """The first answer's bill, once the engine closed it."""
        bill = await self.opened_bill()
        await until(lambda: not bill.open)
        return bill

    def bills(self) -> list[Bill]:
        """What the engine billed so far."""
        answers: list[Bill] = self.engine.billing.shown()["answers"]
        return answers


@asynccontextmanager
async def in_process() -> AsyncIterator[Peer]:
    transport = DemoTransport()
    yield Peer(transport, "http://demo", transport.engine)
    await transport.close()


def over_sockets(make: Callable[[], Transport]) -> Any:
    @asynccontextmanager
    async def peer() -> AsyncIterator[Peer]:
        engine = Engine()
        async with serving(engine) as url:
            transport = make()
            yield Peer(transport, url, engine)
            await transport.close()

    return peer


PEERS = {"DemoTransport": in_process, **{make.__name__: over_sockets(make) for make in OVER_SOCKETS}}


@pytest.fixture(params=PEERS)
async def peer(request: pytest.FixtureRequest) -> AsyncIterator[Peer]:
    async with PEERS[request.param]() as made:
        yield made


async def test_a_whole_reply_has_its_status_its_headers_in_lower_case_and_its_body(peer: Peer) -> None:
    async with peer.transport.send(peer.request("!echo one two")) as reply:
        assert reply.status == 200
        assert reply.headers["content-type"] == "application/json"
        assert all(name == name.lower() for name in reply.headers)
        answer = msgspec.json.decode(await reply.body())
    assert answer["choices"][0]["message"]["content"] == "one two"


async def test_headers_and_body_arrive_as_they_were_sent(peer: Peer) -> None:
    async with peer.transport.send(peer.request("!echo one two")) as reply:
        await reply.body()
    bill = await peer.closed_bill()
    assert (bill.request_id, bill.key, bill.model, bill.completed) == ("r-1", "k", "demo", True)


async def test_a_whole_body_can_be_read_in_chunks(peer: Peer) -> None:
    async with peer.transport.send(peer.request("!echo one two")) as reply:
        body = b"".join([chunk async for chunk in reply.chunks()])
    assert msgspec.json.decode(body)["object"] == "chat.completion"


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503, 529])
async def test_an_error_status_is_a_reply_with_its_body(peer: Peer, status: int) -> None:
    async with peer.transport.send(peer.request(f"!fail {status}")) as reply:
        assert reply.status == status
        assert reply.headers.get("retry-after") == ("1" if status == 429 else None)
        assert "as the message directs" in msgspec.json.decode(await reply.body())["error"]["message"]


async def test_a_request_without_a_body_is_answered(peer: Peer) -> None:
    async with peer.transport.send(Upstream("GET", f"{peer.url}/v1/models", (), b"", 10_000)) as reply:
        assert msgspec.json.decode(await reply.body())["data"][0]["id"] == "demo"


async def test_a_stream_comes_in_chunks_as_it_is_made(peer: Peer) -> None:
    async with peer.transport.send(peer.request("!tokens 5\n!pace 20ms", stream=True)) as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        chunks = reply.chunks()
        received = await anext(chunks)
        assert peer.bills()[0].open  # the first chunk is here before the last token is made
        async for chunk in chunks:
            received += chunk
    assert received.count(b'"content":') == 6  # the role, then a token each
    assert received.endswith(b"data: [DONE]\n\n")


async def test_a_reply_is_given_before_its_body_is_made(peer: Peer) -> None:
    async with peer.transport.send(peer.request("!delay 10m", stream=True)) as reply:
        assert reply.status == 200


async def test_the_body_of_a_stream_can_be_read_whole(peer: Peer) -> None:
    async with peer.transport.send(peer.request("!tokens 3", stream=True)) as reply:
        assert (await reply.body()).endswith(b"data: [DONE]\n\n")


async def test_leaving_early_ends_the_upstream(peer: Peer) -> None:
    async with peer.transport.send(peer.request("!tokens 5000\n!pace 10ms", stream=True)) as reply:
        await anext(reply.chunks())
    bill = await peer.closed_bill()
    assert not bill.completed
    assert bill.output_tokens < 5000


async def test_leaving_without_reading_ends_the_upstream(peer: Peer) -> None:
    async with peer.transport.send(peer.request("!tokens 5000\n!pace 10ms", stream=True)):
        pass
    assert not (await peer.closed_bill()).completed


async def test_cancelling_the_caller_of_a_stream_ends_the_upstream(peer: Peer) -> None:
    await cancel_while_waiting(peer, stream=True)
    assert not (await peer.closed_bill()).completed


async def test_cancelling_the_caller_before_the_reply_ends_the_upstream(peer: Peer) -> None:
    await cancel_while_waiting(peer, stream=False)
    assert not (await peer.closed_bill()).completed


async def cancel_while_waiting(peer: Peer, *, stream: bool) -> None:
    async def ask() -> None:
        async with peer.transport.send(peer.request("!delay 10m", stream=stream)) as reply:
            await reply.body()

    asking = asyncio.ensure_future(ask())
    await peer.opened_bill()
    asking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asking


async def test_a_connection_that_closes_before_the_reply_is_a_failure_after_sending(peer: Peer) -> None:
    with pytest.raises(TransportFailed) as failure:
        async with peer.transport.send(peer.request("!drop")):
            pass
    assert not isinstance(failure.value, ConnectFailed)
    assert not isinstance(failure.value, TransportTimedOut)


async def test_a_connection_that_closes_in_mid_body_is_a_failure(peer: Peer) -> None:
    received = b""

    async def receive(reply: Reply) -> None:
        nonlocal received
        async for chunk in reply.chunks():
            received += chunk

    async with peer.transport.send(peer.request("!tokens 9\n!pace 1ms\n!drop 3", stream=True)) as reply:
        with pytest.raises(TransportFailed):
            await receive(reply)
    assert received.count(b'"content":') == 4
    assert b"[DONE]" not in received


async def test_a_body_that_breaks_off_is_a_failure_when_read_whole(peer: Peer) -> None:
    async with peer.transport.send(peer.request("!tokens 9\n!drop 3", stream=True)) as reply:
        with pytest.raises(TransportFailed):
            await reply.body()


async def test_no_reply_in_time_is_a_timeout(peer: Peer) -> None:
    with pytest.raises(TransportTimedOut):
        async with peer.transport.send(peer.request("!delay 10m", timeout_ms=50)):
            pass
    assert not (await peer.closed_bill()).completed


async def test_no_whole_body_in_time_is_a_timeout(peer: Peer) -> None:
    async with peer.transport.send(peer.request("!tokens 5000\n!pace 10ms", stream=True, timeout_ms=200)) as reply:
        with pytest.raises(TransportTimedOut):
            await reply.body()
    assert not (await peer.closed_bill()).completed


async def test_many_exchanges_at_once_do_not_mix(peer: Peer) -> None:
    async def ask(number: int) -> str:
        async with peer.transport.send(peer.request(f"!echo {number}\n!pace 1ms", stream=number % 2 == 0)) as reply:
            return (await reply.body()).decode()

    answers = await asyncio.gather(*(ask(number) for number in range(40)))
    assert all(f'"content":"{number}"' in answer for number, answer in enumerate(answers))


@pytest.mark.parametrize("make", OVER_SOCKETS)
async def test_a_refused_connection_is_a_failure_before_sending(make: Callable[[], Transport]) -> None:
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    listener.close()
    transport = make()
    with pytest.raises(ConnectFailed):
        async with transport.send(Upstream("POST", f"http://127.0.0.1:{port}/v1/messages", (), b"{}", 5_000)):
            pass
    await transport.close()


@pytest.mark.parametrize("make", OVER_SOCKETS)
async def test_a_connection_that_went_stale_does_not_fail_the_next_call(make: Callable[[], Transport]) -> None:
    """The server behind an idle connection is replaced between two calls."""
    transport, engine = make(), Engine()
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    listener.close()
    for _ in range(2):
        async with serving(engine, port) as url, transport.send(Peer(transport, url, engine).request("hi")) as reply:
            assert reply.status == 200
            await reply.body()
    await transport.close()
