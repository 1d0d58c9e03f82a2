"""Virtual keys as text: made, checked without a look-up, and hashed for the store."""

import hashlib
from typing import Final
from zlib import crc32

import msgspec

from headgate.kit.ids import base62, random_base62

PREFIX: Final = "hg_"
MAX_CHARACTERS: Final = 4096
"""A credential longer than this is no key of ours."""
_RANDOM_DIGITS: Final = 30
_CHECKSUM_DIGITS: Final = 6
_LENGTH: Final = len(PREFIX) + _RANDOM_DIGITS + _CHECKSUM_DIGITS
_SHOWN: Final = len(PREFIX) + 6


class NewKey(msgspec.Struct, frozen=True):
    """A key that was just made; its text is shown once and stored nowhere."""

    text: str
    prefix: str
    """What may be shown of the key later."""
    digest: bytes
    """What the store keeps."""


def new_key() -> NewKey:
    """A fresh key: `hg_`, 30 random base-62 digits (178 bits), and their CRC32 in 6 base-62 digits.

    The shape is GitHub's (https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/):
    a secret scanner tells a real key from a look-alike by its checksum, without asking us.
    """
    random = random_base62(_RANDOM_DIGITS)
    text = PREFIX + random + _checksum(random)
    return NewKey(text=text, prefix=text[:_SHOWN], digest=digest(text))


def well_formed(text: str) -> bool:
    """Whether `text` can be a key: what has a virtual key's shape must have its checksum; other text may be given."""
    if len(text) == _LENGTH and text.startswith(PREFIX):
        return _checksum(text[len(PREFIX) : -_CHECKSUM_DIGITS]) == text[-_CHECKSUM_DIGITS:]
    return 0 < len(text) <= MAX_CHARACTERS


def digest(text: str) -> bytes:
    """The SHA-256 of a key; a key has too much randomness for a slow hash to add anything."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


def _checksum(random: str) -> str:
    return base62(crc32(random.encode("utf-8", "surrogateescape")), _CHECKSUM_DIGITS)
