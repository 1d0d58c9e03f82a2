"""Claude Code without a terminal: what `headgate connect claude-code` gives is all that it is told."""

import json
import shlex

import pytest
from tests.clients import environments
from tests.clients.gateway import GONE, Gateway
from tests.clients.running import Runner, Shown, agrees, text, variables

pytestmark = pytest.mark.clients
ROUTE = "/v1/messages"
QUIET = {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_TELEMETRY": "1", "DISABLE_AUTOUPDATER": "1"}
"""It asks nobody but Headgate."""
ONCE = {"CLAUDE_CODE_MAX_RETRIES": "0"}


def claude(served: Gateway, runner: Runner, team: str, *words: str, **environment: str) -> Shown:
    """What `claude -p` shows to a member of `team`."""
    given = variables("claude-code", served.url, served.keys[team])
    return runner.run([program(), "-p", *words], {**QUIET, **given, **environment})


def program() -> str:
    return str(environments.node("claude-code") / "node_modules" / ".bin" / "claude")


def test_the_snippet_works_as_it_is_written(served: Gateway, runner: Runner) -> None:
    script = f"{text('claude-code', served.url)}{shlex.quote(program())} -p 'Say hello'"
    shown = runner.run(["sh", "-c", script], {**QUIET, "HEADGATE_KEY": served.keys["able"]})
    assert shown.status == 0, shown.all
    assert shown.out.strip() == 'This is Headgate\'s demo model, not a real one. You said: "Say hello".'


def test_it_calls_its_tools_and_tells_their_results(served: Gateway, runner: Runner) -> None:
    asked = '!tool Bash {"command": "echo from-the-tool", "description": "Say something"}'
    with served.counting(ROUTE) as counts:
        shown = claude(served, runner, "able", asked, "--allowedTools", "Bash(echo:*)")
    assert shown.status == 0, shown.all
    assert 'The tool Bash returned: "from-the-tool".' in shown.out
    assert counts == {200: 2}


def test_it_counts_the_tokens_that_the_ledger_holds(served: Gateway, runner: Runner) -> None:
    key = served.served.key("counted")
    given = variables("claude-code", served.url, key)
    asked = [program(), "-p", "!usage in=700 out=30", "--output-format", "json"]
    shown = runner.run(asked, {**QUIET, **given})
    usage = json.loads(shown.out)["usage"]
    _, ledger = served.served.call("GET", "/admin/v1/ledger?team=counted")
    entries = [(entry["input_tokens"], entry["output_tokens"]) for entry in ledger["data"]]
    assert entries == [(usage["input_tokens"], usage["output_tokens"])] == [(700, 30)]


def test_what_it_shows_for_refusals(served: Gateway, runner: Runner) -> None:
    seen = {
        400: claude(served, runner, "able", "!tokens many"),
        402: claude(served, runner, "poor", "hi"),
        429: claude(served, runner, served.exhausted(1), "hi", **ONCE),
        503: claude(served, runner, "able", "hi", "--model", GONE),
    }
    assert {shown.status for shown in seen.values()} == {1}
    agrees("claude-code", {status: shown.out.strip() for status, shown in seen.items()})


def test_it_asks_again_after_429_and_503_but_not_after_402(served: Gateway, runner: Runner) -> None:
    with served.counting(ROUTE) as counts:
        claude(served, runner, "poor", "hi")
    assert counts == {402: 1}
    team = served.exhausted(3)
    with served.counting(ROUTE) as counts:
        shown = claude(served, runner, team, "hi")
    assert (shown.status, counts[200]) == (0, 1), shown.all
    assert counts[429] >= 1
    with served.counting(ROUTE) as counts:
        shown = claude(served, runner, "able", "!fail 503 2")  # its own model, then the chain's
    assert (shown.status, counts) == (0, {503: 1, 200: 1}), shown.all
