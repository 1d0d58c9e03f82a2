"""LangChain: its snippet, its own standard suites, and what it shows when a call is refused."""

import re

import pytest
from tests.clients import environments
from tests.clients.environments import HERE
from tests.clients.gateway import GONE, Gateway
from tests.clients.running import Runner, agrees, text, variables

pytestmark = pytest.mark.clients
ROUTES = {"ChatOpenAI": "/v1/chat/completions", "ChatAnthropic": "/v1/messages"}
CLASSES = pytest.mark.parametrize("name", ROUTES)
OPTIONS = ["-q", "-c", "/dev/null", "--noconftest", "-p", "no:cacheprovider", "-o", "asyncio_mode=auto"]
ONE_LOOP = [f"asyncio_default_{what}_loop_scope=session" for what in ("test", "fixture")]
"""LangChain keeps a connection for all its models, which only the event loop that opened it can use."""


def say(served: Gateway, runner: Runner, team: str, *words: str) -> tuple[int, str]:
    """The exit status and everything that `say.py` shows."""
    program = str(HERE / "langchain" / "say.py")
    environment = variables("langchain", served.url, served.keys[team])
    shown = runner.run([environments.python("langchain"), program, *words], environment)
    return shown.status, shown.all


def test_the_snippet_works_as_it_is_written(served: Gateway, runner: Runner) -> None:
    command = [environments.python("langchain"), "-c", text("langchain", served.url)]
    shown = runner.run(command, {"HEADGATE_KEY": served.keys["able"]})
    assert shown.status == 0, shown.words
    assert shown.out.splitlines() == ['This is Headgate\'s demo model, not a real one. You said: "Say hello".'] * 2


def test_langchains_own_standard_suites_pass(served: Gateway, runner: Runner) -> None:
    loops = [word for option in ONE_LOOP for word in ("-o", option)]
    suite = str(HERE / "langchain" / "standard.py")
    command = [environments.python("langchain"), "-m", "pytest", *OPTIONS, *loops, suite]
    shown = runner.run(command, {"HEADGATE_URL": served.url, "HEADGATE_KEY": served.keys["able"]})
    assert shown.status == 0, shown.all[-5000:]
    passed = re.search(r"(\d+) passed", shown.out)
    assert passed, shown.out
    assert int(passed[1]) >= 110


@CLASSES
def test_what_it_shows_for_refusals(served: Gateway, runner: Runner, name: str) -> None:
    seen = {
        400: say(served, runner, "able", name, "!tokens many", "demo"),
        402: say(served, runner, "poor", name, "hi", "demo"),
        429: say(served, runner, served.exhausted(1), name, "hi", "demo", "0"),
        503: say(served, runner, "able", name, "hi", GONE, "0"),
    }
    assert {status for status, _ in seen.values()} == {1}
    agrees(f"langchain-{name}", {status: shown for status, (_, shown) in seen.items()})


@CLASSES
def test_it_asks_again_after_429_but_not_after_402(served: Gateway, runner: Runner, name: str) -> None:
    with served.counting(ROUTES[name]) as counts:
        say(served, runner, "poor", name, "hi", "demo")
    assert counts == {402: 1}
    with served.counting(ROUTES[name]) as counts:
        status, shown = say(served, runner, served.limited(6), name, "hi", "demo", "2", "7")
    assert (status, counts[200]) == (0, 7), shown
    assert counts[429] >= 1
