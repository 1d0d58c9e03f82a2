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


def sound(usage: Usage) -> Usage:
    """`usage` without negative or absurd figures or parts larger than their whole, which some servers report."""
    tokens_in = min(max(0, usage.input_tokens), MAX_TOKENS)
    tokens_out = min(max(0, usage.output_tokens), MAX_TOKENS)
    cached = min(max(0, usage.cached_tokens), tokens_in)
    written = min(max(0, usage.cache_write_tokens), tokens_in - cached)
    return Usage(tokens_in, tokens_out, cached, written, min(max(0, usage.reasoning_tokens), tokens_out))
