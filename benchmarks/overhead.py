"""What does the spine cost a request? CPU above a bare pass-through of the same run, whole and streamed."""

import os
import statistics
from typing import NamedTuple

import msgspec

from benchmarks.load import Plan, Seen
from benchmarks.processes import cpu_s, headgate, load, part, scratch

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
WHOLE = int(os.environ.get("BENCH_WHOLE", "10000"))
STREAMS = int(os.environ.get("BENCH_STREAMS", "1000"))
CONNECTIONS = 64
PROMPT = "Summarise the following notes for a colleague who was not there. " * 14

CONFIGURATION = """
version: 1
providers:
  static: {{kind: openai-like, base_url: "http://127.0.0.1:{port}"}}
models:
  static: {{deployments: [{{provider: static, id: static, region: local, price: {{in: 1, out: 2}}}}]}}
use_cases:
  default: {{chain: plain}}
chains:
  plain: {{try: [static]}}
teams:
  bench:
    budget: [100000 USD/day, 1000000 USD/month]
    limits: {{requests: 10M/min, tokens: 1000M/min, parallel: 1000}}
"""


class Cost(NamedTuple):
    """CPU microseconds a request, and what the load saw."""

    cpu_us: float
    seen: Seen


def body(*, stream: bool) -> str:
    """One chat request of about a kilobyte."""
    request = {
        "model": "static",
        "messages": [{"role": "user", "content": PROMPT}],
        "max_tokens": 256,
        "stream": stream,
    }
    return msgspec.json.encode(request).decode()


def cost(pid: int, plan: Plan) -> Cost:
    """Send the plan's load and divide the process's CPU by its requests."""
    before = cpu_s(pid)
    seen = load(plan)
    if set(seen.statuses) != {200}:
        raise RuntimeError(f"the load saw {seen.statuses}")
    return Cost((cpu_s(pid) - before) / plan.requests * 1e6, seen)


def main() -> dict[str, float]:
    """Print the table and return its figures."""
    figures: dict[str, list[float]] = {}
    with part("upstream") as (_, upstream), scratch() as directory:
        with (
            part("relay", f"http://127.0.0.1:{upstream}") as (relay_pid, relay),
            headgate(CONFIGURATION.format(port=upstream), directory) as platform,
        ):
            targets = (
                ("relay", relay_pid, f"http://127.0.0.1:{relay}/v1/chat/completions", {}),
                (
                    "headgate",
                    platform.pid,
                    f"http://127.0.0.1:{platform.port}/v1/chat/completions",
                    {"authorization": f"Bearer {platform.key}"},
                ),
            )
            for stream, requests in ((False, WHOLE), (True, STREAMS)):
                for number in range(ROUNDS + 1):
                    for name, pid, url, headers in targets:
                        plan = Plan(
                            url, body(stream=stream), headers, CONNECTIONS, requests if number else requests // 10
                        )
                        found = cost(pid, plan)
                        if number:  # the first round only warms up
                            figures.setdefault(f"{name} {'stream' if stream else 'whole'} us", []).append(found.cpu_us)
    medians = {name: statistics.median(values) for name, values in figures.items()}
    medians["above relay, whole us"] = medians["headgate whole us"] - medians["relay whole us"]
    medians["stream ratio"] = medians["headgate stream us"] / medians["relay stream us"]
    return medians


if __name__ == "__main__":
    for name, value in main().items():
        print(f"{name:28} {value:9.2f}")
