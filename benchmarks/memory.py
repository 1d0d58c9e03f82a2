"""Does memory stay flat? Resident memory of the worker after start, and as requests go by."""

import os

from benchmarks.load import Plan
from benchmarks.overhead import CONFIGURATION, CONNECTIONS, body
from benchmarks.processes import headgate, load, part, resident_mb, scratch

REQUESTS = int(os.environ.get("BENCH_MEMORY", "200000"))


def main() -> dict[str, float]:
    """Megabytes."""
    figures: dict[str, float] = {}
    with part("upstream") as (_, upstream), scratch() as directory:
        with headgate(CONFIGURATION.format(port=upstream), directory) as platform:
            figures["resident after start, MB"] = resident_mb(platform.pid)
            url = f"http://127.0.0.1:{platform.port}/v1/chat/completions"
            headers = {"authorization": f"Bearer {platform.key}"}
            for step in range(1, 5):
                load(Plan(url, body(stream=False), headers, CONNECTIONS, REQUESTS // 4))
                figures[f"resident after {step * REQUESTS // 4} requests, MB"] = resident_mb(platform.pid)
    return figures
