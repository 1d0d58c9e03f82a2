"""Reads the directives by which a message tells the demo model what to do."""

from typing import Any, Final

import msgspec

from headgate.domain.refusal import Refusal
from headgate.kit.quantities import duration_ms

MAX_TOKENS: Final = 100_000
MAX_PAUSE_MS: Final = 600_000
MAX_TIMES: Final = 1_000_000
USAGE_PARTS: Final = {
    "in": "input_tokens",
    "out": "output_tokens",
    "cached": "cached_tokens",
    "cache_write": "cache_write_tokens",
    "cache_write_1h": "cache_write_1h_tokens",
    "reasoning": "reasoning_tokens",
    "audio_in": "audio_input_tokens",
    "audio_out": "audio_output_tokens",
    "tools": "tool_requests",
}
"""What `!usage` calls the figures of a usage."""


class Called(msgspec.Struct, frozen=True):
    """A tool call that a directive asks for; `arguments` is JSON text."""

    name: str
    arguments: str


class Failing(msgspec.Struct, frozen=True):
    """An error status, for the first `times` calls with the same message and key; None is every call."""

    status: int
    times: int | None = None


class Directives(msgspec.Struct):
    """What a message asks for; None or empty where it says nothing."""

    echo: str | None = None
    tokens: int | None = None
    delay_ms: int | None = None
    pace_ms: int | None = None
    fail: Failing | None = None
    drop_after: int | None = None
    """Tokens after which the connection closes."""
    tools: list[Called] = []
    json: str | None = None
    think: str | None = None
    usage: dict[str, int] = {}
    """What the answer shall say that it used: figures of `Usage` by their names."""


NOTHING: Final = Directives()


def read_directives(text: str) -> Directives:
    """The directives in the first lines of `text` that begin with `!`; a line of another kind ends them.

    Known are `!echo TEXT`, `!tokens N`, `!delay 300ms`, `!pace 20ms`, `!fail STATUS [TIMES]`, `!drop [AFTER_TOKENS]`,
    `!tool NAME {json}`, `!json {json}`, `!think TEXT` and `!usage in=N out=N` (see `USAGE_PARTS` for its other
    words). Several combine; of one kind the last counts, but for tools, which are all called, and echoed lines, which
    are joined.

    Raises:
        Refusal: `invalid_request`, a known directive is not written as it must be.
    """
    found = Directives()
    for line in text.split("\n"):
        name, _, rest = line.strip().partition(" ")
        read = _READERS.get(name)
        if read is None:
            break
        try:
            read(found, rest.strip())
        except ValueError:
            raise Refusal("invalid_request", f"The directive '{line.strip()[:80]}' is wrong; {_USES[name]}") from None
    return found


def _echo(found: Directives, rest: str) -> None:
    found.echo = rest if found.echo is None else f"{found.echo}\n{rest}"


def _tokens(found: Directives, rest: str) -> None:
    found.tokens = _number(rest, MAX_TOKENS)


def _delay(found: Directives, rest: str) -> None:
    found.delay_ms = _pause(rest)


def _pace(found: Directives, rest: str) -> None:
    found.pace_ms = _pause(rest)


def _fail(found: Directives, rest: str) -> None:
    status, *times = (_number(word, MAX_TIMES) for word in rest.split())
    if not 400 <= status <= 599 or len(times) > 1:
        raise ValueError(rest)
    found.fail = Failing(status, times[0] if times else None)


def _drop(found: Directives, rest: str) -> None:
    found.drop_after = _number(rest, MAX_TOKENS) if rest else 0


def _tool(found: Directives, rest: str) -> None:
    name, _, arguments = rest.partition(" ")
    arguments = arguments.strip() or "{}"
    if not name or not isinstance(_decoded(arguments), dict):
        raise ValueError(rest)
    found.tools = [*found.tools, Called(name, arguments)]


def _json(found: Directives, rest: str) -> None:
    _decoded(rest)
    found.json = rest


def _think(found: Directives, rest: str) -> None:
    found.think = rest


def _usage(found: Directives, rest: str) -> None:
    for word in rest.split():
        name, _, number = word.partition("=")
        if name not in USAGE_PARTS:
            raise ValueError(rest)
        found.usage[USAGE_PARTS[name]] = _number(number, 10**12)


def _number(text: str, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 13) or int(text) > most:
        raise ValueError(text)
    return int(text)


def _pause(text: str) -> int:
    pause_ms = duration_ms(text)
    if pause_ms > MAX_PAUSE_MS:
        raise ValueError(text)
    return pause_ms


def _decoded(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


_READERS: Final = {
    "!echo": _echo,
    "!tokens": _tokens,
    "!delay": _delay,
    "!pace": _pace,
    "!fail": _fail,
    "!drop": _drop,
    "!tool": _tool,
    "!json": _json,
    "!think": _think,
    "!usage": _usage,
}
_USES: Final = {
    "!echo": "write !echo TEXT",
    "!tokens": f"write !tokens N, at most {MAX_TOKENS}",
    "!delay": "write !delay 300ms, at most 10m",
    "!pace": "write !pace 20ms, at most 10m",
    "!fail": "write !fail STATUS [TIMES] with a status of 400 to 599",
    "!drop": f"write !drop [AFTER_TOKENS], at most {MAX_TOKENS}",
    "!tool": "write !tool NAME {json object}",
    "!json": "write !json {json}",
    "!think": "write !think TEXT",
    "!usage": f"write !usage with any of {', '.join(f'{name}=N' for name in USAGE_PARTS)}",
}
