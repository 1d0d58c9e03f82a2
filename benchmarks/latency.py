"""How much later does an answer come than through a bare pass-through, at 100/s and at half of saturation?"""

import os

from benchmarks.load import Plan
from benchmarks.overhead import CONFIGURATION, CONNECTIONS, body
from benchmarks.processes import headgate, load, part, scratch

REQUESTS = int(os.environ.get("BENCH_LATENCY", "2000"))


def main() -> dict[str, float]:
    """Milliseconds added at the median and the 99th percentile."""
    figures: dict[str, float] = {}
    with part("upstream") as (_, upstream), scratch() as directory:
        with (
            part("relay", f"http://127.0.0.1:{upstream}") as (_, relay),
            headgate(CONFIGURATION.format(port=upstream), directory) as platform,
        ):
            urls = {
                "relay": (f"http://127.0.0.1:{relay}/v1/chat/completions", {}),
                "headgate": (
                    f"http://127.0.0.1:{platform.port}/v1/chat/completions",
                    {"authorization": f"Bearer {platform.key}"},
                ),
            }
            url, headers = urls["headgate"]
            full = load(Plan(url, body(stream=False), headers, CONNECTIONS, REQUESTS))
            saturation = REQUESTS / full.seconds
            figures["saturation, requests/s"] = saturation
            for name, rate in (("100/s", 100.0), ("half of saturation", saturation / 2)):
                seen = {
                    target: load(Plan(url, body(stream=False), headers, CONNECTIONS, REQUESTS, rate))
                    for target, (url, headers) in urls.items()
                }
                figures[f"added p50 at {name}, ms"] = seen["headgate"].p50_ms - seen["relay"].p50_ms
                figures[f"added p99 at {name}, ms"] = seen["headgate"].p99_ms - seen["relay"].p99_ms
    return figures
