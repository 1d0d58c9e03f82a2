"""The official SDKs in Python and Node: their snippets, and what they show and do when a call is refused."""

import sys

import pytest
from tests.clients import environments
from tests.clients.environments import HERE
from tests.clients.gateway import GONE, Gateway
from tests.clients.running import Runner, Shown, agrees, text, variables

HELLO = 'This is Headgate\'s demo model, not a real one. You said: "Say hello".\n'
NODE = pytest.mark.clients
SDKS = pytest.mark.parametrize(
    ("sdk", "route"),
    [
        ("openai", "/v1/chat/completions"),
        ("anthropic", "/v1/messages"),
        pytest.param("openai-node", "/v1/chat/completions", marks=NODE),
        pytest.param("anthropic-node", "/v1/messages", marks=NODE),
    ],
)


def say(served: Gateway, runner: Runner, sdk: str, team: str, *words: str) -> Shown:
    """What the SDK's `say` program shows to a member of `team`."""
    environment = variables(sdk, served.url, served.keys[team])
    if not sdk.endswith("-node"):
        return runner.run([sys.executable, str(HERE / sdk / "say.py"), *words], environment)
    return runner.run(["node", program(sdk, (HERE / sdk / "say.mjs").read_text(), "say.mjs"), *words], environment)


def program(sdk: str, source: str, name: str) -> str:
    """The path of `source` as a module of the SDK's environment, where Node finds the SDK."""
    path = environments.node(sdk) / name
    path.write_text(source)
    return str(path)


@SDKS
def test_the_snippet_works_as_it_is_written(served: Gateway, runner: Runner, sdk: str, route: str) -> None:
    source = text(sdk, served.url)
    command = ["node", program(sdk, source, "snippet.mjs")] if sdk.endswith("-node") else [sys.executable, "-c", source]
    with served.counting(route) as counts:
        shown = runner.run(command, {"HEADGATE_KEY": served.keys["able"]})
    assert (shown.status, shown.out) == (0, HELLO), shown.words
    assert counts == {200: 1}


@SDKS
def test_its_variables_alone_lead_here(served: Gateway, runner: Runner, sdk: str, route: str) -> None:
    with served.counting(route) as counts:
        shown = say(served, runner, sdk, "able", "Say hello", "demo")
    assert (shown.status, shown.out.strip()) == (0, HELLO.strip()), shown.words
    assert counts == {200: 1}


@SDKS
def test_what_it_shows_for_refusals(served: Gateway, runner: Runner, sdk: str, route: str) -> None:
    seen = {
        400: say(served, runner, sdk, "able", "!tokens many", "demo"),
        402: say(served, runner, sdk, "poor", "hi", "demo"),
        429: say(served, runner, sdk, served.exhausted(1), "hi", "demo", "0"),
        503: say(served, runner, sdk, "able", "hi", GONE, "0"),
    }
    assert {shown.status for shown in seen.values()} == {1}
    agrees(sdk, {status: shown.all for status, shown in seen.items()})


@SDKS
def test_it_asks_again_after_429_but_not_after_402(served: Gateway, runner: Runner, sdk: str, route: str) -> None:
    with served.counting(route) as counts:
        say(served, runner, sdk, "poor", "hi", "demo")
    assert counts == {402: 1}
    with served.counting(route) as counts:
        shown = say(served, runner, sdk, served.limited(6), "hi", "demo", "2", "7")
    assert (shown.status, counts[200]) == (0, 7), shown.words
    assert counts[429] >= 1


@SDKS
def test_it_asks_twice_more_after_503(served: Gateway, runner: Runner, sdk: str, route: str) -> None:
    with served.counting(route) as counts:
        say(served, runner, sdk, "able", "!fail 503", "demo")
    assert counts == {503: 3}
