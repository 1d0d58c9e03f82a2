"""Identifiers: time-ordered UUIDs (RFC 9562, version 7) and random base-62 text."""

import os
import secrets

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


_BATCH = 256
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
_random_digits: list[str] = []  # fetched in batches, for a call of the system costs more than all the rest
os.register_at_fork(after_in_child=_random_digits.clear)


def uuid7(now_ms: int) -> str:
    """A UUID version 7 for the millisecond `now_ms`: 48 bits of time, 74 of randomness (RFC 9562, 5.7)."""
    try:
        random = _random_digits.pop()
    except IndexError:
        fetched = os.urandom(10 * _BATCH).hex()
        _random_digits.extend(fetched[start : start + 20] for start in range(20, len(fetched), 20))
        random = fetched[:20]
    time = f"{now_ms & 0xFFFF_FFFF_FFFF:012x}"
    return f"{time[:8]}-{time[8:]}-7{random[:3]}-{_VARIANT[random[3]]}{random[4:7]}-{random[7:19]}"


def base62(number: int, width: int) -> str:
    """`number` in base 62, left-padded with zeros to `width` digits."""
    digits = []
    while number:
        number, digit = divmod(number, 62)
        digits.append(_BASE62[digit])
    return "".join(reversed(digits)).rjust(width, "0")


def random_base62(width: int) -> str:
    """`width` random base-62 digits from the operating system's generator."""
    return "".join(secrets.choice(_BASE62) for _ in range(width))
