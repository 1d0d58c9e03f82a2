"""Virtual keys as text."""

from hypothesis import given
from hypothesis import strategies as st

from headgate.identity import keys


def test_a_new_key_is_well_formed_and_shows_only_its_beginning() -> None:
    made = keys.new_key()
    assert made.text.startswith("hg_")
    assert len(made.text) == 39
    assert keys.well_formed(made.text)
    assert made.text.startswith(made.prefix)
    assert len(made.prefix) == 9
    assert made.digest == keys.digest(made.text)


@given(at=st.integers(3, 38), digit=st.sampled_from("0123456789ABCXYZabcxyz"))
def test_a_key_with_one_wrong_digit_is_not_well_formed(at: int, digit: str) -> None:
    text = keys.new_key().text
    changed = text[:at] + digit + text[at + 1 :]
    assert keys.well_formed(changed) == (changed == text)


@given(st.text(max_size=60))
def test_any_text_can_be_checked_and_hashed(text: str) -> None:
    keys.well_formed(text)
    assert len(keys.digest(text)) == 32


def test_text_longer_than_a_credential_is_no_key() -> None:
    assert keys.well_formed("given-by-the-operator")
    assert not keys.well_formed("x" * (keys.MAX_CHARACTERS + 1))
    assert not keys.well_formed("")
