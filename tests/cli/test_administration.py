"""The commands that ask a platform, against one that is really served."""

import json
import os
import pty
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests import postgres
from tests.cli.running import headgate
from tests.processes import ADMIN_KEY, HEADGATE, Served, serve
from typer.testing import Result

pytestmark = pytest.mark.xdist_group("cli")  # one platform serves all of this file

CONFIGURATION = """
version: 1
providers: {demo: {kind: demo}}
models:
  smart: {tier: premium, deployments: [{provider: demo, id: demo, region: local, price: {in: 1, out: 2}}]}
  "any-*": {deployments: [{provider: demo, id: "*", region: local, price: {in: 1, out: 2}}]}
chains: {careful: {try: [smart, any-thing]}}
use_cases: {default: {chain: careful}}
teams:
  filed: {budget: [5 USD/month, 1 USD/day], owner: lead@example.org, limits: {requests: 100/min}, use_cases: [default]}
"""
DOCUMENT = Path(__file__).parents[2] / "docs" / "cli.md"
Asking = Callable[..., Result]


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    directory = tmp_path_factory.mktemp("platform")
    (directory / "headgate.yaml").write_text(CONFIGURATION)
    with postgres.fresh_database() as url:
        served = serve(directory, {"HEADGATE_DATABASE_URL": url})
        try:
            yield served
        finally:
            served.stop()


@pytest.fixture
def ask(platform: Served) -> Asking:
    """Runs a command against the platform, as platform-admin or with another key."""

    def asking(*arguments: str, key: str = ADMIN_KEY) -> Result:
        return headgate(*arguments, HEADGATE_URL=platform.url, HEADGATE_ADMIN_KEY=key)

    return asking


