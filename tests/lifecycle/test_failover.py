"""A deployment is killed under load: whoever had no answer yet gets one from the next, and a cut stream says so."""

import json
import subprocess
import threading
import urllib.error
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from tests import postgres
from tests.processes import HEADGATE, Served, answers, serve, wait_for

CALLS = 200
AT_ONCE = 16
KILLED_AFTER = 60

CONFIGURATION = """
version: 1
providers:
  first: {{kind: openai-like, base_url: "{first}/v1"}}
  second: {{kind: openai-like, base_url: "{second}/v1"}}
models:
  demo:
    deployments:
      - {{provider: first, id: demo, region: local, price: {{in: 1, out: 2}}}}
      - {{provider: second, id: demo, region: local, price: {{in: 1, out: 2}}}}
"""


class Simulated:
    """`headgate simulate` as a process that can be killed."""

    def __init__(self) -> None:
        command = [HEADGATE, "simulate", "--port", "0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().decode().strip()
        wait_for(lambda: answers(f"{self.url}/billing"), "headgate simulate")

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()


class Seen(NamedTuple):
    """What a caller received."""

    status: int
    deployment: str
    finished: bool
    error: str


def called(served: Served, key: str, *, stream: bool) -> Seen:
    content = "!pace 10ms\n!tokens 20" if stream else "!delay 50ms\nhello"
    body: dict[str, Any] = {"model": "demo", "stream": stream, "messages": [{"role": "user", "content": content}]}
    request = urllib.request.Request(
        f"{served.url}/v1/chat/completions",
        json.dumps(body).encode(),
        {"authorization": f"Bearer {key}", "content-type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            text, deployment = answer.read().decode(), answer.headers["x-headgate-deployment"]
    except urllib.error.HTTPError as error:
        return Seen(error.code, "", False, error.read().decode())
    if not stream:
        return Seen(200, deployment, json.loads(text)["choices"][0]["finish_reason"] == "stop", "")
    frames = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
    finished = any(choice["finish_reason"] for frame in frames for choice in frame.get("choices", ()))
    error = next((frame["error"]["message"] for frame in frames if "error" in frame), "")
    return Seen(200, deployment, finished, error)


def test_a_deployment_killed_under_load_costs_no_answer_that_had_not_begun(tmp_path: Path) -> None:
    first, second = Simulated(), Simulated()
    (tmp_path / "headgate.yaml").write_text(CONFIGURATION.format(first=first.url, second=second.url))
    seen: list[Seen] = []
    enough = threading.Event()

    def one(number: int) -> None:
        seen.append(called(served, key, stream=number % 2 == 0))
        if len(seen) >= KILLED_AFTER:
            enough.set()

    with postgres.fresh_database() as url:
        served = serve(tmp_path, {"HEADGATE_DATABASE_URL": url})
        try:
            key = served.key("failover")
            with ThreadPoolExecutor(AT_ONCE) as callers:
                running = [callers.submit(one, number) for number in range(CALLS)]
                assert enough.wait(60)
                first.kill()
                for each in running:
                    each.result(60)
        finally:
            served.stop()
            for simulated in (first, second):
                if simulated.process.poll() is None:
                    simulated.kill()
    assert {one.status for one in seen} == {200}
    whole = [one for one in seen if one.finished]
    cut = [one for one in seen if not one.finished]
    assert len(whole) + len(cut) == CALLS
    assert not any(one.error for one in whole)
    assert all("first/demo broke off its answer" in one.error for one in cut), cut
    assert len(cut) <= AT_ONCE
    assert Counter(one.deployment for one in whole)["second/demo"] >= CALLS - KILLED_AFTER - AT_ONCE
