"""Personal parts on the way: opened by their receiver, in their place, and by nobody else."""

import hmac
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from hypothesis import given
from hypothesis import strategies as st

from sync.errors import Malformed, SyncError
from sync.private.sealing import (
    MAX_APART,
    MAX_PART_BYTES,
    WRAPPED_BYTES,
    Recipient,
    SealingKey,
    commitment,
    is_sealing_key,
    join_parts,
    seal,
    split_parts,
    unseal,
)

KEY, OTHER = SealingKey(b"k" * 32), SealingKey(b"o" * 32)
INFO = b"onehall/seal/v1\ncity.example/T01/1\n0\n9\n"
parts_of_a_batch = st.dictionaries(st.integers(0, 1 << 40), st.binary(max_size=200), max_size=6)


@given(parts_of_a_batch)
def test_what_was_sealed_is_opened_by_its_receiver(parts: dict[int, bytes]) -> None:
    assert unseal(seal(parts, KEY.public, INFO), KEY, INFO) == parts


TOGETHER = Recipient(KEY.public, together=True)
honest_parts = st.dictionaries(
    st.integers(0, 70_000), st.binary(min_size=32, max_size=300), max_size=30
)


@given(honest_parts)
def test_what_was_sealed_together_is_opened_by_its_receiver(parts: dict[int, bytes]) -> None:
    assert unseal(seal(parts, TOGETHER, INFO), KEY, INFO) == parts


def test_what_repeats_itself_from_person_to_person_takes_little_room_together() -> None:
    parts = {i: bytes([i]) * 32 + b'{"subject":"%s"}' % (b"abc" * 50) for i in range(100)}
    each, together = seal(parts, KEY.public, INFO), seal(parts, TOGETHER, INFO)
    assert len(together) < 100 * 40 < len(each)


@pytest.mark.parametrize(
    "odd",
    [
        {1: b"o" * 32 + b"a line\nbreak", 2: b"o" * 32 + b"{}"},
        {1: b"short", 2: b"o" * 32 + b"{}"},
        {1: b"o" * 32, MAX_APART + 2: b"o" * 32},
        {i: b"o" * 32 + bytes(60_000) for i in range(90)},
    ],
    ids=["a line break", "no opening", "far apart", "beyond the ratio"],
)
def test_parts_that_cannot_stand_together_travel_each_for_itself(odd: dict[int, bytes]) -> None:
    assert join_parts(odd) is None
    assert unseal(seal(odd, TOGETHER, INFO), KEY, INFO) == odd


