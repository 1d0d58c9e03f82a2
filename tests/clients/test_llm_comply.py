"""`llm-comply`, which holds an endpoint against the providers' own descriptions of their API."""

import json

import pytest
from tests.clients import environments
from tests.clients.environments import INSTALLED
from tests.clients.gateway import Gateway
from tests.clients.running import Runner

pytestmark = pytest.mark.clients
FORMATS = {"openai-chat": "gpt-5", "open-responses": "gpt-5", "anthropic": "claude-sonnet-4"}
"""Formats, each with a model's name from which `llm-comply` concludes that it reasons; the demo takes any name."""
WITHOUT_MODEL = "a call without a model is no mistake here: the chain of its use case answers it"
EXCEPTIONS = {
    "openai-chat": {"chat-error-handling": WITHOUT_MODEL},
    "open-responses": {
        "error-handling": WITHOUT_MODEL,
        "compact-response": "conversations are not compacted: there is nothing at /v1/responses/compact",
    },
    "anthropic": {
        "anth-error-handling": "a call without max_tokens is no mistake here: the deployment's own limit holds",
    },
}


@pytest.mark.parametrize("wire", FORMATS)
def test_every_check_passes_but_the_exceptions(served: Gateway, runner: Runner, wire: str) -> None:
    environments.python("llm-comply")
    program = str(INSTALLED / "llm-comply" / "bin" / "llm-comply")
    command = [program, "--base-url", f"{served.url}/v1", "--api-key", served.keys["able"], "--format", wire, "--json"]
    shown = runner.run([*command, "--model", FORMATS[wire]], {})
    results = json.loads(shown.out)["results"]
    assert len(results) >= 9
    wrong = {each["id"]: each for each in results if each["status"] != "passed" or each.get("warnings")}
    assert wrong.keys() == EXCEPTIONS[wire].keys(), wrong
