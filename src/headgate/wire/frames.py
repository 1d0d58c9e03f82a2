"""What every reader of a provider's stream needs: a frame's data in the least time, and sound usage figures."""

from typing import Final

from headgate.domain.usage import Usage
from headgate.kit import sse


def data_of(frame: bytes) -> bytes:
    """The data of one server-sent event; empty for comments and blank lines."""
    start = 0 if frame.startswith(b"data: ") else frame.find(b"\ndata: ") + 1
    # One data line, and it is the last: nearly every frame there is.
    if (start or frame.startswith(b"data: ")) and frame.find(b"\n", start) == len(frame) - 2 and b"\r" not in frame:
        return frame[start + 6 : -2]
    return sse.fields(frame)[1]


MAX_TOKENS: Final = 1 << 32
"""Tokens of one answer; no more than this is believed, so that a cost always fits into 64 bits."""

MAX_TOOL_REQUESTS: Final = 100_000
"""Tool requests of one answer that are believed."""


def sound(usage: Usage) -> Usage:
    """`usage` without negative or absurd figures or parts larger than their whole, which some servers report."""
    tokens_in, tokens_out = _within(usage.input_tokens, MAX_TOKENS), _within(usage.output_tokens, MAX_TOKENS)
    cached = _within(usage.cached_tokens, tokens_in)
    written = _within(usage.cache_write_tokens, tokens_in - cached)
    return Usage(
        tokens_in,
        tokens_out,
        cached,
        written,
        _within(usage.reasoning_tokens, tokens_out),
        _within(usage.cache_write_1h_tokens, written),
        _within(usage.audio_input_tokens, tokens_in - cached - written),
        _within(usage.audio_output_tokens, tokens_out),
        _within(usage.tool_requests, MAX_TOOL_REQUESTS),
    )


def _within(count: int, most: int) -> int:
    return 0 if count <= 0 else min(count, most)
