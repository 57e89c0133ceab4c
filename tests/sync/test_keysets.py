"""Who may sign what, and what a node sends when it asks to be a hall."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.errors import EnrolmentRefused, Malformed, SyncError, UnknownKey
from sync.keysets import (
    CODE_ALPHABET,
    CODE_LENGTH,
    CenterKeys,
    HallKeys,
    Request,
    code_key,
    code_mac,
    same_mac,
    sign_hall,
    sign_keys,
    thirty_digits,
)
from sync.notes import COSIGNATURE, Signer, b64
from tests.vectors.make import HALL_SEALING, KEYS, ON_ROSTER, REQUEST, ROOT, ROSTER

WEAK_SEALING = b64(
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157")
)
SMALL = b64(bytes([1, 1]) + bytes(31))


def test_a_key_set_opens_only_under_its_root() -> None:
    note = sign_keys(ROOT, KEYS)
    assert CenterKeys.open(note, ROOT.verifier) == KEYS
    with pytest.raises(UnknownKey):
        CenterKeys.open(note, Signer(ROOT.name, b"x" * 32).verifier)
    with pytest.raises(UnknownKey):
        CenterKeys.open(ROSTER.sign(KEYS.text), ROOT.verifier)


def test_a_roster_note_opens_only_under_the_roster_key() -> None:
    for hall in (ON_ROSTER, replace(ON_ROSTER, valid_from=5, revoked_above=90)):
        assert HallKeys.open(sign_hall(ROSTER, hall), ROSTER.verifier) == hall
    with pytest.raises(UnknownKey):
        HallKeys.open(sign_hall(ROOT, ON_ROSTER), ROSTER.verifier)


def test_one_kind_of_note_never_passes_for_another() -> None:
    with pytest.raises(Malformed, match="not a note of type"):
        CenterKeys.open(ROOT.sign(ON_ROSTER.text), ROOT.verifier)
    with pytest.raises(Malformed, match="not a note of type"):
        HallKeys.open(ROSTER.sign(KEYS.text), ROSTER.verifier)
    with pytest.raises(Malformed, match="not a note of type"):
        Request.parse(ON_ROSTER.text)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n1\n", "\n01\n"),
        ("\n1\n", "\nx\n"),
        ("onehall/keys/v1", "onehall/keys/v2"),
        (str(KEYS.receipts), str(KEYS.log)),
        (str(KEYS.log), str(KEYS.receipts)),
        (b64(KEYS.sealing), WEAK_SEALING),
        (b64(KEYS.sealing), b64(b"short")),
        (b64(KEYS.sealing) + "\n", b64(KEYS.sealing) + "\nmore\n"),
    ],
)
def test_a_signed_key_set_that_makes_no_sense_is_refused(old: str, new: str) -> None:
    assert old in KEYS.text
    with pytest.raises(Malformed):
        CenterKeys.open(ROOT.sign(KEYS.text.replace(old, new)), ROOT.verifier)


def test_a_request_is_written_and_read_again() -> None:
    assert Request.parse(REQUEST.text) == REQUEST


@pytest.mark.parametrize(
    ("old", "new", "refusal"),
    [
        (b64(REQUEST.sealing), WEAK_SEALING, Malformed),
        (b64(REQUEST.sealing), b64(bytes(32)), Malformed),
        (b64(REQUEST.sealing), b64(b"x" * 31), Malformed),
        (b64(REQUEST.sealing), "?", Malformed),
        (str(REQUEST.signing), f"city.example/T01+00000000+{SMALL}", UnknownKey),
        (str(REQUEST.signing), str(REQUEST.cosigning), Malformed),
        (str(REQUEST.cosigning), str(REQUEST.signing), Malformed),
        (str(REQUEST.signing), "", Malformed),
        ("T01\n", "T01\nT02\n", Malformed),
        ("onehall/enrol/v1", "onehall/enrol/v9", Malformed),
    ],
)
def test_a_request_with_weak_or_misplaced_keys_is_refused(
    old: str, new: str, refusal: type[SyncError]
) -> None:
    assert old in REQUEST.text
    with pytest.raises(refusal):
        Request.parse(REQUEST.text.replace(old, new, 1))


def test_one_key_for_signing_and_cosigning_is_refused() -> None:
    signing = Signer("city.example/T01", b"s" * 32).verifier
    cosigning = Signer("city.example/T01", b"s" * 32, COSIGNATURE).verifier
    with pytest.raises(EnrolmentRefused, match="two different keys"):
        Request.parse(Request("T01", signing, cosigning, HALL_SEALING.public).text)


@given(st.text(max_size=300) | st.text("onehal/rv1T0\n+=AB", max_size=200))
def test_no_text_raises_anything_but_a_refusal(text: str) -> None:
    for candidate in (text, "onehall/enrol/v1\nT01\n" + text):
        with pytest.raises(SyncError):
            Request.parse(candidate)


def test_a_code_is_the_same_however_it_is_typed_and_belongs_to_one_hall() -> None:
    key = code_key("K7M2PQ9XRT", "T01")
    assert code_key(" k7m2p-q9xrt ", "T01") == key and len(key) == 32
    assert code_key("K7M2P Q9XRT", "T01") == key
    assert code_key("K7M2PQ9XRT", "T02") != key
    assert code_key("K7M2PQ9XRU", "T01") != key
    assert len(set(CODE_ALPHABET)) ** CODE_LENGTH >= 1 << 50
    assert not set("01OI") & set(CODE_ALPHABET), "read out by telephone"


def test_the_mac_of_a_request_is_not_the_mac_of_an_answer() -> None:
    ask = code_mac(b"k" * 32, "text", "ask")
    assert not same_mac(ask, code_mac(b"k" * 32, "text", "answer"))
    assert not same_mac(ask, code_mac(b"l" * 32, "text", "ask"))
    assert not same_mac(ask, ask.upper()) and not same_mac(ask, "é") and same_mac(ask, ask)


def test_the_thirty_digits_change_with_every_key_on_either_side() -> None:
    digits = thirty_digits(ROOT.verifier, REQUEST)
    assert [len(group) for group in digits.split(" ")] == [5] * 6
    assert digits.replace(" ", "").isdigit()
    other = Signer("city.example/T01", b"z" * 32)
    cosigner = Signer("city.example/T01", b"z" * 32, COSIGNATURE)
    changed = (
        thirty_digits(Signer(ROOT.name, b"z" * 32).verifier, REQUEST),
        thirty_digits(ROOT.verifier, replace(REQUEST, hall="T02")),
        thirty_digits(ROOT.verifier, replace(REQUEST, signing=other.verifier)),
        thirty_digits(ROOT.verifier, replace(REQUEST, cosigning=cosigner.verifier)),
        thirty_digits(ROOT.verifier, replace(REQUEST, sealing=b"z" * 32)),
    )
    assert len({digits, *changed}) == 6
