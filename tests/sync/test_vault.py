"""Personal parts at rest: opened with the key, in their place, and searchable only with it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.errors import Malformed
from sync.private.vault import NONCE_BYTES, Vault

VAULT, OTHER = Vault(b"v" * 32), Vault(b"o" * 32)
PLACE = "city.example/T01/1/17"


@given(st.binary(max_size=300), st.text(max_size=30))
def test_what_was_locked_is_unlocked_in_its_place(plain: bytes, place: str) -> None:
    place = place.encode("utf-8", "ignore").decode()
    assert VAULT.unlock(VAULT.lock(plain, place), place) == plain


def test_nothing_of_the_plain_text_stands_in_what_is_stored() -> None:
    stored = VAULT.lock(b"11010519491231002X", PLACE)
    assert b"1101" not in stored and len(stored) == NONCE_BYTES + 18 + 16
    assert stored != VAULT.lock(b"11010519491231002X", PLACE)


def test_a_part_moved_to_another_row_or_another_machine_is_not_opened() -> None:
    stored = VAULT.lock(b"x", PLACE)
    with pytest.raises(Malformed):
        VAULT.unlock(stored, "city.example/T01/1/18")
    with pytest.raises(Malformed):
        OTHER.unlock(stored, PLACE)


@given(st.data())
def test_one_flipped_bit_anywhere_is_found(data: st.DataObject) -> None:
    stored = bytearray(VAULT.lock(b"a payload", PLACE))
    stored[data.draw(st.integers(0, len(stored) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(Malformed):
        VAULT.unlock(bytes(stored), PLACE)


@given(st.binary(max_size=60))
def test_no_bytes_raise_anything_but_a_refusal(stored: bytes) -> None:
    with pytest.raises(Malformed):
        VAULT.unlock(stored, PLACE)


def test_the_blind_index_finds_equal_values_of_one_field_and_tells_nothing_else() -> None:
    term = VAULT.blind("paper_no", "11010519491231002X")
    assert term == VAULT.blind("paper_no", "11010519491231002X") and len(term) == 16
    assert term != VAULT.blind("mobile", "11010519491231002X")
    assert term != OTHER.blind("paper_no", "11010519491231002X")


def test_a_vault_needs_a_key_of_thirty_two_bytes() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Vault(b"short")
