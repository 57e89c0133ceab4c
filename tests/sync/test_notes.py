"""Signed notes: who is believed, and every way in which somebody must not be."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from sync.errors import Malformed, SyncError, UnknownKey
from sync.notes import (
    COSIGNATURE,
    ED25519,
    MAX_SIGNATURES,
    SMALL_ORDER,
    Checkpoint,
    Signer,
    Verifier,
    b64,
    decimal,
    is_small_order,
    open_note,
    unb64,
)

TEXT = "onehall/sample/v1\nfirst\n\nsecond\n"
ALICE, BOB = Signer("city.example/alice", b"a" * 32), Signer("city.example/bob", b"b" * 32)
CAROL = Signer("city.example/carol", b"c" * 32, COSIGNATURE)
IDENTITY = bytes([1]) + bytes(31)

# The eight points of small order in their canonical encodings (RFC 8032 section 5.1.2): order 1,
# 2, 4, 4, 8, 8, 8, 8; then the encodings that are not canonical.
EIGHT = (
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
)
TWINS = (
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
)


def lines_of(note: bytes) -> tuple[str, str]:
    """The text with its empty line, and the signature lines."""
    text, _, lines = note.decode().rpartition("\n\n")
    return text + "\n\n", lines


def with_lines(*lines: str) -> bytes:
    return (TEXT + "\n" + "".join(lines)).encode()


ALICE_LINE, BOB_LINE = lines_of(ALICE.sign(TEXT))[1], lines_of(BOB.sign(TEXT))[1]


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=50))
def test_a_signed_text_opens_with_its_key_and_with_no_other(text: str) -> None:
    note = ALICE.sign(text + "\n")
    opened = open_note(note, [ALICE.verifier])
    assert opened.text == text + "\n" and opened.signed_by == {ALICE.name}
    with pytest.raises(UnknownKey):
        open_note(note, [BOB.verifier])
    with pytest.raises(UnknownKey):
        open_note(note, [])


def test_a_key_of_the_same_name_is_not_the_same_key() -> None:
    with pytest.raises(UnknownKey, match="no signature"):
        open_note(ALICE.sign(TEXT), [Signer(ALICE.name, b"x" * 32).verifier])


@given(st.data())
def test_one_flipped_bit_anywhere_is_found(data: st.DataObject) -> None:
    note = bytearray(ALICE.sign(TEXT))
    place = data.draw(st.integers(0, len(note) - 1))
    note[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises((Malformed, UnknownKey)):
        open_note(bytes(note), [ALICE.verifier])


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_a_refusal(raw: bytes) -> None:
    with pytest.raises(SyncError):
        open_note(raw, [ALICE.verifier])


def test_unknown_keys_beside_a_known_one_are_ignored() -> None:
    junk = f"— somebody.else {b64(b'1234' + bytes(7))}\n"
    note = with_lines(junk, BOB_LINE, ALICE_LINE)
    assert open_note(note, [ALICE.verifier]).signed_by == {ALICE.name}


def test_a_known_key_whose_signature_fails_rejects_the_whole_note() -> None:
    forged = f"— {BOB.name} {b64(BOB.verifier.key_id + bytes(64))}\n"
    with pytest.raises(UnknownKey, match="does not hold"):
        open_note(with_lines(ALICE_LINE, forged), [ALICE.verifier, BOB.verifier])
    short = f"— {BOB.name} {b64(BOB.verifier.key_id + bytes(10))}\n"
    with pytest.raises(UnknownKey, match="does not hold"):
        open_note(with_lines(short, ALICE_LINE), [ALICE.verifier, BOB.verifier])


def test_two_copies_of_one_signature_count_once() -> None:
    note = with_lines(ALICE_LINE, ALICE_LINE)
    assert open_note(note, [ALICE.verifier, BOB.verifier]).signed_by == {ALICE.name}


def test_sixteen_signatures_are_accepted_and_seventeen_are_not() -> None:
    full = with_lines(*[ALICE_LINE] * MAX_SIGNATURES)
    assert open_note(full, [ALICE.verifier]).signed_by == {ALICE.name}
    with pytest.raises(Malformed, match="too many"):
        open_note(with_lines(*[ALICE_LINE] * (MAX_SIGNATURES + 1)), [ALICE.verifier])


def test_a_note_above_sixteen_kibibytes_is_refused_before_it_is_read() -> None:
    with pytest.raises(Malformed, match="too large"):
        open_note(ALICE.sign("x" * 17_000 + "\n"), [ALICE.verifier])


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n\n",
        TEXT.encode(),
        with_lines(),
        with_lines(ALICE_LINE.rstrip("\n")),
        with_lines(ALICE_LINE, "\n"),
        with_lines(ALICE_LINE.replace("—", "-")),
        with_lines(ALICE_LINE.replace("— ", "—")),
        with_lines(f"— {ALICE.name}\n"),
        with_lines(f"— {ALICE.name} \n"),
        with_lines(f"— {ALICE.name} {b64(b'123')}\n"),
        with_lines(ALICE_LINE.replace(" city", "  city")),
        with_lines(ALICE_LINE).replace(b"first", b"fi\xffst"),
        with_lines(ALICE_LINE).replace(b"first", b"fi\rst"),
        with_lines(ALICE_LINE).replace(b"first", b"fi\x00st"),
        with_lines(ALICE_LINE.replace("\n", "\r\n")),
    ],
)
def test_what_is_not_a_signed_note_is_refused(raw: bytes) -> None:
    with pytest.raises((Malformed, UnknownKey)):
        open_note(raw, [ALICE.verifier])


def test_only_the_last_empty_line_separates_text_from_signatures() -> None:
    inner = ALICE.sign("what was signed\n").decode()
    with pytest.raises(UnknownKey):
        open_note(with_lines(BOB_LINE).replace(b"first\n", inner.encode()), [ALICE.verifier])


@pytest.mark.parametrize("pad", ["=", "==", "\n", " "])
def test_base64_with_anything_added_is_refused(pad: str) -> None:
    with pytest.raises(Malformed):
        unb64(b64(b"abc") + pad, "sample")


@given(st.binary(min_size=1, max_size=5))
def test_only_one_spelling_of_base64_is_read(raw: bytes) -> None:
    text = b64(raw)
    assert unb64(text, "sample") == raw
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = len(text.rstrip("=")) - 1
    for letter in alphabet:
        other = text[:last] + letter + text[last + 1 :]
        if other != text and base64.b64decode(other) == raw:
            with pytest.raises(Malformed, match="canonical"):
                unb64(other, "sample")


def test_a_signature_in_another_spelling_of_base64_is_refused() -> None:
    name, encoded = ALICE_LINE[2:-1].split(" ")
    last = encoded.rstrip("=")[-1]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    body = encoded.rstrip("=")[:-1]
    twins = [body + c + "=" for c in alphabet if c != last]
    same = [t for t in twins if base64.b64decode(t) == base64.b64decode(encoded)]
    assert same, "68 bytes leave two unused bits"
    for twin in same:
        with pytest.raises(Malformed):
            open_note(with_lines(f"— {name} {twin}\n"), [ALICE.verifier])


def test_the_identity_key_would_verify_any_message_under_one_constant_signature() -> None:
    """Why small-order keys are refused: R = identity, S = 0 holds for whatever is signed."""
    constant = IDENTITY + bytes(32)
    for number in range(64):
        Ed25519PublicKey.from_public_bytes(IDENTITY).verify(constant, f"message {number}".encode())
    with pytest.raises(UnknownKey, match="small order"):
        Verifier("city.example/anybody", IDENTITY)


@pytest.mark.parametrize("text", [*EIGHT, *TWINS])
def test_no_encoding_of_a_point_of_small_order_becomes_a_key(text: str) -> None:
    public = bytes.fromhex(text)
    assert is_small_order(public)
    with pytest.raises(UnknownKey):
        Verifier("x", public)
    encoded = b64(bytes([ED25519]) + public)
    with pytest.raises(UnknownKey):
        Verifier.parse(f"x+00000000+{encoded}")
    assert bytes([*public[:31], public[31] & 0x7F]) in SMALL_ORDER


@pytest.mark.parametrize("public", [b"", bytes(31), bytes(33)])
def test_a_key_of_another_length_is_refused(public: bytes) -> None:
    with pytest.raises(UnknownKey):
        Verifier("x", public)


@pytest.mark.parametrize(
    "name", ["", "a b", "a+b", "a\nb", "a\tb", "a\u00a0b", "a\u2028b", "a\x7f"]
)
def test_a_name_with_space_plus_or_control_character_is_refused(name: str) -> None:
    with pytest.raises(Malformed):
        Verifier(name, ALICE.verifier.public)


def test_a_verifier_key_is_written_and_read_again() -> None:
    for signer in (ALICE, CAROL):
        assert Verifier.parse(str(signer.verifier)) == signer.verifier


@pytest.mark.parametrize(
    "text",
    [
        "",
        "alice",
        "alice+00000000",
        "alice+00000000+????",
        f"alice+00000000+{b64(bytes(33))}",
        f"alice+00000000+{b64(bytes([9]) + b'a' * 32)}",
        str(ALICE.verifier).replace("alice", "mallory"),
        str(ALICE.verifier).replace("+", "+0", 1),
    ],
)
def test_a_verifier_key_of_another_form_or_key_id_is_refused(text: str) -> None:
    with pytest.raises((Malformed, UnknownKey)):
        Verifier.parse(text)


# --- checkpoints and cosignatures -----------------------------------------------------------

POINT = Checkpoint("city.example/T01/1", 7, bytes(range(32)))


def test_a_checkpoint_is_written_and_read_again() -> None:
    assert Checkpoint.parse(POINT.text) == POINT


@pytest.mark.parametrize(
    "text",
    [
        "",
        POINT.text.rstrip("\n"),
        POINT.text + "extension\n",
        POINT.text.replace("\n7\n", "\n07\n"),
        POINT.text.replace("\n7\n", "\n-7\n"),
        POINT.text.replace("\n7\n", "\n+7\n"),
        POINT.text.replace("\n7\n", "\n7.0\n"),
        POINT.text.replace("\n7\n", "\n٧\n"),
        POINT.text.replace("\n7\n", "\n\n"),
        POINT.text.replace("\n7\n", f"\n{1 << 63}\n"),
        POINT.text.replace("\n7\n", f"\n{'9' * 5000}\n"),
        POINT.text.replace("city.example", "city example"),
        f"city.example/T01/1\n7\n{b64(bytes(31))}\n",
        f"city.example/T01/1\n7\n{b64(bytes(32))[:-1]}\n",
    ],
)
def test_what_is_not_a_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        Checkpoint.parse(text)


@given(st.integers(0, (1 << 63) - 1))
def test_every_number_below_two_to_the_sixty_three_has_one_spelling(number: int) -> None:
    assert decimal(str(number)) == number
    with pytest.raises(Malformed):
        decimal("0" + str(number))


def test_a_cosignature_tells_its_time_and_holds_for_nothing_else() -> None:
    note = ALICE.sign(POINT.text) + CAROL.cosign(POINT.text, 1_795_480_197)
    opened = open_note(note, [ALICE.verifier, CAROL.verifier])
    assert opened.times == {CAROL.name: 1_795_480_197}
    assert opened.signed_by == {ALICE.name, CAROL.name}
    other = Checkpoint(POINT.origin, 8, POINT.root)
    with pytest.raises(UnknownKey):
        open_note(note.replace(POINT.text.encode(), other.text.encode()), [CAROL.verifier])


def test_a_plain_signature_of_the_same_key_is_no_cosignature() -> None:
    """A receipt replayed as something signed, or the other way round, has another key id."""
    plain = Signer(CAROL.name, b"c" * 32)
    assert plain.verifier.public == CAROL.verifier.public
    with pytest.raises(UnknownKey):
        open_note(plain.sign(POINT.text), [CAROL.verifier])
    cosigned = ALICE.sign(POINT.text) + CAROL.cosign(POINT.text, 5)
    with pytest.raises(UnknownKey):
        open_note(cosigned, [plain.verifier])


def test_a_cosignature_with_another_time_does_not_hold() -> None:
    line = CAROL.cosign(POINT.text, 5).decode()
    payload = bytearray(base64.b64decode(line.split(" ")[2]))
    payload[11] = 6
    forged = f"— {CAROL.name} {b64(bytes(payload))}\n"
    with pytest.raises(UnknownKey):
        open_note((POINT.text + "\n" + forged).encode(), [CAROL.verifier])
    cut = f"— {CAROL.name} {b64(bytes(payload[:-1]))}\n"
    with pytest.raises(Malformed):
        open_note((POINT.text + "\n" + cut).encode(), [CAROL.verifier])
