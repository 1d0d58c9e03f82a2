"""The log: one JSON object a line, for calls, HTTP exchanges, and what the program itself has to say."""

import logging
import time
from datetime import UTC, datetime
from typing import Final

import msgspec

from headgate.telemetry.lines import LineWriter

_ENCODER: Final = msgspec.json.Encoder()


class CallLine(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="call"):
    """One call: who asked for what, what it took and how it ended. Never a prompt, an answer or a user."""

    at: str
    request_id: str
    team: str
    project: str
    use_case: str
    pipeline: str
    model: str
    """The name asked for."""
    model_version: str
    """The provider's id of the model that was called last."""
    tokens_in: int
    tokens_out: int
    cost_usd: float
    latency_ms: float
    outcome: str
    code: str
    """The refusal's code; empty for an answer."""


class ExchangeLine(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="http"):
    """One HTTP exchange, whatever it asked for."""

    at: str
    request_id: str
    team: str
    method: str
    path: str
    status: int
    latency_ms: float


class ProgramLine(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="log", omit_defaults=True):
    """What a part of the program says, from Python's `logging`."""

    at: str
    level: str
    logger: str
    message: str
    traceback: str = ""


class Log:
    """Writes lines as JSON through one writer."""

    def __init__(self, writer: LineWriter) -> None:
        self._writer = writer
        self._second = 0
        self._second_text = ""

    @property
    def dropped(self) -> int:
        """Lines that were lost so far."""
        return self._writer.dropped

    def line(self, line: CallLine | ExchangeLine | ProgramLine) -> None:
        """Write one line."""
        self._writer.write(_ENCODER.encode(line) + b"\n")

    def say(self, message: str, level: str = "info") -> None:
        """Write what the program itself has to tell its operators."""
        at = self.time(time.time_ns() // 1_000_000)
        self.line(ProgramLine(at=at, level=level, logger="headgate", message=message))

    def time(self, at_ms: int) -> str:
        """`at_ms` (wall time) as RFC 3339 with milliseconds, UTC."""
        second, rest = divmod(at_ms, 1000)
        if second != self._second:
            self._second = second
            self._second_text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{self._second_text}.{rest:03d}Z"

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()


class JsonHandler(logging.Handler):
    """Sends records of Python's `logging` into the log; from any thread."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log
        self._tracebacks = logging.Formatter()

    def emit(self, record: logging.LogRecord) -> None:
        """Write `record` as one line."""
        traceback = self._tracebacks.formatException(record.exc_info) if record.exc_info else ""
        self._log.line(
            ProgramLine(
                at=self._log.time(int(record.created * 1000)),
                level=record.levelname.lower(),
                logger=record.name,
                message=record.getMessage(),
                traceback=traceback,
            )
        )
