"""Adoption: what a dead worker's journal left open is closed, projected, and its money released."""

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import psycopg

from headgate.domain.answer import Basis, Outcome
from headgate.domain.usage import Usage
from headgate.journal import store
from headgate.journal.frames import Frame, UnreadableFrame, decode, encode, survey
from headgate.journal.incarnation import Incarnation
from headgate.journal.projection import Books, Projection
from headgate.journal.records import AttemptClose, AttemptOpen, Body, Close, Step
from headgate.journal.segments import Segments
from headgate.kit.clock import Clock
from headgate.storage.postgres.database import Database

INTERRUPTED: Final = "interrupted"
"""The code of attempts and requests that a dead worker left open."""
_SENTENCE: Final = "the process ended before the answer did; what is not known to be cheaper is charged at its bound"
_log = logging.getLogger(__name__)


async def adopt_orphans(root: Path, database: Database, books: Books, clock: Clock) -> int:
    """Adopt every journal under `root` that no living worker holds; the attempts that had to be charged at their bound.

    A journal that cannot be read or projected, or that a newer Headgate wrote, stays where it is and is reported: what
    it leased counts as spent.

    Raises:
        DatabaseAway: the rest stays for the next start.
    """
    reserved = 0
    for orphan in Incarnation.orphans(root):
        try:
            reserved += await _adopt(orphan, database, books, clock)
        except (UnreadableFrame, OSError, psycopg.Error) as error:
            _log.critical("the journal in %s cannot be adopted: %s", orphan.directory, error)
            orphan.release()
        except BaseException:
            orphan.release()
            raise
    return reserved


async def _adopt(orphan: Incarnation, database: Database, books: Books, clock: Clock) -> int:
    segments = Segments(orphan.directory, clock)
    try:
        async with database.system() as connection:
            await store.register(connection, orphan.id, orphan.node, str(orphan.directory))
        reserved = close_unfinished(segments, clock)
        projection = Projection(database, orphan.id, segments, books, clock)
        await projection.finish()
    finally:
        segments.close()
    leave(orphan, projection)
    _log.info("adopted journal %s: %d attempts were open and are charged at their bound", orphan.id, reserved)
    return reserved


def leave(incarnation: Incarnation, projection: Projection) -> None:
    """Remove the directory of a finished incarnation, or keep it for a person to look at where it was damaged."""
    if projection.damaged_bytes:
        _log.critical("the damaged journal is kept in %s", incarnation.set_aside())
    else:
        incarnation.remove()


def close_unfinished(segments: Segments, clock: Clock) -> int:
    """Append the ends that are missing, and wait for the disk; the number of attempts among them.

    Doing it again finds nothing missing.

    Raises:
        UnreadableFrame: a newer Headgate wrote this journal; nothing was appended.
    """
    missing = list(_missing_ends(_bodies(segments), clock.now_ms()))
    for body in missing:
        segments.append(encode(body), opens=False)
    if missing:
        segments.sync_point().sync()
    return sum(type(body) is AttemptClose for body in missing)


def _bodies(segments: Segments) -> Iterator[Body]:
    for number in segments.numbers:
        data = segments.path(number).read_bytes()[: segments.size(number)]
        for item in survey(data):
            if isinstance(item, Frame):
                yield decode(item)


def _missing_ends(bodies: Iterable[Body], now_ms: int) -> Iterator[AttemptClose | Close]:
    """The ends of attempts, charged with their whole hold, and of the requests that have attempts and no CLOSE."""
    requests: dict[str, dict[int, AttemptOpen | AttemptClose]] = {}
    for body in bodies:
        if isinstance(body, AttemptOpen):
            requests.setdefault(body.request_id, {}).setdefault(body.attempt, body)
        elif isinstance(body, AttemptClose):
            requests.setdefault(body.request_id, {})[body.attempt] = body
        elif isinstance(body, Close):
            attempts = requests.pop(body.request_id, {})
            still_open = {number: attempt for number, attempt in attempts.items() if isinstance(attempt, AttemptOpen)}
            yield from (_attempt_end(attempt, now_ms) for attempt in still_open.values())
    for attempts in requests.values():
        ends = []
        for attempt in attempts.values():
            if isinstance(attempt, AttemptOpen):
                ends.append(_attempt_end(attempt, now_ms))
                yield ends[-1]
            else:
                ends.append(attempt)
        yield _request_end(ends, now_ms)


def _attempt_end(opened: AttemptOpen, now_ms: int) -> AttemptClose:
    return AttemptClose(
        opened.request_id,
        opened.attempt,
        now_ms,
        opened.subject,
        opened.use_case,
        opened.pipeline,
        opened.purpose,
        opened.model,
        opened.deployment,
        opened.policy_version,
        opened.accounts,
        Usage(),
        opened.hold_nano,
        Basis.RESERVED,
        Outcome.FAILED,
        INTERRUPTED,
    )


def _request_end(attempts: list[AttemptClose], now_ms: int) -> Close:
    last = attempts[-1]
    return Close(
        last.request_id,
        now_ms,
        last.subject,
        "",
        last.use_case,
        last.pipeline,
        last.model,
        last.deployment,
        last.policy_version,
        Outcome.FAILED,
        INTERRUPTED,
        500,
        len(attempts),
        sum((attempt.usage for attempt in attempts), Usage()),
        sum(attempt.cost_nano for attempt in attempts),
        0,
        0,
        b"",
        b"",
        b"",
        (Step("close", _SENTENCE, 0),),
    )
