"""Pins every dependency with its hashes and without naming an index: `make lock`."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAIRS = (("pyproject.toml", "run.txt"), ("requirements/build.in", "build.txt"), ("requirements/dev.in", "dev.txt"))
CLIENTS = ROOT / "tests" / "clients"


def main() -> None:
    """Write each lock file from its source."""
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "uv"], check=True)
    of_clients = [str(path.parent.relative_to(ROOT)) for path in sorted(CLIENTS.glob("*/requirements.in"))]
    pairs = [(f"{folder}/requirements.in", f"{folder}/requirements.txt") for folder in of_clients]
    for source, target in [*((source, f"requirements/{target}") for source, target in PAIRS), *pairs]:
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
        subprocess.run([*command, "-o", target, source], cwd=ROOT, check=True)
    lock_node_clients()


def lock_node_clients() -> None:
    """Write the lock files of the clients that npm installs."""
    if shutil.which("npm") is None:
        sys.exit(
            "npm is not on the PATH, so the lock files of Node's clients stay as they are; install Node 20 with npm."
        )
    for path in sorted(CLIENTS.glob("*/package.json")):
        command = ["npm", "install", "--package-lock-only", "--omit-lockfile-registry-resolved"]
        subprocess.run([*command, "--no-audit", "--no-fund"], cwd=path.parent, check=True)


if __name__ == "__main__":
    main()