@pytest.fixture
def team(ask: Asking, request: pytest.FixtureRequest) -> str:
    """A fresh team."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[-40:].strip("-")
    made = ask("teams", "create", name, "--budget", "500 USD/month", "--budget", "20 USD/day")
    assert made.exit_code == 0, made.output
    return name


def columns(line: str) -> list[str]:
    return re.split(r" {2,}", line.strip())


def call(platform: Served, key: str, prompt: str) -> tuple[str, int]:
    """The request id and the status of one call."""
    status, answer = platform.call("POST", "/v1/generate", {"prompt": prompt}, key)
    return answer["request_id"] if status == 200 else answer["headgate"]["request_id"], status


def test_a_new_key_is_alone_on_stdout_and_works(platform: Served, ask: Asking, team: str) -> None:
    made = ask("keys", "create", "--team", team, "--user", "anna", "--expires-in", "30d")
    assert made.exit_code == 0
    assert re.fullmatch(r"hg_\w+\n", made.stdout)
    assert "shown only this once" in made.stderr
    assert made.stdout.strip() not in made.stderr
    assert call(platform, made.stdout.strip(), "Say hello")[1] == 200


def test_keys_are_listed_with_their_state(ask: Asking, team: str) -> None:
    ask("keys", "create", "--team", team, "--expires-in", "30d")
    ask("keys", "create", "--team", team, "--role", "team-admin")
    data = json.loads(ask("keys", "list", "--team", team, "--json").stdout)
    assert ask("keys", "revoke", data[1]["id"]).exit_code == 0
    head, first, second = ask("keys", "list", "--team", team).stdout.splitlines()
    assert columns(head) == ["ID", "PREFIX", "ROLE", "TEAM", "PROJECT", "USER", "STATE"]
    assert columns(first)[:4] == [data[0]["id"], data[0]["prefix"], "member", team]
    assert re.fullmatch(r"active until \d{4}-\d\d-\d\d \d\d:\d\dZ", columns(first)[-1])
    assert re.fullmatch(r"revoked \d{4}-\d\d-\d\d \d\d:\d\dZ", columns(second)[-1])


def test_a_rotated_key_has_a_new_text_and_the_old_works_on(platform: Served, ask: Asking, team: str) -> None:
    made = json.loads(ask("keys", "create", "--team", team, "--json").stdout)
    rotated = ask("keys", "rotate", made["id"], "--overlap", "1h")
    assert rotated.exit_code == 0
    assert rotated.stdout.strip() != made["key"]
    for text in (made["key"], rotated.stdout.strip()):
        assert call(platform, text, "Say hello")[1] == 200


def test_a_revoked_key_is_refused_and_may_be_revoked_again(platform: Served, ask: Asking, team: str) -> None:
    made = json.loads(ask("keys", "create", "--team", team, "--json").stdout)
    first, again = (ask("keys", "revoke", made["id"]) for _ in range(2))
    assert (first.exit_code, first.stdout) == (0, "")
    assert first.stderr == again.stderr
    assert made["id"] in first.stderr
    assert call(platform, made["key"], "Say hello")[1] == 401


def test_a_limit_shows_the_first_and_says_that_there_are_more(ask: Asking, team: str) -> None:
    for _ in range(3):
        ask("keys", "create", "--team", team)
    shown = ask("keys", "list", "--team", team, "--limit", "2", "--json")
    assert len(json.loads(shown.stdout)) == 2
    assert shown.stderr == "Only the first 2 are shown; a higher --limit shows more.\n"
    assert ask("keys", "list", "--team", team, "--limit", "3").stderr == ""


def test_a_team_is_made_as_it_was_told(ask: Asking) -> None:
    options = ("--budget", "0.50 USD/day", "--requests", "60/min", "--tokens", "1k/min", "--parallel", "3")
    made = ask("teams", "create", "told", *options, "--use-case", "default", "--owner", "lead", "--json")
    assert made.exit_code == 0
    team = json.loads(made.stdout)
    assert [(one["period"], one["nano_usd"]) for one in team["budgets"]] == [("day", 500_000_000)]
    assert team["limits"] == {"requests": "60/min", "tokens": "1000/min", "parallel": 3}
    assert (team["use_cases"], team["owner"]) == (["default"], "lead")
    again = ask("teams", "create", "told")
    assert (again.exit_code, again.stdout) == (1, "")
    assert again.stderr == "There is a team 'told' already.\n"


def test_teams_are_listed_with_their_terms(ask: Asking) -> None:
    ask("teams", "create", "unbound", "--budget", "none", "--requests", "none")
    shown = ask("teams", "list").stdout.splitlines()
    assert columns(shown[0]) == ["TEAM", "BUDGET", "REQUESTS", "TOKENS", "PARALLEL", "USE CASES", "OWNER", "FROM"]
    lines = {columns(line)[0]: columns(line)[1:] for line in shown[1:]}
    assert lines["default"] == ["default", "default", "default", "default", "all", "store"]
    filed = ["5 USD/month, 1 USD/day", "100/min", "none", "none", "default", "lead@example.org"]
    assert lines["filed"][:-1] == filed
    assert lines["filed"][-1].startswith("headgate.yaml:")
    assert lines["unbound"] == ["none", "none", "none", "none", "all", "store"]
    assert {team["id"] for team in json.loads(ask("teams", "list", "--json").stdout)} >= lines.keys()


def test_models_are_listed_with_their_place_in_the_chain(ask: Asking) -> None:
    head, smart, other = ask("models", "list").stdout.splitlines()
    assert columns(head) == ["MODEL", "TIER", "STATUS", "TRIED"]
    assert columns(smart) == ["smart", "premium", "available", "1"]
    assert columns(other) == ["any-thing", "by pattern", "2"]
    assert json.loads(ask("models", "list", "--json").stdout)["fallback_chain"] == ["smart", "any-thing"]


def test_a_report_says_what_was_spent_on_what(platform: Served, ask: Asking, team: str) -> None:
    key = ask("keys", "create", "--team", team, "--user", "anna").stdout.strip()
    call(platform, key, "!usage in=1000 out=2000")
    shown = ask("report", team)
    assert shown.exit_code == 0
    known, parts = (part.splitlines() for part in shown.stdout.split("\n\n"))
    facts = dict(columns(line) for line in known)
    assert (facts["team"], facts["budget"]) == (team, "500 USD a month")
    assert facts["spent"] == "0.005 USD, which is 0.0 %"
    assert facts["remaining"] == "499.995 USD"
    assert columns(parts[0]) == ["BY", "NAME", "CALLS", "TOKENS IN", "TOKENS OUT", "SPENT USD"]
    assert columns(parts[1]) == ["project", "default", "1", "1,000", "2,000", "0.005"]
    assert [columns(line)[:2] for line in parts[2:4]] == [["user", "anna"], ["model", "smart"]]
    assert len({len(line) for line in parts}) == 1, "the columns stand under their heads"
    assert json.loads(ask("report", team, "--json").stdout)["spent_nano_usd"] == 5_000_000


def test_a_report_on_a_team_that_spent_nothing_is_its_budget_alone(ask: Asking, team: str) -> None:
    assert "\n\n" not in ask("report", team).stdout
    assert ask("report", "nobody").stderr == "There is no team 'nobody'.\n"


def test_a_request_is_shown_step_by_step(platform: Served, ask: Asking, team: str) -> None:
    key = ask("keys", "create", "--team", team).stdout.strip()
    request_id, status = call(platform, key, "!fail 500")
    assert status == 502
    shown = ask("requests", "show", request_id)
    assert shown.exit_code == 0
    known, steps, attempts = (part.splitlines() for part in shown.stdout.split("\n\n"))
    facts = dict(columns(line) for line in known)
    assert facts["request"] == request_id
    assert facts["outcome"] == "failed with status 502, provider_error"
    assert facts["caller"].startswith(f"{team}, project default, key key_")
    assert columns(steps[0]) == ["STEP", "OWN MS", "DECISION"]
    assert [columns(line)[0] for line in steps[1:3]] == ["permit", "admit"]
    assert columns(steps[-1])[0] == "close"
    assert all(re.fullmatch(r"[\d,]+\.\d{3}", columns(line)[1]) for line in steps[1:])
    data = json.loads(ask("requests", "show", request_id, "--json").stdout)
    assert [line.split(maxsplit=2)[2] for line in steps[1:]] == [step["decision"] for step in data["steps"]]
    assert len(attempts) - 1 == len(data["attempts"]) >= 1
    assert "failed, provider_error" in columns(attempts[1])


def test_a_request_that_is_not_there_is_a_failure(ask: Asking) -> None:
    shown = ask("requests", "show", "x")
    assert (shown.exit_code, shown.stdout, shown.stderr) == (1, "", "There is no request 'x'.\n")


def test_wrong_values_are_told_by_the_options_that_set_them(ask: Asking) -> None:
    shown = ask("teams", "create", "Wrong", "--requests", "fast", "--use-case", "A B", "--budget", "5")
    assert (shown.exit_code, shown.stdout) == (2, "")
    told = {line.partition(":")[0] for line in shown.stderr.splitlines()}
    assert told == {"TEAM", "--requests", "--use-case", "--budget"}
    assert ask("keys", "create", "--team", "default", "--expires-in", "3").stderr.startswith("--expires-in: '3' is")


def test_a_key_that_may_not_is_told_so(ask: Asking, team: str) -> None:
    member = ask("keys", "create", "--team", team).stdout.strip()
    shown = ask("teams", "create", "other", key=member)
    assert (shown.exit_code, shown.stdout) == (1, "")
    assert "ask a team-admin or platform-admin" in shown.stderr


def test_an_unknown_key_is_wrong_configuration(platform: Served, ask: Asking) -> None:
    shown = ask("models", "list", key="hg_unknown")
    assert (shown.exit_code, shown.stdout) == (2, "")
    assert shown.stderr.startswith(f"The platform at {platform.url} does not take the key in HEADGATE_ADMIN_KEY. ")


def test_on_a_terminal_sentences_are_broken_and_nothing_else_is(platform: Served, ask: Asking, team: str) -> None:
    key = ask("keys", "create", "--team", team).stdout.strip()
    request_id, _ = call(platform, key, "!fail 500")
    lines = on_terminal(platform, "requests", "show", request_id)
    said = [line for line in lines if line.startswith(" " * 10)]
    assert said, "the provider's sentence is longer than the terminal is wide"
    assert all(len(line) <= 60 for line in lines[lines.index("") : len(lines) - lines[::-1].index("")])
    keys = on_terminal(platform, "keys", "list", "--team", team)
    assert [columns(line) for line in keys] == [
        columns(line) for line in ask("keys", "list", "--team", team).stdout.splitlines()
    ]


def test_the_documentations_example_works_as_it_is_printed(platform: Served) -> None:
    (example,) = re.findall(r"```bash\n(.+?)```", DOCUMENT.read_text(), re.DOTALL)
    path = f"{Path(HEADGATE).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "HEADGATE_URL": platform.url, "HEADGATE_ADMIN_KEY": ADMIN_KEY}
    done = subprocess.run(["bash", "-euc", example + 'echo "$key"'], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "budget     500 USD a month" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("hg_")


def on_terminal(platform: Served, *arguments: str) -> list[str]:
    """The lines that a terminal of 60 columns is given, without the marks of bold type."""
    ours, theirs = pty.openpty()
    environment = {"HEADGATE_URL": platform.url, "HEADGATE_ADMIN_KEY": ADMIN_KEY, "COLUMNS": "60", "TERM": "xterm"}
    process = subprocess.Popen(
        [HEADGATE, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, **environment}
    )
    os.close(theirs)
    shown = b""
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        while part := _read(terminal.fileno()):
            shown += part
    assert process.wait(30) == 0
    text = shown.decode()
    assert "\x1b[1m" in text, "the head is bold"
    return [line.rstrip() for line in re.sub(r"\x1b\[[\d;]*m", "", text).splitlines()]


def _read(terminal: int) -> bytes:
    """What is there to read; nothing once the other end is closed, which Linux calls an error."""
    try:
        return os.read(terminal, 65_536)
    except OSError:
        return b""
