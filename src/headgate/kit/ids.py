"""Identifiers: time-ordered UUIDs (RFC 9562, version 7) and random base-62 text."""

import os
import secrets

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def uuid7(now_ms: int) -> str:
    """A UUID version 7 for the millisecond `now_ms`: 48 bits of time, 74 of randomness (RFC 9562, 5.7)."""
    random = int.from_bytes(os.urandom(10), "big")
    high = (now_ms & 0xFFFF_FFFF_FFFF) << 16 | 0x7000 | (random >> 68)
    low = 0x8000_0000_0000_0000 | (random & 0x3FFF_FFFF_FFFF_FFFF)
    text = f"{high:016x}{low:016x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


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
