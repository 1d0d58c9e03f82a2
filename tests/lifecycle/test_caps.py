"""A budget with room for 50 calls under 1,000 at once, streams and callers who leave among them: never over."""

import asyncio
import os
from pathlib import Path

import psycopg
import pytest
from pyreqwest.client import ClientBuilder
from tests.lifecycle.callers import Got, ask, call
from tests.processes import Served, platform, simulator

from headgate.wire.anthropic_messages import ANTHROPIC_MESSAGES
from headgate.wire.openai_chat import OPENAI_CHAT

SOAK = os.environ.get("HEADGATE_SOAK") == "1"
ROUNDS = 5 if SOAK else 1
CALLS = 1_000
CAP_NANO = 50 * 220_000
"""Room for about 50 calls at once: each may use 64 tokens of template, its text, and 64 tokens of output."""


async def storm(served: Served, key: str) -> list[Got]:
    """All calls at once; every fifth caller leaves early, every second asks for a stream."""
    async with ClientBuilder().build() as client:
        calls = []
        for number in range(CALLS):
            codec = ANTHROPIC_MESSAGES if number % 3 == 0 else OPENAI_CHAT
            body = ask(codec, "demo", "!pace 1ms\n!tokens 30\nstorm", stream=number % 2 == 0)
            leave = 400 if number % 5 == 0 and body["stream"] else None
            calls.append(call(client, served.url, key, codec, body, leave))
        return await asyncio.gather(*calls)


async def watch(url: str, over: list[tuple[int, int, int]], finished: asyncio.Event) -> None:
    """Look for accounts where what is spent and leased exceeds the cap."""
    connection = await psycopg.AsyncConnection.connect(url, autocommit=True)
    async with connection:
        while not finished.is_set():
            cursor = await connection.execute(
                "SELECT spent_nano, leased_nano, cap_nano FROM budget_accounts"
                " WHERE spent_nano + leased_nano > cap_nano"
            )
            over += await cursor.fetchall()


async def watched_storm(served: Served, key: str, url: str) -> tuple[list[Got], list[tuple[int, int, int]]]:
    over: list[tuple[int, int, int]] = []
    finished = asyncio.Event()
    watching = asyncio.create_task(watch(url, over, finished))
    got = await storm(served, key)
    finished.set()
    await watching
    return got, over


@pytest.mark.soak
@pytest.mark.xdist_group("processes")
def test_a_thousand_calls_at_once_never_pass_a_budget_with_room_for_fifty(tmp_path: Path, database_url: str) -> None:
    with simulator() as provider, platform(tmp_path, database_url, provider) as served:
        for number in range(ROUNDS):
            key = served.key(f"storm-{number}", budget=f"{CAP_NANO / 1e9:.9f} USD/month")
            got, over = asyncio.run(watched_storm(served, key, database_url))
            statuses = {status: sum(one.status == status for one in got) for status in {one.status for one in got}}
            _, report = served.call("GET", f"/v1/cost-report/storm-{number}")
            print(f"\n{CALLS} calls, room for 50: {statuses}; spent {report['spent_nano_usd']} of {CAP_NANO} nano-USD")
            assert over == []
            assert set(statuses) == {200, 402}
            assert statuses[200] >= 50
            assert 0 < report["spent_nano_usd"] <= CAP_NANO
        assert served.stop() == 0
    with psycopg.connect(database_url) as connection:
        accounts = connection.execute("SELECT spent_nano, leased_nano, cap_nano FROM budget_accounts").fetchall()
        [spent] = connection.execute("SELECT sum(cost_nano) FROM ledger_entries").fetchone() or (0,)
    assert all(spent_nano <= cap_nano and leased_nano == 0 for spent_nano, leased_nano, cap_nano in accounts)
    assert sum(account[0] for account in accounts) == spent
