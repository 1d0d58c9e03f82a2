"""Reload is a transaction: a new configuration comes into force wholly, or the old one stays."""

import asyncio
import os
from pathlib import Path

import pytest

from headgate.bootstrap.config.loading import Configuration
from headgate.bootstrap.config.mistakes import ConfigurationRefused
from headgate.bootstrap.config.reload import Reload

FIRST, SECOND, WRONG = b"version: 1\n", b"version: 1\nteams: {alpha: {}}\n", b"version: 1\nteamz: {}\n"


class House:
    """What a reload acts on: it numbers, applies and says."""

    def __init__(self, path: Path | None) -> None:
        self.digests: list[str] = []
        self.applied: list[Configuration] = []
        self.said: list[str] = []
        self.failure: Exception | None = None
        self.came = asyncio.Event()
        self.reload = Reload(path, {}, self.number, self.apply, lambda line, _: self.said.append(line))

    async def number(self, configuration: Configuration) -> int:
        digest = configuration.policy.digest
        if digest not in self.digests:
            self.digests.append(digest)
        return self.digests.index(digest) + 1

    async def apply(self, configuration: Configuration) -> None:
        if self.failure is not None:
            raise self.failure
        self.applied.append(configuration)
        self.came.set()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "headgate.yaml"
    file.write_bytes(FIRST)
    return file


def write(path: Path, raw: bytes) -> None:
    path.write_bytes(raw)


def remove(path: Path) -> None:
    path.unlink()


def replace(path: Path, raw: bytes) -> None:
    """Put another file in the place of `path`, with the same time."""
    before = path.stat()
    other = path.with_name("other.yaml")
    other.write_bytes(raw)
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.rename(path)


async def settled(house: House) -> bool:
    """Two looks at the file: the first sees a change, the second that it has ended."""
    return await house.reload.notice() or await house.reload.notice()


async def test_a_changed_file_comes_into_force_under_its_number(path: Path) -> None:
    house = House(path)
    snapshot = (await house.reload.load()).policy
    assert not await settled(house), "nothing changed"
    write(path, SECOND)
    assert await settled(house)
    assert house.reload.current.policy.version == 2
    assert [team.id for team in house.reload.current.settings.teams] == ["alpha"]
    assert snapshot.version == 1, "a request in flight keeps the snapshot it began with"
    assert house.said == [f"configuration version 2 is in force ({path})"]


async def test_a_file_with_a_mistake_keeps_the_old_configuration_and_says_so_once(path: Path) -> None:
    house = House(path)
    before = await house.reload.load()
    write(path, WRONG)
    assert not await settled(house)
    assert not await settled(house)
    assert house.reload.current is before
    assert len(house.said) == 1
    assert house.said[0].startswith(f"kept configuration version 1: {path}:2:1: error: unknown key 'teamz'")
    write(path, SECOND)
    assert await settled(house)


async def test_a_failed_application_keeps_the_old_configuration_and_is_tried_again(path: Path) -> None:
    house = House(path)
    before = await house.reload.load()
    house.failure = RuntimeError("the database is away")
    write(path, SECOND)
    assert not await settled(house)
    assert not await settled(house)
    assert house.reload.current is before
    assert house.said == ["kept configuration version 1: RuntimeError: the database is away"]
    house.failure = None
    assert await settled(house)


async def test_a_file_that_is_still_being_written_is_left_alone(path: Path) -> None:
    house = House(path)
    await house.reload.load()
    write(path, WRONG)
    assert not await house.reload.notice()
    write(path, SECOND)
    assert not await house.reload.notice()
    assert house.said == []
    assert await house.reload.notice()


async def test_a_replaced_file_of_the_same_size_and_time_is_noticed(path: Path) -> None:
    house = House(path)
    await house.reload.load()
    replace(path, b"version:  1")
    assert await settled(house)


async def test_a_file_that_was_taken_away_leaves_its_configuration_in_force(path: Path) -> None:
    house = House(path)
    before = await house.reload.load()
    remove(path)
    assert not await settled(house)
    assert house.reload.current is before


async def test_a_signal_reloads_a_file_that_did_not_change(path: Path) -> None:
    house = House(path)
    await house.reload.load()
    assert await house.reload.reload()
    assert len(house.applied) == 2
    assert house.reload.current.policy.version == 1


async def test_sections_of_the_start_are_said_to_wait(path: Path) -> None:
    house = House(path)
    await house.reload.load()
    write(path, FIRST + b"server: {port: 4200}\n")
    assert await settled(house)
    assert house.said[-1] == "changes of server take effect at the next start"


async def test_watching_notices_by_itself(path: Path) -> None:
    house = House(path)
    await house.reload.load()
    house.came.clear()
    watching = asyncio.create_task(house.reload.watch(interval_s=0.01))
    try:
        write(path, SECOND)
        await asyncio.wait_for(house.came.wait(), timeout=10)
    finally:
        watching.cancel()


async def test_a_first_load_with_a_mistake_is_raised(path: Path) -> None:
    write(path, WRONG)
    with pytest.raises(ConfigurationRefused):
        await House(path).reload.load()


async def test_the_built_in_configuration_never_changes() -> None:
    house = House(None)
    await house.reload.load()
    assert not await settled(house)
