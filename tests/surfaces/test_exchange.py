"""The body of an exchange: bounded before it is read, and whole or refused."""

from typing import Any

import pytest

from headgate.api.cycle import LEFT
from headgate.api.exchange import Exchange
from headgate.domain.refusal import Refusal
from headgate.kit.clock import ManualClock

DISCONNECT = {"type": "http.disconnect"}


def part(body: bytes, more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def exchange(messages: list[dict[str, Any]], *headers: tuple[bytes, bytes]) -> Exchange:
    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        raise AssertionError("nothing is sent while a body is read")

    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": "/", "headers": list(headers)}
    scope["extensions"] = {LEFT: lambda callback: None}
    return Exchange(scope, receive, send, ManualClock())


async def refused(messages: list[dict[str, Any]], *headers: tuple[bytes, bytes]) -> str:
    with pytest.raises(Refusal) as caught:
        await exchange(messages, *headers).body(10)
    return caught.value.code


async def test_a_body_in_parts_is_put_together() -> None:
    assert await exchange([part(b"01234", True), part(b"", True), part(b"56789", False)]).body(10) == b"0123456789"
    assert await exchange([part(b"0123456789", False)]).body(10) == b"0123456789"


async def test_a_declared_length_over_the_bound_is_refused_before_anything_is_read() -> None:
    messages = [part(b"x", False)]
    assert await refused(messages, (b"content-length", b"11")) == "body_too_large"
    assert len(messages) == 1


@pytest.mark.parametrize("length", [b"-1", b"abc", b"1, 2", b"9" * 5000, "²".encode()])
async def test_a_length_that_is_none_is_refused(length: bytes) -> None:
    code = await refused([part(b"x", False)], (b"content-length", length))
    assert code in ("body_too_large", "invalid_request")


async def test_a_body_that_grows_past_the_bound_is_refused_at_once() -> None:
    messages = [part(b"01234", True), part(b"567890", True), part(b"never read", False)]
    assert await refused(messages) == "body_too_large"
    assert len(messages) == 1
    assert await refused([part(b"0123456789x", False)]) == "body_too_large"


async def test_a_caller_who_leaves_before_the_body_is_whole_is_no_call() -> None:
    assert await refused([part(b"01", True), DISCONNECT]) == "caller_left"
    assert await refused([DISCONNECT]) == "caller_left"


def test_values_of_a_repeated_header_are_joined() -> None:
    headers = exchange([], (b"anthropic-beta", b"a"), (b"anthropic-beta", b"b")).headers
    assert headers["anthropic-beta"] == "a, b"
