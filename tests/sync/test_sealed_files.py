"""Files under encryption: one key for one content of one hall, every chunk in its place."""

from __future__ import annotations

import io
import os
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.errors import Malformed
from sync.files.sealed_files import (
    CHUNK_BYTES,
    TAG_BYTES,
    Scratch,
    content_key,
    digest_of,
    opened,
    sealed,
    sealed_size,
)
from tests.vectors.make import PLAIN_FILES, read, unpacked

KEY = b"k" * 32
SIZES = (1, 15, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 200_001)


def seal(plain: bytes, key: bytes = KEY) -> bytes:
    return b"".join(sealed(io.BytesIO(plain), key))


def unseal(raw: bytes, key: bytes = KEY) -> bytes:
    return b"".join(opened(io.BytesIO(raw), key))


@pytest.mark.parametrize("size", SIZES)
def test_a_file_is_opened_as_it_was_and_its_sealed_size_is_known_beforehand(size: int) -> None:
    plain = os.urandom(size)
    raw = seal(plain)
    assert unseal(raw) == plain
    assert len(raw) == sealed_size(size)


def test_the_same_content_has_one_key_in_one_hall_and_another_in_another() -> None:
    digest = digest_of(io.BytesIO(b"scan"))
    assert digest == sha256(b"scan").digest()
    key = content_key(b"s" * 32, "T01", digest)
    assert key == content_key(b"s" * 32, "T01", digest)
    others = {
        content_key(b"s" * 32, "T02", digest),
        content_key(b"t" * 32, "T01", digest),
        content_key(b"s" * 32, "T01", sha256(b"scan2").digest()),
    }
    assert len(others | {key}) == 4


@pytest.mark.parametrize("at", [0, 100, CHUNK_BYTES + TAG_BYTES + 3, -1])
def test_one_changed_bit_anywhere_is_found(at: int) -> None:
    raw = bytearray(seal(os.urandom(CHUNK_BYTES + 500)))
    raw[at] ^= 1
    with pytest.raises(Malformed):
        unseal(bytes(raw))


def test_a_file_cut_short_lengthened_or_with_chunks_in_another_order_is_refused() -> None:
    whole = CHUNK_BYTES + TAG_BYTES
    raw = seal(os.urandom(3 * CHUNK_BYTES))
    first, second, third = raw[:whole], raw[whole : 2 * whole], raw[2 * whole :]
    for wrong in (
        *(first + second, raw[:-1], raw + b"x", raw + third),
        *(second + first + third, first + third, first + first + third),
    ):
        with pytest.raises(Malformed):
            unseal(wrong)
    with pytest.raises(Malformed):
        unseal(raw, b"o" * 32)


@pytest.mark.parametrize("name", PLAIN_FILES)
def test_golden_files_are_sealed_and_opened_as_ever(name: str) -> None:
    golden = read("file.json")
    plain, one = PLAIN_FILES[name], golden[name]
    key = content_key(bytes.fromhex(golden["secret"]), golden["hall"], sha256(plain).digest())
    raw = seal(plain, key)
    assert (key.hex(), sha256(raw).hexdigest(), len(raw)) == (one["key"], one["name"], one["bytes"])
    if "sealed" in one:
        assert unseal(unpacked(one["sealed"]), key) == plain


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.binary(min_size=1, max_size=70), min_size=1, max_size=12),
    st.lists(st.tuples(st.integers(0, 900), st.integers(0, 200)), max_size=12),
)
def test_scratch_gives_back_what_was_written_at_any_place(
    parts: list[bytes], reads: list[tuple[int, int]]
) -> None:
    whole = b"".join(parts)
    with Scratch() as room:
        assert sum(room.write(part) for part in parts) == room.tell() == len(whole)
        for at, length in reads:
            room.seek(at)
            assert room.read(length) == whole[at : at + length]
        assert room.seek(0, io.SEEK_END) == len(whole)
        room.seek(0)
        assert room.read() == whole


def test_nothing_readable_of_scratch_is_on_the_disk() -> None:
    plain = b"NAMES AND NUMBERS" * 5_000
    with Scratch() as room:
        room.write(plain)
        on_disk = os.pread(room._descriptor, 2 * len(plain), 0)
        assert len(on_disk) == len(plain)
        assert b"NAMES" not in on_disk
