"""Log lines that nobody waits for, and metrics whose labels stay bounded."""

import asyncio
import json
import logging
import os
import threading
from collections.abc import Iterator

import pytest

from headgate.telemetry.lines import MAX_HELD_BYTES, LineWriter
from headgate.telemetry.logs import JsonHandler, Log
from headgate.telemetry.metrics import MAX_SERIES, Metrics


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def read_all(descriptor: int, length: int) -> bytes:
    data = b""
    while len(data) < length and (part := os.read(descriptor, 1 << 16)):
        data += part
    return data


async def test_lines_leave_in_order_and_without_being_closed(pipe: tuple[int, int]) -> None:
    writer = LineWriter(pipe[1])
    written = b"".join(b'{"line": %d}\n' % number for number in range(1000))
    for line in written.splitlines(keepends=True):
        writer.write(line)
    assert await asyncio.wait_for(asyncio.to_thread(read_all, pipe[0], len(written)), 5) == written
    writer.close()
    assert writer.dropped == 0


async def test_a_reader_that_does_not_read_holds_nobody_up_and_costs_lines_not_memory(pipe: tuple[int, int]) -> None:
    writer = LineWriter(pipe[1])
    line = b"x" * (1 << 20) + b"\n"
    for _ in range(MAX_HELD_BYTES // len(line) + 5):
        writer.write(line)
    assert writer.dropped >= 4
    drain = threading.Thread(target=read_all, args=(pipe[0], MAX_HELD_BYTES // len(line) * len(line)))
    drain.start()
    await asyncio.to_thread(writer.close)
    await asyncio.to_thread(drain.join, 5)
    assert not drain.is_alive()


async def test_a_reader_that_is_gone_is_survived_and_counted() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    writer = LineWriter(writing)
    writer.write(b"{}\n")
    await asyncio.to_thread(writer.close)
    os.close(writing)
    assert writer.dropped == 1


async def test_what_python_logs_is_a_json_line_with_its_traceback(pipe: tuple[int, int]) -> None:
    log = Log(LineWriter(pipe[1]))
    handler = JsonHandler(log)
    logger = logging.Logger("headgate.test")
    logger.addHandler(handler)
    try:
        raise ZeroDivisionError("by zero")
    except ZeroDivisionError:
        logger.exception("failed %s", "here")
    log.say("said")
    log.close()
    first, second = (json.loads(line) for line in os.read(pipe[0], 1 << 16).splitlines())
    assert (first["type"], first["level"], first["logger"], first["message"]) == (
        "log",
        "error",
        "headgate.test",
        "failed here",
    )
    assert first["traceback"].endswith("ZeroDivisionError: by zero")
    assert second["message"] == "said"
    assert "traceback" not in second


def test_times_are_rfc_3339_with_milliseconds(pipe: tuple[int, int]) -> None:
    log = Log(LineWriter(pipe[1]))
    assert log.time(1_800_000_000_007) == "2027-01-15T08:00:00.007Z"
    assert log.time(1_800_000_001_999) == "2027-01-15T08:00:01.999Z"
    log.close()


def test_labels_stay_bounded_and_nothing_is_lost() -> None:
    metrics = Metrics()
    counter = metrics.counter("things_total", "Things.", ("name",))
    for number in range(MAX_SERIES + 100):
        counter.add((f"n{number}",))
    lines = metrics.text().decode().splitlines()
    assert len(lines) == 2 + MAX_SERIES + 1
    assert 'things_total{name="other"} 100' in lines


def test_buckets_are_cumulative_and_labels_escaped() -> None:
    metrics = Metrics()
    times = metrics.histogram("waits_seconds", "Waits.", ("who",))
    for seconds in (0.0005, 0.0006, 400.0):
        times.observe(('a"\\\n',), seconds)
    text = metrics.text().decode()
    who = r'who="a\"\\\n"'
    assert f'waits_seconds_bucket{{{who},le="0.0005"}} 1\n' in text
    assert f'waits_seconds_bucket{{{who},le="0.001"}} 2\n' in text
    assert f'waits_seconds_bucket{{{who},le="300.0"}} 2\n' in text
    assert f'waits_seconds_bucket{{{who},le="+Inf"}} 3\n' in text
    assert f"waits_seconds_count{{{who}}} 3\n" in text
