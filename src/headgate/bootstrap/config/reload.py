"""The configuration in force, and its replacement as a transaction: a new one wholly, or the old one still."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

from headgate.bootstrap.config.loading import Configuration, load
from headgate.bootstrap.config.mistakes import ConfigurationRefused

WATCH_INTERVAL_S: Final = 1.0
_AT_START: Final = ("store", "server", "journal", "telemetry")
"""Sections that a running process does not take over."""

Signature = tuple[int, int, int]
"""Modification time in nanoseconds, size in bytes, and inode of a file."""


class Reload:
    """Holds the configuration in force.

    A request takes `current` once and keeps that snapshot.

    Args:
        path: the file; None is the built-in configuration, which never changes.
        environment: where `${env:}` looks.
        number: writes a configuration down and gives its version.
        apply: brings a configuration into force; what it raises keeps the old one.
        say: takes one line about each reload, and its level.
    """

    def __init__(
        self,
        path: Path | None,
        environment: Mapping[str, str],
        number: Callable[[Configuration], Awaitable[int]],
        apply: Callable[[Configuration], Awaitable[None]],
        say: Callable[[str, str], None],
    ) -> None:
        self._path = path
        self._environment = environment
        self._number = number
        self._apply = apply
        self._say = say
        self._current: Configuration | None = None
        self._applied: Signature | None = None
        self._seen: Signature | None = None
        self._last_said = ""
        self._one_at_a_time = asyncio.Lock()

    @property
    def current(self) -> Configuration:
        """The configuration in force; there is one once `load` has returned."""
        assert self._current is not None, "a configuration is loaded before it is asked for"
        return self._current

    async def load(self) -> Configuration:
        """Bring the file's configuration into force.

        Raises:
            ConfigurationRefused: it has mistakes.
            Exception: what numbering or applying it raised; whatever was in force still is.
        """
        async with self._one_at_a_time:
            signature = self._signature()
            loaded = load(self._path, self._environment)
            numbered = loaded.numbered(await self._number(loaded))
            await self._apply(numbered)
            self._current, self._applied = numbered, signature
            return numbered

    async def reload(self) -> bool:
        """Bring the file into force if it can be; else keep the old configuration and say why. SIGHUP calls it."""
        before = self.current
        signature = self._signature()
        try:
            after = await self.load()
        except ConfigurationRefused as refused:
            self._applied = signature  # until the file changes again
            self._say_once(f"kept configuration version {before.policy.version}: {refused.summary()}")
            return False
        except Exception as error:  # noqa: BLE001 - whatever failed, the old configuration stays and it is tried again
            self._say_once(f"kept configuration version {before.policy.version}: {type(error).__name__}: {error}")
            return False
        self._last_said = ""
        self._say(f"configuration version {after.policy.version} is in force ({after.origin})", "info")
        waiting = [name for name in _AT_START if getattr(before.document, name) != getattr(after.document, name)]
        if waiting:
            self._say(f"changes of {', '.join(waiting)} take effect at the next start", "warning")
        return True

    async def notice(self) -> bool:
        """Reload if the file changed and has stayed the same since the last look; True if a new one is in force."""
        signature = self._signature()
        settled, self._seen = signature == self._seen, signature
        if signature is None or signature == self._applied or not settled:
            return False
        return await self.reload()

    async def watch(self, interval_s: float = WATCH_INTERVAL_S) -> None:
        """Look at the file every `interval_s` seconds until cancelled."""
        while True:
            await asyncio.sleep(interval_s)
            await self.notice()

    def _signature(self) -> Signature | None:
        """None where there is no file to look at; one that was taken away leaves its configuration in force."""
        if self._path is None:
            return None
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _say_once(self, line: str) -> None:
        if line != self._last_said:
            self._say(line, "warning")
            self._last_said = line
