"""The pipelines by name."""

from contextlib import AbstractAsyncContextManager

from headgate.domain.answer import Answer
from headgate.domain.call import Request
from headgate.journal.record import Record
from headgate.pipelines.direct import direct
from headgate.pool.pool import Pool


class Pipelines:
    """Runs the pipeline that a record was routed to."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._pipelines = {"direct": direct}

    def run(self, record: Record, request: Request) -> AbstractAsyncContextManager[Answer]:
        """Answer `request` by the pipeline of `record`."""
        return self._pipelines[record.pipeline](self._pool, record, request)