@given(st.data())
def test_one_flipped_bit_is_found_in_parts_sealed_together(data: st.DataObject) -> None:
    section = bytearray(seal({1: b"o" * 32 + b"{}", 2: b"p" * 32 + b"{}"}, TOGETHER, INFO))
    section[data.draw(st.integers(0, len(section) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(Malformed):
        unseal(bytes(section), KEY, INFO)


@given(st.data())
def test_parts_that_a_hall_joined_wrongly_are_refused_in_words(data: st.DataObject) -> None:
    joined = bytearray(join_parts({3: b"o" * 32 + b"{}", 4: b"p" * 32 + b"{}"}) or b"")
    for _ in range(data.draw(st.integers(1, 3))):
        joined[data.draw(st.integers(0, len(joined) - 1))] = data.draw(st.integers(0, 255))
    joined = joined[: data.draw(st.integers(0, len(joined)))]
    try:
        parts = split_parts(bytes(joined))
    except Malformed:
        return
    assert all(len(part) >= 32 for part in parts.values())


def test_parts_that_inflate_beyond_every_measure_are_refused_before_they_do() -> None:
    joined = bytearray(join_parts({3: b"o" * 32 + b"{}"}) or b"")
    joined[4:8] = (1 << 31).to_bytes(4, "big")
    with pytest.raises(Malformed):
        split_parts(bytes(joined))


def test_nothing_to_seal_is_an_empty_section() -> None:
    assert seal({}, KEY.public, INFO) == b""
    assert unseal(b"", KEY, INFO) == {}


def test_a_section_for_another_receiver_or_batch_is_not_opened() -> None:
    section = seal({3: b"secret"}, KEY.public, INFO)
    with pytest.raises(Malformed):
        unseal(section, OTHER, INFO)
    with pytest.raises(Malformed):
        unseal(section, KEY, INFO.replace(b"\n9\n", b"\n8\n"))


def test_the_same_parts_are_sealed_differently_each_time() -> None:
    assert seal({1: b"x"}, KEY.public, INFO) != seal({1: b"x"}, KEY.public, INFO)


@given(st.data())
def test_one_flipped_bit_anywhere_is_found(data: st.DataObject) -> None:
    section = bytearray(seal({1: b"first", 2: b"second"}, KEY.public, INFO))
    section[data.draw(st.integers(0, len(section) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(Malformed):
        unseal(bytes(section), KEY, INFO)


@given(st.integers(1, 200))
def test_a_section_cut_short_is_refused_unless_whole_parts_are_missing(cut: int) -> None:
    """Whole parts at the end may be missing here; the signed hash of the section finds that."""
    section = seal({1: b"first", 2: b"second"}, KEY.public, INFO)
    short = section[: max(1, len(section) - cut)]
    try:
        found = unseal(short, KEY, INFO)
    except Malformed:
        return
    assert found in ({}, {1: b"first"})


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_a_refusal(raw: bytes) -> None:
    for section in (raw, seal({1: b"x"}, KEY.public, INFO)[:WRAPPED_BYTES] + raw):
        try:
            unseal(section, KEY, INFO)
        except SyncError as refusal:
            assert isinstance(refusal, Malformed)


@pytest.mark.parametrize("size", [0, 10, 16, 24, 31])
def test_a_wrapped_key_of_another_length_is_refused(size: int) -> None:
    suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
    wrapped = suite.encrypt(b"k" * size, X25519PublicKey.from_public_bytes(KEY.public), INFO)
    with pytest.raises(Malformed, match="32 bytes"):
        unseal(wrapped, KEY, INFO)


def reordered(section: bytes, first_bytes: int) -> bytes:
    """The first part behind the second one."""
    cut = WRAPPED_BYTES + 16 + first_bytes + 16
    return section[:WRAPPED_BYTES] + section[cut:] + section[WRAPPED_BYTES:cut]


def test_parts_out_of_order_twice_or_too_long_are_refused() -> None:
    section = seal({1: b"first", 2: b"second"}, KEY.public, INFO)
    with pytest.raises(Malformed, match="order"):
        unseal(reordered(section, 5), KEY, INFO)
    with pytest.raises(Malformed, match="order"):
        unseal(section + section[WRAPPED_BYTES:], KEY, INFO)
    with pytest.raises(Malformed, match="order"):
        unseal(seal({1: bytes(MAX_PART_BYTES)}, KEY.public, INFO), KEY, INFO)


@pytest.mark.parametrize("top", [0x00, 0x80])
@pytest.mark.parametrize(
    "text",
    [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ],
)
def test_no_point_of_small_order_is_a_sealing_key(text: str, top: int) -> None:
    public = bytearray.fromhex(text)
    public[31] |= top
    assert not is_sealing_key(bytes(public))
    with pytest.raises(ValueError, match="shared key"):
        seal({1: b"x"}, bytes(public), INFO)


def test_a_real_public_key_is_a_sealing_key_and_other_lengths_are_not() -> None:
    assert is_sealing_key(KEY.public)
    assert not is_sealing_key(KEY.public[:31]) and not is_sealing_key(KEY.public + b"x")


def test_a_commitment_tells_nothing_without_its_opening_and_binds_the_payload() -> None:
    payload = b'{"paper_no":"11010519491231002X"}'
    one, other = commitment(b"1" * 32, payload), commitment(b"2" * 32, payload)
    assert one != other and one == sha256(b"1" * 32 + payload).digest()
    assert commitment(b"1" * 32, payload + b" ") != one


# --- by hand, from RFC 9180 -------------------------------------------------------------------


def extract(salt: bytes, suite: bytes, label: bytes, material: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + material, "sha256")


def expand(secret: bytes, suite: bytes, label: bytes, info: bytes, size: int) -> bytes:
    labelled = size.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return hmac.digest(secret, labelled + b"\x01", "sha256")[:size]


def unwrapped_by_hand(wrapped: bytes, seed: bytes, info: bytes) -> bytes:
    """RFC 9180 sections 4.1, 5.1 and 6.1, base mode, suite 0x0020 0x0001 0x0002."""
    private = X25519PrivateKey.from_private_bytes(seed)
    enc, sealed = wrapped[:32], wrapped[32:]
    shared = private.exchange(X25519PublicKey.from_public_bytes(enc))
    kem = b"KEM" + (0x20).to_bytes(2, "big")
    context = enc + private.public_key().public_bytes_raw()
    secret = expand(
        extract(b"", kem, b"eae_prk", shared), kem, b"shared_secret", context, 32
    )  # fmt: skip
    suite = b"HPKE" + b"\x00\x20\x00\x01\x00\x02"
    schedule = (
        b"\x00" + extract(b"", suite, b"psk_id_hash", b"") + extract(b"", suite, b"info_hash", info)
    )
    prk = extract(secret, suite, b"secret", b"")
    key = expand(prk, suite, b"key", schedule, 32)
    nonce = expand(prk, suite, b"base_nonce", schedule, 12)
    return AESGCM(key).decrypt(nonce, sealed, b"")


def test_the_wrapped_key_is_rfc_9180_as_the_document_says() -> None:
    section = seal({7: b"opening and payload"}, KEY.public, INFO)
    content_key = unwrapped_by_hand(section[:WRAPPED_BYTES], b"k" * 32, INFO)
    where, length = section[80:92], int.from_bytes(section[92:96], "big")
    assert int.from_bytes(where, "big") == 7 and len(section) == 96 + length
    assert AESGCM(content_key).decrypt(where, section[96:], where) == b"opening and payload"
