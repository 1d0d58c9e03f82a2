"""Runs the benchmarks that are named, or all, and prints a table and the same as JSON: `make bench`."""

import json
import platform
import sys
from importlib import import_module

QUESTIONS = ("startup", "overhead", "translation", "blocking", "latency", "memory")


def main() -> None:
    """Ask each question in turn."""
    found: dict[str, dict[str, float]] = {}
    for question in sys.argv[1:] or QUESTIONS:
        module = import_module(f"benchmarks.{question}")
        print(f"\n{module.__doc__}", flush=True)
        found[question] = module.main()
        for name, value in found[question].items():
            print(f"  {name:44} {value:10.2f}", flush=True)
    print("\n" + json.dumps({"python": platform.python_version(), "machine": platform.machine(), **found}))


if __name__ == "__main__":
    main()
