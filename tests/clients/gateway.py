"""A served Headgate with teams for everything that a client may run into, and what was asked of it."""

import itertools
import re
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import postgres
from tests.processes import Served, free_port, serve

CONFIGURATION = """
version: 1
providers:
  demo: {{kind: demo, breaker: {{failures: 1000}}}}
  away: {{kind: openai-like, base_url: "http://127.0.0.1:{nobody}/v1", breaker: {{failures: 1, open: 1h}}}}
models:
  demo: {{deployments: [{{provider: demo, id: demo, region: local, price: {{in: 1, out: 2}}}}]}}
  away: {{deployments: [{{provider: away, id: away, region: local, price: {{in: 1, out: 2}}}}]}}
  "*": {{deployments: [{{provider: demo, id: "*", region: local}}]}}
prices: {{default: {{in: 1, out: 2}}}}
chains:
  demo: {{try: [demo]}}
  away: {{try: [away]}}
use_cases:
  default: {{chain: demo}}
  {gone}: {{chain: away}}
teams:
  able: {{budget: none}}
  poor: {{budget: 0.000001 USD/day, owner: ann@example.org}}
"""
GONE = "held-back"
"""A use case whose only provider is held back by its breaker: 503, and an hour until the next try."""
SAY = {"model": "demo", "messages": [{"role": "user", "content": "hi"}]}
_COUNT = re.compile(r'headgate_http_requests_total{route="(/v1/[^"]+)",status="(\d+)"} (\d+)')


class Gateway:
    """A running Headgate, and a key of each of its teams."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.url = served.url
        self.keys = {team: served.key(team) for team in ("able", "poor")}
        self._teams = itertools.count(1)
        assert self.ask("able", model=GONE) == 502  # this one failure is what the breaker opens at
        assert self.ask("able", model=GONE) == 503

    def ask(self, team: str, model: str = "demo") -> int:
        """The status of a call."""
        return self.served.call("POST", "/v1/chat/completions", {**SAY, "model": model}, self.keys[team])[0]

    def limited(self, requests: int) -> str:
        """A fresh team, named `slow-...`, that may make so many `requests` a minute."""
        team = f"slow-{next(self._teams)}"
        self.keys[team] = self.served.key(team, budget="none", limits={"requests": f"{requests}/min"})
        return team

    def exhausted(self, requests: int) -> str:
        """A fresh team that has made the `requests` of its minute; the next must wait for a minute divided by them."""
        team = self.limited(requests)
        assert [self.ask(team) for _ in range(requests + 1)] == [200] * requests + [429]
        return team

    def asked(self, route: str) -> dict[int, int]:
        """How many exchanges of `route` there were so far, by status."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=30) as answer:
            text = answer.read().decode()
        return {int(status): int(count) for found, status, count in _COUNT.findall(text) if found == route}

    @contextmanager
    def counting(self, route: str) -> Iterator[dict[int, int]]:
        """Counts by status of the exchanges of `route` within this block, filled in at its end."""
        before, counts = self.asked(route), dict[int, int]()
        yield counts
        after = self.asked(route)
        counts.update({status: after[status] - before.get(status, 0) for status in after})
        for status in [status for status, count in counts.items() if not count]:
            del counts[status]


@contextmanager
def gateway(directory: Path) -> Iterator[Gateway]:
    """A Headgate served from `directory`."""
    written = CONFIGURATION.format(nobody=free_port(), gone=GONE)
    (directory / "headgate.yaml").write_text(written)
    with postgres.fresh_database() as url:
        served = serve(directory, {"HEADGATE_DATABASE_URL": url})
        try:
            yield Gateway(served)
        finally:
            if served.process.poll() is None:
                served.stop()
