"""Tokens a model call used."""

import msgspec


class Usage(msgspec.Struct, frozen=True, array_like=True):
    """Tokens of one model call.

    `input_tokens` counts all input; cached (read) and cache-write tokens are parts of it. `output_tokens` counts all
    output; reasoning tokens are part of it.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
