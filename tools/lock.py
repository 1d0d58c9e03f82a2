"""Pins every dependency with its hashes and without naming an index: `make lock`."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAIRS = (("pyproject.toml", "run.txt"), ("requirements/build.in", "build.txt"), ("requirements/dev.in", "dev.txt"))


def main() -> None:
    """Write each lock file from its source."""
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "uv"], check=True)
    for source, target in PAIRS:
        command = [
            sys.executable,
            "-m",
            "uv",
            "pip",
            "compile",
            "-q",
            "--universal",
            "--generate-hashes",
            "--no-header",
        ]
        command += ["--no-emit-index-url", "--no-emit-find-links", "--no-annotate", "--python-version", "3.11"]
        subprocess.run([*command, "-o", f"requirements/{target}", source], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
