"""Who may sign what, and what a node sends when it asks to be a hall."""

from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.errors import EnrolmentRefused, KeySetRefused, Malformed, SyncError, UnknownKey
from sync.keys.keysets import (
    CODE_ALPHABET,
    CODE_LENGTH,
    MOST_RETIRED,
    MOST_VERSIONS_AT_ONCE,
    CenterKeys,
    HallKeys,
    Request,
    code_key,
    code_mac,
    follow,
    key_name,
    open_rotation,
    same_mac,
    sign_hall,
    sign_keys,
    sign_rotation,
    thirty_digits,
)
from sync.notes import COSIGNATURE, Signer, Verifier, b64
from tests.vectors.make import (
    HALL_SEALING,
    KEYS,
    LATER_KEYS,
    LATER_ON_ROSTER,
    LOG,
    ON_ROSTER,
    RECEIPTS,
    REQUEST,
    ROOT,
    ROSTER,
)

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


# --- key sets that follow each other --------------------------------------------------------------


def test_a_key_set_keeps_the_retired_keys_that_signed_heads_and_receipts() -> None:
    found = CenterKeys.open(sign_keys(ROOT, LATER_KEYS), ROOT.verifier)
    assert found == LATER_KEYS
    assert found.receipts_keys == (LATER_KEYS.receipts, RECEIPTS.verifier)
    assert found.log_keys == (LATER_KEYS.log, LOG.verifier)


@pytest.mark.parametrize(
    "changed",
    [
        {"retired": (LATER_KEYS.log,)},
        {"retired": (LOG.verifier, LOG.verifier)},
        {"retired": (Signer(ROOT.name, b"r" * 32).verifier, ROOT.verifier)},
        {"log": LATER_KEYS.roster},
        {"roster": ROOT.verifier},
        {"version": 0},
        {"retired": tuple(Signer("c/log", bytes([n]) * 32).verifier for n in range(65))},
    ],
    ids=["shared", "twice", "root retired", "two purposes", "root in force", "zero", "too many"],
)
def test_a_key_has_one_purpose_in_a_key_set(changed: dict[str, Any]) -> None:
    assert MOST_RETIRED < 65
    with pytest.raises(Malformed):
        CenterKeys.open(ROOT.sign(replace(LATER_KEYS, **changed).text), ROOT.verifier)


def test_a_reader_follows_key_sets_upwards_only() -> None:
    later = replace(KEYS, version=KEYS.version + MOST_VERSIONS_AT_ONCE)
    assert follow(KEYS, KEYS) == KEYS
    assert follow(KEYS, LATER_KEYS) == LATER_KEYS
    assert follow(KEYS, later) == later, "a hall may have been away for long"


@pytest.mark.parametrize(
    ("held", "offered"),
    [
        (LATER_KEYS, KEYS),
        (KEYS, replace(KEYS, version=KEYS.version + MOST_VERSIONS_AT_ONCE + 1)),
        (KEYS, replace(KEYS, version=(1 << 63) - 1)),
        (KEYS, replace(KEYS, sealing=HALL_SEALING.public)),
        (KEYS, replace(LATER_KEYS, center="other.example")),
    ],
    ids=["rollback", "leap", "last version of all", "two of one version", "another center"],
)
def test_a_key_set_that_does_not_follow_is_refused(held: CenterKeys, offered: CenterKeys) -> None:
    with pytest.raises(KeySetRefused):
        follow(held, offered)


def small(name: str, kind: int) -> str:
    """The text of a verifier key of small order, its key id computed as for any other."""
    point = bytes([1]) + bytes(31)
    key_id = sha256(name.encode() + b"\n" + bytes([kind]) + point).digest()[:4]
    return f"{name}+{key_id.hex()}+{b64(bytes([kind]) + point)}"


@pytest.mark.parametrize("key", [LATER_KEYS.roster, LATER_KEYS.receipts, *LATER_KEYS.retired])
def test_a_key_of_small_order_is_refused_in_a_key_set_whoever_signed_it(key: Verifier) -> None:
    text = LATER_KEYS.text.replace(str(key), small(key.name, key.kind))
    with pytest.raises(UnknownKey, match="small order"):
        CenterKeys.open(ROOT.sign(text), ROOT.verifier)


