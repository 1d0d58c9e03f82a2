"""What is sealed opens for its owner under its key, and not otherwise."""

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.storage.sealing import Seal, Unsealable, key_in


@given(st.binary(max_size=2_000), st.binary(max_size=40))
def test_what_was_sealed_opens_for_its_owner(plain: bytes, owner: bytes) -> None:
    seal = Seal(b"secret")
    assert seal.open(seal.seal(plain, owner), owner) == plain


@given(st.binary(min_size=1, max_size=200), st.data())
def test_one_changed_bit_is_noticed(plain: bytes, data: st.DataObject) -> None:
    seal = Seal(b"secret")
    sealed = bytearray(seal.seal(plain, b"owner"))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(Unsealable):
        seal.open(bytes(sealed), b"owner")


def test_another_owner_another_key_and_too_few_bytes_do_not_open() -> None:
    sealed = Seal(b"secret").seal(b"plain", b"owner")
    for key, owner, raw in ((b"secret", b"other", sealed), (b"other", b"owner", sealed), (b"secret", b"owner", b"x")):
        with pytest.raises(Unsealable):
            Seal(key).open(raw, owner)


def test_the_same_text_is_never_sealed_twice_alike_and_is_not_seen() -> None:
    seal = Seal(b"secret")
    assert seal.seal(b"plain text", b"") != seal.seal(b"plain text", b"")
    assert b"plain text" not in seal.seal(b"plain text", b"")


def test_a_directorys_key_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    key = key_in(tmp_path)
    assert len(key) == 32
    assert key_in(tmp_path) == key
    assert stat.S_IMODE((tmp_path / "cache.key").stat().st_mode) == 0o600
