"""`headgate connect`: what it prints is ready to be pasted, and says where to."""

import ast
import json
import tomllib

import pytest
from tests.cli.running import headgate

from headgate.cli.clients import CLIENTS

ELSEWHERE = "https://ai.example.org"


def test_without_a_name_the_clients_are_listed() -> None:
    shown = headgate("connect")
    assert [line.split()[0] for line in shown.stdout.splitlines()] == ["CLIENT", *CLIENTS]
    listed = json.loads(headgate("connect", "--json").stdout)
    assert [(one["client"], one["title"]) for one in listed] == [(name, one.title) for name, one in CLIENTS.items()]


def test_lines_for_the_shell_are_data_and_what_to_do_is_words() -> None:
    shown = headgate("connect", "claude-code")
    assert shown.exit_code == 0
    assert shown.stdout == (
        "export ANTHROPIC_BASE_URL=http://127.0.0.1:4100\nexport ANTHROPIC_AUTH_TOKEN=$HEADGATE_KEY\n"
    )
    assert shown.stderr == ("HEADGATE_KEY holds a virtual key; `headgate keys create --team TEAM` makes one.\n")


def test_a_file_is_whole_and_its_place_is_told() -> None:
    shown = headgate("connect", "codex", "--model", "smart", HEADGATE_URL=ELSEWHERE)
    assert shown.stderr.startswith("Put this into ~/.codex/config.toml. ")
    assert tomllib.loads(shown.stdout) == {
        "model": "smart",
        "model_provider": "headgate",
        "model_providers": {
            "headgate": {
                "name": "Headgate",
                "base_url": f"{ELSEWHERE}/v1",
                "env_key": "HEADGATE_KEY",
                "wire_api": "responses",
            }
        },
    }


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("url", [ELSEWHERE, f"{ELSEWHERE}/", f"{ELSEWHERE}/v1", f"{ELSEWHERE}/v1/"])
def test_every_client_is_pointed_at_the_platform_whose_address_is_set(client: str, url: str) -> None:
    shown = json.loads(headgate("connect", client, "--model", "smart", "--json", HEADGATE_URL=url).stdout)
    assert shown["client"] == client
    assert f'{ELSEWHERE}/v1"' in shown["text"] or "openai" not in client
    assert "/v1/v1" not in json.dumps(shown)
    assert "smart" in shown["text"]
    assert "HEADGATE_KEY" in shown["text"]
    assert "{" not in shown["text"] or shown["language"] in ("python", "javascript")
    for name, value in shown["variables"].items():
        expected = f"{ELSEWHERE}/v1" if name == "OPENAI_BASE_URL" else ELSEWHERE
        assert value == (expected if name.endswith("_URL") else "$HEADGATE_KEY")
    if shown["language"] == "python":
        ast.parse(shown["text"])


def test_a_model_is_named_to_a_client_that_otherwise_names_its_own() -> None:
    lines = headgate("connect", "claude-code", "--model", "smart").stdout.splitlines()
    assert lines[2:] == ["export ANTHROPIC_MODEL=smart", "export ANTHROPIC_DEFAULT_HAIKU_MODEL=smart"]


@pytest.mark.parametrize(
    ("words", "url", "told"),
    [
        (("opnai",), "", "There is no client 'opnai'. Did you mean 'openai'? `headgate connect` lists them.\n"),
        (("emacs",), "", "There is no client 'emacs'. `headgate connect` lists them.\n"),
        (("openai", "--model", 'a"b'), "", "--model holds characters that need quoting; "),
        (("openai", "--model", ""), "", "--model holds characters that need quoting; "),
        (("openai",), "127.0.0.1:4100", "HEADGATE_URL is not the address of a platform; "),
        (("openai",), "http://host/$(id)", "HEADGATE_URL is not the address of a platform; "),
    ],
)
def test_wrong_use_is_told_and_nothing_is_printed(words: tuple[str, ...], url: str, told: str) -> None:
    shown = headgate("connect", *words, HEADGATE_URL=url)
    assert (shown.exit_code, shown.stdout) == (2, "")
    assert shown.stderr.startswith(told)
