"""Each step of each chain that `headgate init` writes is taken down, and the next one answers, streamed and whole."""

import asyncio
import json
import urllib.request
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import yaml
from tests import postgres
from tests.processes import Served, free_port, serve

from headgate.cli.init import STARTER
from headgate.pool.providers.demo.engine import Engine
from headgate.pool.providers.demo.server import serving

STARTED = yaml.safe_load(STARTER)
USE_CASES = sorted(STARTED["use_cases"])


def configuration(ports: dict[str, int]) -> str:
    """What `headgate init` writes, with a provider of its own on loopback for each model."""
    document = json.loads(json.dumps(STARTED))
    document["providers"] = {}
    for name, model in document["models"].items():
        (deployment,) = model["deployments"]
        kind = STARTED["providers"][deployment["provider"]]["kind"]
        base_url = f"http://127.0.0.1:{ports[name]}" + ("/v1" if kind == "openai" else "")
        document["providers"][name] = {"kind": kind, "key": "${env:SIMULATOR_KEY}", "base_url": base_url}
        deployment["provider"] = name
    return yaml.safe_dump(document)


def answered_by(served: Served, key: str, use_case: str, *, stream: bool) -> tuple[str, str]:
    """The model that answered, and how many were tried before it."""
    body = {"model": use_case, "stream": stream, "messages": [{"role": "user", "content": "hello"}]}
    request = urllib.request.Request(
        f"{served.url}/v1/chat/completions",
        json.dumps(body).encode(),
        {"authorization": f"Bearer {key}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        text = answer.read()
        assert b"hello" in text or b"Hello" in text or b"content" in text
        return answer.headers["x-headgate-deployment"].split("/")[0], answer.headers["x-headgate-fallbacks"]


@pytest.mark.parametrize("use_case", USE_CASES)
async def test_the_next_step_of_a_chain_answers_where_those_before_it_are_down(use_case: str, tmp_path: Path) -> None:
    chain = STARTED["chains"][STARTED["use_cases"][use_case]["chain"]]["try"]
    ports = {name: free_port() for name in STARTED["models"]}
    (tmp_path / "headgate.yaml").write_text(configuration(ports))
    with postgres.fresh_database() as url:
        served = await asyncio.to_thread(serve, tmp_path, {"HEADGATE_DATABASE_URL": url, "SIMULATOR_KEY": "sim"})
        try:
            key = await asyncio.to_thread(served.key, "chains")
            for down in range(len(chain)):
                async with AsyncExitStack() as up:
                    for name in chain[down:]:
                        await up.enter_async_context(serving(Engine(), ports[name]))
                    for stream in (False, True):
                        found = await asyncio.to_thread(answered_by, served, key, use_case, stream=stream)
                        assert found == (chain[down], str(down)), f"step {down} of {use_case}"
        finally:
            await asyncio.to_thread(served.stop)
