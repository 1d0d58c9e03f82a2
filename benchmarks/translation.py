"""What does crossing wire formats cost? CPU of a 50-event stream that is translated, above one that is passed on."""

import os
import statistics

import msgspec

from benchmarks.load import Plan
from benchmarks.overhead import CONFIGURATION, CONNECTIONS, PROMPT, ROUNDS, body, cost
from benchmarks.processes import headgate, part, scratch

STREAMS = int(os.environ.get("BENCH_STREAMS", "1000"))


def messages() -> str:
    """The same request as Anthropic's clients send it, which its provider speaks as OpenAI's chat."""
    asked = {
        "model": "static",
        "messages": [{"role": "user", "content": PROMPT}],
        "max_tokens": 256,
        "stream": True,
    }
    return msgspec.json.encode(asked).decode()


def responses() -> str:
    """The same request as OpenAI's responses have it."""
    asked = {"model": "static", "input": PROMPT, "max_output_tokens": 256, "stream": True, "store": False}
    return msgspec.json.encode(asked).decode()


def main() -> dict[str, float]:
    """Print the table and return its figures."""
    surfaces = {
        "chat, passed on": ("/v1/chat/completions", body(stream=True)),
        "messages, translated": ("/v1/messages", messages()),
        "responses, translated": ("/v1/responses", responses()),
    }
    figures: dict[str, list[float]] = {name: [] for name in surfaces}
    with part("upstream") as (_, upstream), scratch() as directory:
        with headgate(CONFIGURATION.format(port=upstream), directory) as platform:
            headers = {"authorization": f"Bearer {platform.key}"}
            for number in range(ROUNDS + 1):
                for name, (path, asked) in surfaces.items():
                    url = f"http://127.0.0.1:{platform.port}{path}"
                    requests = STREAMS if number else STREAMS // 10  # the first round only warms up
                    found = cost(platform.pid, Plan(url, asked, headers, CONNECTIONS, requests))
                    if number:
                        figures[name].append(found.cpu_us)
    medians = {f"{name} us": statistics.median(values) for name, values in figures.items()}
    passed_on = medians["chat, passed on us"]
    for name in ("messages", "responses"):
        medians[f"{name} above passed on us"] = medians[f"{name}, translated us"] - passed_on
    return medians


if __name__ == "__main__":
    for name, value in main().items():
        print(f"{name:32} {value:9.2f}")