@pytest.mark.parametrize("key", [LATER_ON_ROSTER.signing, LATER_ON_ROSTER.cosigning])
def test_a_key_of_small_order_is_refused_on_the_roster_and_as_new_keys(key: Verifier) -> None:
    weak = small(key.name, key.kind)
    with pytest.raises(UnknownKey, match="small order"):
        HallKeys.open(ROSTER.sign(LATER_ON_ROSTER.text.replace(str(key), weak)), ROSTER.verifier)
    signing = Signer("city.example/T01", b"n" * 32)
    request = replace(REQUEST, signing=signing.verifier)
    note = sign_rotation(signing, "city.example", request).decode()
    named = request.signing if key.kind == signing.verifier.kind else request.cosigning
    text = note.partition("\n\n")[0].replace(str(named), small(named.name, named.kind)) + "\n"
    with pytest.raises(Malformed):
        open_rotation(signing.sign(text), "city.example", "T01")


def test_new_keys_are_read_only_as_what_their_owner_signed_for_this_hall() -> None:
    signing = Signer("city.example/T01", b"n" * 32)
    request = replace(REQUEST, signing=signing.verifier)
    note = sign_rotation(signing, "city.example", request)
    assert open_rotation(note, "city.example", "T01") == request
    for center, hall in (("other.example", "T01"), ("city.example", "T02")):
        with pytest.raises(Malformed):
            open_rotation(note, center, hall)
    with pytest.raises(Malformed):
        open_rotation(
            ROSTER.sign(note.partition(b"\n\n")[0].decode() + "\n"), "city.example", "T01"
        )


# --- keys of a hall, one after the other ----------------------------------------------------------


def test_a_later_key_of_a_hall_says_from_which_epoch_it_writes() -> None:
    for keys in (
        LATER_ON_ROSTER,
        replace(LATER_ON_ROSTER, revoked_epoch=4, revoked_above=17),
        replace(ON_ROSTER, revoked_epoch=1, revoked_above=0),
    ):
        assert HallKeys.open(sign_hall(ROSTER, keys), ROSTER.verifier) == keys
    assert LATER_ON_ROSTER.signing.name == key_name("city.example", "T01", 3)
    assert ON_ROSTER.signing.name == key_name("city.example", "T01", 1)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n3\n4\n17\n", "\n0\n4\n17\n"),
        ("\n3\n4\n17\n", "\n5\n4\n17\n"),
        ("\n3\n4\n17\n", "\n3\n-\n17\n"),
        ("\n3\n4\n17\n", "\n3\n4\n-\n"),
        ("\n3\n4\n17\n", "\n-\n4\n17\n"),
        ("\n3\n4\n17\n", "\n1\n-\n-\n"),
        ("\n3\n4\n17\n", "\n3\n4\n17\n9\n"),
        ("onehall/hall/v2", "onehall/hall/v1"),
        ("onehall/hall/v2", "onehall/hall/v3"),
    ],
)
def test_a_signed_note_of_a_hall_that_makes_no_sense_is_refused(old: str, new: str) -> None:
    text = replace(LATER_ON_ROSTER, revoked_epoch=4, revoked_above=17).text
    assert old in text
    with pytest.raises(Malformed):
        HallKeys.open(ROSTER.sign(text.replace(old, new)), ROSTER.verifier)


def test_a_note_with_one_key_for_signing_and_cosigning_is_refused() -> None:
    twin = Signer("city.example/T01", b"s" * 32)
    cosigning = Signer("city.example/T01", b"s" * 32, COSIGNATURE).verifier
    keys = replace(ON_ROSTER, signing=twin.verifier, cosigning=cosigning)
    with pytest.raises(Malformed, match="two different keys"):
        HallKeys.open(sign_hall(ROSTER, keys), ROSTER.verifier)


def test_places_are_ordered_by_epoch_first_and_size_second() -> None:
    keys = replace(ON_ROSTER, revoked_epoch=3, revoked_above=17)
    assert [keys.end_of(epoch) for epoch in (1, 2, 3, 4, 99)] == [None, None, 17, 0, 0]
    assert ON_ROSTER.end_of(9) is None
    assert replace(ON_ROSTER, revoked_above=90).end_of(1) == 90, "the first form"


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
