"""A process that adopts what it finds and says how far it came: `python -m tests.rooms.journal.adopting URL ROOT`."""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.rooms.journal.samples import book, spend

from headgate.journal.adoption import adopt_orphans
from headgate.journal.projection import Books
from headgate.journal.records import AttemptClose
from headgate.kit.clock import SystemClock
from headgate.storage.postgres.connecting import Connection
from headgate.storage.postgres.database import Database


async def _book(connection: Connection, closes: Sequence[AttemptClose]) -> list[AttemptClose]:
    os.write(1, b"booking\n")
    return await book(connection, closes)


async def _settle(connection: Connection, incarnation: str, closes: Sequence[AttemptClose]) -> None:
    os.write(1, b"settling\n")
    await spend(connection, incarnation, closes)


async def _release(connection: Connection, incarnation: str) -> None:
    os.write(1, b"releasing\n")


async def _adopt(url: str, root: Path) -> None:
    database = await Database.open(url)
    await adopt_orphans(root, database, Books(_book, _settle, _release), SystemClock())
    await database.close()


if __name__ == "__main__":
    asyncio.run(_adopt(sys.argv[1], Path(sys.argv[2])))
