"""What a model call used, as far as providers bill it apart."""

from operator import add
from typing import Self

import msgspec


class Usage(msgspec.Struct, frozen=True, array_like=True):
    """Tokens of one model call, and the requests that the provider's own tools made for it.

    `input_tokens` counts all input and `output_tokens` all output; the other tokens are parts of them. Frames of the
    journal hold this as an array: fields are only ever added at its end.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    """Input read from the provider's cache."""
    cache_write_tokens: int = 0
    """Input written to the provider's cache, for however long."""
    reasoning_tokens: int = 0
    """Output that is thought, and billed as any other."""
    cache_write_1h_tokens: int = 0
    """The part of the cache writes that is kept for an hour."""
    audio_input_tokens: int = 0
    audio_output_tokens: int = 0
    tool_requests: int = 0
    """Searches and the like that the provider ran itself and bills apiece."""

    def __add__(self, other: Self) -> "Usage":
        """Both together."""
        return Usage(*map(add, msgspec.structs.astuple(self), msgspec.structs.astuple(other)))

    def later(self, other: Self) -> "Usage":
        """Two reports of one answer whose figures are running totals: of each the larger, which came later."""
        return Usage(*map(max, msgspec.structs.astuple(self), msgspec.structs.astuple(other)))
