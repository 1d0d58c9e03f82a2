"""kill -9 under streaming load: what callers, ledger, provider and budgets say afterwards is the same."""

import asyncio
import os
import random
import urllib.request
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from pyreqwest.client import ClientBuilder
from tests.lifecycle.callers import Got, keep_asking
from tests.processes import CONFIGURATION, Served, serve, simulator

SOAK = os.environ.get("HEADGATE_SOAK") == "1"
CYCLES = 200 if SOAK else 20
CALLERS = 16


async def cycle(served: Served, key: str, number: int) -> list[Got]:
    """Load the platform, kill it midway, and give back what every caller got."""
    choose = random.Random(number)
    async with ClientBuilder().build() as client:
        tasks = [
            asyncio.create_task(
                keep_asking(client, served.url, key, number * 1000 + n, lambda: served.process.poll() is None)
            )
            for n in range(CALLERS)
        ]
        await asyncio.wait(tasks, timeout=choose.uniform(0.1, 0.6))
        served.kill()
        return [got for task in tasks for got in await task]


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()  # type: ignore[arg-type]


@pytest.mark.soak
@pytest.mark.xdist_group("processes")
def test_after_kill_9_the_books_hold_every_answer_and_every_bill_once(tmp_path: Path, database_url: str) -> None:
    got: list[Got] = []
    environment = {"HEADGATE_DATABASE_URL": database_url, "SIMULATOR_KEY": "sim"}
    with simulator() as provider:
        (tmp_path / "headgate.yaml").write_text(CONFIGURATION.format(simulator=provider))
        key = ""
        for number in range(CYCLES):
            served = serve(tmp_path, environment)
            key = key or served.key("killed", budget="1000 USD/month")
            got += asyncio.run(cycle(served, key, number))
        last = serve(tmp_path, environment)
        assert last.stop() == 0
        with urllib.request.urlopen(f"{provider}/billing") as answer:
            bills = {bill["request_id"]: bill for bill in msgspec.json.decode(answer.read())["answers"]}
    entries = {
        f"{request_id}-{attempt}": (tokens_in, tokens_out, basis)
        for request_id, attempt, tokens_in, tokens_out, basis in rows(
            database_url, "SELECT request_id, attempt, input_tokens, output_tokens, basis FROM ledger_entries"
        )
    }
    closes = {
        str(request_id): outcome
        for request_id, outcome in rows(database_url, "SELECT request_id, outcome FROM requests")
    }
    whole = [one for one in got if one.whole]
    report(got, bills, entries, closes)
    assert len(whole) > CYCLES
    for one in whole:  # (a)
        assert closes[one.request_id] == "answered"
        assert entries[f"{one.request_id}-1"] == (one.usage.input_tokens, one.usage.output_tokens, "reported")
    for bill_id, bill in bills.items():  # (b)
        tokens_in, tokens_out, basis = entries[bill_id]
        if basis != "reserved":
            assert (basis, tokens_in, tokens_out) == ("reported", bill["input_tokens"], bill["output_tokens"])
    for entry_id, (_, _, basis) in entries.items():  # (c)
        assert entry_id in bills or basis == "reserved", entry_id
    assert {entry_id.rpartition("-")[0] for entry_id in entries} == set(closes)
    [(leases,)] = rows(database_url, "SELECT count(*) FROM budget_leases")
    accounts = rows(database_url, "SELECT spent_nano, leased_nano, cap_nano FROM budget_accounts")
    [(spent,)] = rows(database_url, "SELECT sum(cost_nano) FROM ledger_entries")
    assert leases == 0
    assert accounts == [(spent, 0, 1000 * 10**9)]


def report(got: list[Got], bills: dict[str, Any], entries: dict[str, Any], closes: dict[str, str]) -> None:
    """The table that a soak shows."""
    bases = [basis for _, _, basis in entries.values()]
    counts = {
        "kill -9 cycles": CYCLES,
        "calls made": len(got),
        "answers received whole": sum(one.whole for one in got),
        "calls the provider billed": len(bills),
        "ledger entries, reported": bases.count("reported"),
        "ledger entries, reserved": bases.count("reserved"),
        "ledger entries, estimated": bases.count("estimated"),
        "requests closed": len(closes),
    }
    print("\n" + "\n".join(f"{name:28} {count:8d}" for name, count in counts.items()))
