"""Quantities with units, as people write them: durations, sizes, counts."""

import re

MAX_CHARS = 24
"""Characters of a quantity as people write it."""
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|min|h|d|w|y)\Z")
_DURATION_MS = {
    "ms": 1,
    "s": 1_000,
    "m": 60_000,
    "min": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 7 * 86_400_000,
    "y": 365 * 86_400_000,
}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|kB|MB|GB|KiB|MiB|GiB)\Z")
_SIZE_BYTES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_COUNT = re.compile(r"(\d+(?:\.\d+)?)\s*([kM]?)\Z")


def duration_ms(text: str) -> int:
    """Milliseconds in `text`, such as `300ms`, `30s`, `5m`, `1h`, `30d`.

    Raises:
        ValueError: `text` is no number with one of these units.
    """
    match = _DURATION.match(text.strip()) if len(text) <= MAX_CHARS else None
    if match is None:
        raise ValueError(
            f"'{text[:MAX_CHARS]}' is not a duration; write a number with a unit, such as 300ms, 30s, 5m, 1h or 30d"
        )
    return round(float(match[1]) * _DURATION_MS[match[2]])


def size_bytes(text: str) -> int:
    """Bytes in `text`, such as `10MB` or `64KiB`.

    Raises:
        ValueError: `text` is no number with one of these units.
    """
    match = _SIZE.match(text.strip()) if len(text) <= MAX_CHARS else None
    if match is None:
        raise ValueError(f"'{text[:MAX_CHARS]}' is not a size; write a number with a unit, such as 64KiB or 10MB")
    return round(float(match[1]) * _SIZE_BYTES[match[2]])


def count(text: str) -> int:
    """The number in `text`, such as `100`, `400k` or `1.5M`.

    Raises:
        ValueError: `text` is no number with `k`, `M` or nothing behind it.
    """
    match = _COUNT.match(text.strip()) if len(text) <= MAX_CHARS else None
    if match is None:
        raise ValueError(f"'{text[:MAX_CHARS]}' is not a count; write a number such as 100, 400k or 1.5M")
    return round(float(match[1]) * {"": 1, "k": 1_000, "M": 1_000_000}[match[2]])
