"""The life of one request: read this to know the platform."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from headgate.domain.answer import Answer
from headgate.domain.call import Call
from headgate.platform import Platform


@asynccontextmanager
async def answering(platform: Platform, call: Call) -> AsyncIterator[Answer]:
    """Open the answer to `call`; its books close with its last event, however it ends.

    Raises:
        Refusal: the call is not served; nothing was sent to the caller yet.
    """
    with platform.journal.open(call) as record:  # exactly one CLOSE, always
        record.principal = await platform.identity.authenticate(record)
        record.use_case = platform.governance.permit(record)
        async with platform.limits.admit(record) as request:  # rates, then the money lease
            async with platform.cache.lookup(record, request) as found:  # kept, or the same question under way
                async with found.or_run(platform.pipelines.run) as answer:
                    yield record.closing(found.recording(answer))
