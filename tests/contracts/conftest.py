"""What the suites over real sockets share: each runs on both event loops that Headgate may run on."""

import asyncio

import pytest
import uvloop

LOOPS = {"asyncio": asyncio.DefaultEventLoopPolicy, "uvloop": uvloop.EventLoopPolicy}


@pytest.fixture(params=LOOPS, scope="module")
def event_loop_policy(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoopPolicy:
    policy: asyncio.AbstractEventLoopPolicy = LOOPS[request.param]()
    return policy
