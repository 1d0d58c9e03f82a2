"""The direct pipeline: the request goes to a model as it is."""

from contextlib import AbstractAsyncContextManager

from headgate.domain.answer import Answer
from headgate.domain.call import Purpose, Request
from headgate.journal.record import Record
from headgate.pool.pool import Pool


def direct(pool: Pool, record: Record, request: Request) -> AbstractAsyncContextManager[Answer]:
    """Answer `request` with one model call."""
    return pool.call(record, Purpose.ANSWER, request)
