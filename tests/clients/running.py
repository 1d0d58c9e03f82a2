"""Clients as processes of their own, and what a person sees of them."""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from headgate.cli.clients import CLIENTS, KEY, text_for, variables_for

GOLDEN = Path(__file__).with_name("golden")
TIMEOUT_S = 240
_HIDDEN = {
    r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}": "REQUEST_ID",
    r"demo-\d+": "demo-N",
    r"\d{4}-\d\d-\d\dT[\d:.]+Z": "TIME",
    r"127\.0\.0\.1:\d+": "127.0.0.1:4100",
    r"up to \d+\.\d+ USD": "up to N USD",
    r"slow-\d+": "slow",
    r"again in [\d.]+ s": "again in N s",
    r"(['\"]headgate['\"]: ?)\{[^{}]*\}": r"\1{...}",
}
"""What differs from run to run, and what stands for it."""


@dataclass(frozen=True)
class Shown:
    """What a client printed, and its exit status."""

    status: int
    out: str
    words: str

    @property
    def all(self) -> str:
        """Everything that a terminal would show."""
        return f"{self.out}\n{self.words}".strip()


class Runner:
    """Runs clients in an empty home and an empty working folder."""

    def __init__(self, directory: Path) -> None:
        self.home, self.folder = directory / "home", directory / "work"
        self.home.mkdir()
        self.folder.mkdir()

    def run(self, command: list[str], environment: dict[str, str]) -> Shown:
        """What `command` shows with `environment` alone."""
        base = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LANG": "C.UTF-8"}
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**base, **environment},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            stdin=subprocess.DEVNULL,
        )
        return Shown(done.returncode, done.stdout, done.stderr)


def variables(client: str, url: str, key: str) -> dict[str, str]:
    """The environment that `headgate connect` gives for `client`, with `key` in it."""
    given = variables_for(CLIENTS[client], url)
    return {name: key if value == KEY else value for name, value in given.items()}


def text(client: str, url: str) -> str:
    """The text that `headgate connect` gives for `client`."""
    return text_for(CLIENTS[client], url, None)


def steady(shown: str) -> str:
    """`shown` without what differs from run to run."""
    for found, stands in _HIDDEN.items():
        shown = re.sub(found, stands, shown)
    return shown


def agrees(client: str, shown: dict[int, str]) -> None:
    """Hold what a person sees for each status against the golden file; `HEADGATE_WRITE_GOLDEN=1` writes it anew."""
    written = "\n".join(f"{status}: {steady(said)}" for status, said in shown.items()) + "\n"
    golden = GOLDEN / f"{client}.txt"
    if os.environ.get("HEADGATE_WRITE_GOLDEN"):
        GOLDEN.mkdir(exist_ok=True)
        golden.write_text(written)
    assert written == golden.read_text(), "docs/clients.md and this golden file say what the client shows"
