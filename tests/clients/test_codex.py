"""Codex without a terminal: the file that `headgate connect codex` prints is all that it is told."""

import pytest
from tests.clients import environments
from tests.clients.gateway import GONE, Gateway
from tests.clients.running import Runner, Shown, agrees, text, variables

pytestmark = pytest.mark.clients
ROUTE = "/v1/responses"
HELLO = 'This is Headgate\'s demo model, not a real one. You said: "Say hello".'
PROVIDER = "model_providers.headgate"
ONCE = ("-c", f"{PROVIDER}.request_max_retries=0", "-c", f"{PROVIDER}.stream_max_retries=0")


def codex(served: Gateway, runner: Runner, team: str, *words: str) -> Shown:
    """What `codex exec` shows to a member of `team`."""
    program = environments.node("codex") / "node_modules" / ".bin" / "codex"
    configuration = runner.home / ".codex" / "config.toml"
    configuration.parent.mkdir(exist_ok=True)
    configuration.write_text(text("codex", served.url))
    environment = variables("codex", served.url, served.keys[team])
    return runner.run([str(program), "exec", "--skip-git-repo-check", *words], environment)


def told(shown: Shown) -> str:
    """The error that it ends with."""
    assert shown.status == 1, shown.all
    return [line for line in shown.words.splitlines() if line.startswith("ERROR: ")][-1]


def test_the_file_works_as_it_is_written(served: Gateway, runner: Runner) -> None:
    with served.counting(ROUTE) as counts:
        shown = codex(served, runner, "able", "Say hello")
    assert (shown.status, shown.out.strip()) == (0, HELLO), shown.words
    assert counts == {200: 1}


def test_it_calls_its_tools_and_tells_their_results(served: Gateway, runner: Runner) -> None:
    with served.counting(ROUTE) as counts:
        shown = codex(served, runner, "able", '!tool exec_command {"cmd": "echo from-the-tool"}')
    assert shown.status == 0, shown.words
    assert "The tool exec_command returned: " in shown.out
    assert "Output: from-the-tool" in shown.out
    assert counts == {200: 2}


def test_what_it_shows_for_refusals(served: Gateway, runner: Runner) -> None:
    seen = {
        400: codex(served, runner, "able", "!tokens many"),
        402: codex(served, runner, "poor", *ONCE, "hi"),
        429: codex(served, runner, served.exhausted(1), *ONCE, "hi"),
        503: codex(served, runner, "able", *ONCE, "-m", GONE, "hi"),
    }
    agrees("codex", {status: told(shown) for status, shown in seen.items()})


def test_it_asks_five_times_more_after_402_which_is_its_own_rule(served: Gateway, runner: Runner) -> None:
    with served.counting(ROUTE) as counts:
        told(codex(served, runner, "poor", "hi"))
    assert counts == {402: 6}, "docs/clients.md says that Codex does not heed x-should-retry"


def test_it_asks_again_after_429(served: Gateway, runner: Runner) -> None:
    with served.counting(ROUTE) as counts:
        shown = codex(served, runner, served.exhausted(3), "hi")
    assert (shown.status, counts[200]) == (0, 1), shown.all
    assert counts[429] >= 1
