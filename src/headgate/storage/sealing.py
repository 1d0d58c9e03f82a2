"""Sealed bytes: encrypted and authenticated under one key, with nothing but Python's own hashes.

A keystream of SHAKE-256 (FIPS 202) over key and nonce, then a tag of keyed BLAKE2b (RFC 7693) over what it belongs to,
the nonce and the encrypted bytes: encrypt-then-MAC, with a key for each.
"""

import os
from hashlib import blake2b, shake_256
from hmac import compare_digest
from pathlib import Path
from typing import Final

NONCE_BYTES: Final = 24
TAG_BYTES: Final = 32
KEY_BYTES: Final = 32


class Unsealable(Exception):
    """Bytes were sealed under another key, belong elsewhere, or were changed."""


class Seal:
    """Seals and opens.

    Args:
        secret: at least `KEY_BYTES` of secret bytes, or any longer text.
    """

    def __init__(self, secret: bytes) -> None:
        self._cipher = blake2b(secret, digest_size=64, person=b"headgate-cipher").digest()
        self._mac = blake2b(secret, digest_size=64, person=b"headgate-mac").digest()

    def seal(self, plain: bytes, owner: bytes) -> bytes:
        """`plain` sealed; only who names the same `owner` can open it."""
        nonce = os.urandom(NONCE_BYTES)
        hidden = self._crossed(plain, nonce)
        return nonce + self._tag(nonce, hidden, owner) + hidden

    def open(self, sealed: bytes, owner: bytes) -> bytes:
        """What was sealed.

        Raises:
            Unsealable: it was not sealed like this.
        """
        nonce, tag = sealed[:NONCE_BYTES], sealed[NONCE_BYTES : NONCE_BYTES + TAG_BYTES]
        hidden = sealed[NONCE_BYTES + TAG_BYTES :]
        if not compare_digest(tag, self._tag(nonce, hidden, owner)):
            raise Unsealable("the bytes were sealed under another key, belong elsewhere, or were changed")
        return self._crossed(hidden, nonce)

    def _crossed(self, data: bytes, nonce: bytes) -> bytes:
        stream = shake_256(self._cipher + nonce).digest(len(data))
        return (int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(data), "big")

    def _tag(self, nonce: bytes, hidden: bytes, owner: bytes) -> bytes:
        digest = blake2b(key=self._mac, digest_size=TAG_BYTES)
        digest.update(len(owner).to_bytes(8, "big") + owner + nonce + hidden)
        return digest.digest()


def key_in(directory: Path) -> bytes:
    """The key that is kept in `directory`, made at its first use, readable by its owner alone.

    Raises:
        OSError: it can neither be read nor written.
    """
    path = directory / "cache.key"
    try:
        return path.read_bytes()
    except FileNotFoundError:
        made = path.with_suffix(f".{os.getpid()}")
        made.touch(mode=0o600)
        made.write_bytes(os.urandom(KEY_BYTES))
        try:
            os.link(made, path)  # whoever comes second takes the first one's
        except FileExistsError:
            pass
        finally:
            made.unlink()
        return path.read_bytes()
