"""The demo model's embeddings: unit vectors of hashed words, so that texts that share words or their parts are near."""

import re
from collections.abc import Iterator
from math import sqrt
from typing import Final
from zlib import crc32

import msgspec

from headgate.domain.refusal import Refusal
from headgate.pool.providers.demo.directives import NOTHING, Directives, read_directives
from headgate.pool.providers.demo.pieces import tokens
from headgate.wire.openai_embeddings.request import Input, inputs, read_body

DIMENSIONS: Final = 256
MAX_DIMENSIONS: Final = 4_096
MAX_INPUTS: Final = 2_048
MAX_INPUT_TOKENS: Final = 8_192
MAX_TOKENS: Final = 300_000
"""Tokens of one request; this and the two above are OpenAI's own limits (OpenAI API reference, embeddings)."""
MAX_NUMBERS: Final = 2_097_152
"""Numbers of one answer."""
WHOLE_WORD: Final = 6
"""Letters from which on a word counts fully; short words say little."""
PART: Final = 0.25
"""How much three letters of a word count beside the word itself."""
_WORD: Final = re.compile(r"\w+")


class Task(msgspec.Struct):
    """What one request wants embedded."""

    model: str
    inputs: list[Input]
    counts: list[int]
    """The tokens of each input."""
    dimensions: int
    encoding: str
    message: str
    """The text that directed it: the first."""
    directives: Directives

    @property
    def tokens(self) -> int:
        """What the request counts, or what a directive wants it to say."""
        told = self.directives.input_tokens
        return sum(self.counts) if told is None else told


def read_task(raw: bytes) -> Task:
    """What `raw` wants; lines at the start of the first text that begin with `!` direct the answer, as in a chat.

    Raises:
        Refusal: `invalid_request`, a field or a directive is wrong, or more is asked for than the demo model does.
    """
    body = read_body(raw)
    given = inputs(body)
    dimensions = DIMENSIONS if body.dimensions is None else body.dimensions
    if dimensions > MAX_DIMENSIONS:
        raise _too_much("dimensions", f"at most {MAX_DIMENSIONS}")
    if len(given) > MAX_INPUTS or len(given) * dimensions > MAX_NUMBERS:
        raise _too_much("input", f"at most {MAX_INPUTS} inputs, and {MAX_NUMBERS} numbers in all their vectors")
    counts = [tokens(one) if isinstance(one, str) else len(one) for one in given]
    if max(counts) > MAX_INPUT_TOKENS or sum(counts) > MAX_TOKENS:
        sentence = f"The model's maximum context length is {MAX_INPUT_TOKENS} tokens an input, and {MAX_TOKENS} in all."
        raise Refusal("context_too_long", sentence, param="input")
    message = given[0].lstrip() if isinstance(given[0], str) else ""
    told = read_directives(message) if message.startswith("!") else NOTHING
    encoding = body.encoding_format or "float"
    return Task(body.model or "demo", given, counts, dimensions, encoding, message, told)


def vector(given: Input, dimensions: int) -> list[float]:
    """The vector of a text or of tokens: of length 1, and the same every time."""
    numbers = [0.0] * dimensions
    for feature, weight in _features(given):
        hashed = crc32(feature.encode("utf-8", "surrogatepass"))
        numbers[(hashed >> 1) % dimensions] += weight if hashed & 1 else -weight
    length = sqrt(sum(number * number for number in numbers))
    if not length:  # no words, or words that cancel each other out
        numbers[crc32(repr(given).encode()) % dimensions] = length = 1.0
    return [round(number / length, 8) for number in numbers]


def _features(given: Input) -> Iterator[tuple[str, float]]:
    """Words and their parts, each with how much it counts; a token is a word."""
    if not isinstance(given, str):
        yield from ((f"#{token}", 1.0) for token in given)
        return
    for word in _WORD.findall(given.casefold()):
        weight = min(1.0, len(word) / WHOLE_WORD) ** 2
        yield word, weight
        if len(word) > 3:
            marked = f"<{word}>"
            for start in range(len(marked) - 2):
                yield marked[start : start + 3], weight * PART


def _too_much(param: str, most: str) -> Refusal:
    return Refusal(
        "invalid_request", f"The field '{param}' asks for more than the demo model does: {most}.", param=param
    )
