"""The unit that travels: whatever is altered, cut, inflated or mixed up is refused in words."""

import struct
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from sync.batch import (
    FREE_LEAVES_BYTES,
    MAX_BATCH_BYTES,
    MAX_ENTRIES,
    MAX_LEAVES_BYTES,
    Batch,
    Header,
    claimed_origin,
    join_leaves,
    pack,
    split_leaves,
    unpack,
)
from sync.entries import MAX_LEAF_BYTES
from sync.errors import Malformed, SyncError, TooLarge, UnknownKey
from sync.frames import MAX_RATIO, inflate
from sync.merkle import leaf_hash, root_of
from sync.notes import Checkpoint, Signer
from sync.private.sealing import SealingKey

ORIGIN = "city.example/T01/1"
HALL, OTHER = Signer("city.example/T01", b"h" * 32), Signer("city.example/T02", b"o" * 32)
CENTER = SealingKey(b"c" * 32)
LEAVES = [b'{"kind":"sample","v":%d}' % n for n in range(1, 8)]
PARTS = {4: b"o" * 32 + b"{}", 6: b"p" * 32 + b'{"name":"x"}'}
START, STOP = 3, 10


def head(stop: int = STOP, origin: str = ORIGIN) -> Checkpoint:
    return Checkpoint(origin, stop, root_of(map(leaf_hash, LEAVES)))


RAW = pack(HALL, head(), START, 12, (LEAVES, PARTS, CENTER.public))


def opened(raw: bytes) -> tuple[Batch, list[bytes], dict[int, bytes]]:
    """Everything a receiver reads out of a batch before it looks at its own copy."""
    batch = unpack(raw, [HALL.verifier])
    return batch, batch.leaves(), batch.personal(CENTER)


def framed(header: bytes, point: bytes, rest: bytes) -> bytes:
    return b"onehall-batch/1 %d %d\n" % (len(header), len(point)) + header + point + rest


def resigned(change: Callable[[Header], Header], rest: bytes | None = None) -> bytes:
    """The batch with another header, signed by the hall itself: what a faulty hall could send."""
    batch = unpack(RAW, [HALL.verifier])
    sections = batch.leaves_section + batch.sealed_section if rest is None else rest
    return framed(HALL.sign(change(batch.header).text), batch.head_note, sections)


def with_leaves_section(section: bytes, plain: int) -> bytes:
    """A batch whose hall signed this leaves section."""
    sealed = unpack(RAW, [HALL.verifier]).sealed_section
    return resigned(
        lambda h: replace(
            h,
            leaves_bytes=len(section),
            leaves_plain_bytes=plain,
            leaves_hash=sha256(section).hexdigest(),
        ),
        section + sealed,
    )


@given(
    st.lists(st.binary(min_size=1, max_size=80).map(lambda b: b.replace(b"\n", b"-")), min_size=1),
    st.integers(0, 1000),
    st.data(),
)
def test_what_was_packed_is_unpacked(leaves: list[bytes], start: int, data: st.DataObject) -> None:
    stop = start + len(leaves)
    indices = data.draw(st.sets(st.integers(start, stop - 1)))
    parts = {index: bytes([index % 256]) * 40 for index in indices}
    point = Checkpoint(ORIGIN, stop, root_of(map(leaf_hash, leaves)))
    raw = pack(HALL, point, start, stop + 5, (leaves, parts, CENTER.public))
    batch, found, opened_parts = opened(raw)
    assert (found, opened_parts, batch.head) == (leaves, parts, point)
    assert (batch.header.start, batch.header.stop, batch.header.log_size) == (start, stop, stop + 5)
    assert batch.header.text == Header.parse(batch.header.text).text
    assert claimed_origin(raw) == ORIGIN


@given(st.data())
def test_one_flipped_bit_anywhere_is_refused(data: st.DataObject) -> None:
    raw = bytearray(RAW)
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(SyncError):
        opened(bytes(raw))


def test_a_flipped_bit_of_every_single_byte_is_refused() -> None:
    for place in range(len(RAW)):
        raw = bytearray(RAW)
        raw[place] ^= 0x10
        with pytest.raises(SyncError):
            opened(bytes(raw))


def test_a_batch_cut_anywhere_or_with_something_behind_it_is_refused() -> None:
    for size in range(len(RAW)):
        with pytest.raises(Malformed):
            unpack(RAW[:size], [HALL.verifier])
    for more in (b"\0", b"\n", RAW):
        with pytest.raises(Malformed):
            unpack(RAW + more, [HALL.verifier])


@given(st.binary(max_size=400))
def test_no_bytes_raise_anything_but_a_refusal(raw: bytes) -> None:
    for candidate in (raw, b"onehall-batch/1 " + raw, b"onehall-batch/1 10 10\n" + raw):
        with pytest.raises(SyncError):
            opened(candidate)
        try:
            claimed_origin(candidate)
        except SyncError as refusal:
            assert isinstance(refusal, Malformed)


@given(st.data())
def test_no_signed_sections_raise_anything_but_a_refusal(data: st.DataObject) -> None:
    """The hall's own key signs junk: sizes and hashes agree, the content does not."""
    leaves, sealed = data.draw(st.binary(max_size=200)), data.draw(st.binary(max_size=200))
    plain = data.draw(st.integers(0, MAX_RATIO * len(leaves)))
    raw = resigned(
        lambda h: replace(
            h,
            leaves_bytes=len(leaves),
            leaves_plain_bytes=plain,
            leaves_hash=sha256(leaves).hexdigest(),
            sealed_bytes=len(sealed),
            sealed_hash=sha256(sealed).hexdigest(),
        ),
        leaves + sealed,
    )
    batch = unpack(raw, [HALL.verifier])
    with pytest.raises(SyncError):
        batch.leaves()
    if sealed:
        with pytest.raises(SyncError):
            batch.personal(CENTER)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"onehall-batch/2 300 181\n",
        b"onehall-batch/1 300\n",
        b"onehall-batch/1 300 181 \n",
        b"onehall-batch/1 0300 181\n",
        b"onehall-batch/1 -1 181\n",
        b"onehall-batch/1 \xff 181\n",
        b"onehall-batch/1 \xd9\xa3 181\n",
        b"onehall-batch/1 99999999999 181\n",
        b"onehall-batch/1 " + b"1" * 60 + b" 1\n",
        b"onehall-batch/1 300 181 " + b" " * 100 + b"\n",
    ],
)
def test_a_first_line_of_another_form_is_refused(line: bytes) -> None:
    with pytest.raises(Malformed):
        unpack(line + RAW.partition(b"\n")[2], [HALL.verifier])
    with pytest.raises(Malformed):
        claimed_origin(line + b"x")


def test_an_unsigned_batch_and_one_of_another_key_are_refused() -> None:
    with pytest.raises(UnknownKey):
        unpack(RAW, [OTHER.verifier])
    with pytest.raises(UnknownKey):
        unpack(RAW, [])
    forged = pack(OTHER, head(), START, 12, (LEAVES, PARTS, CENTER.public))
    with pytest.raises(UnknownKey):
        unpack(forged, [HALL.verifier])


def test_a_header_of_one_key_with_a_checkpoint_of_another_is_refused() -> None:
    batch = unpack(RAW, [HALL.verifier])
    mixed = framed(batch.header_note, OTHER.sign(head().text), b"")
    with pytest.raises(Malformed, match="different keys"):
        unpack(mixed, [HALL.verifier, OTHER.verifier])


@pytest.mark.parametrize(
    "point",
    [head(9), head(11), head(origin="city.example/T02/1"), head(origin="city.example/T01/2")],
)
def test_a_header_with_the_checkpoint_of_another_size_or_log_is_refused(point: Checkpoint) -> None:
    batch = unpack(RAW, [HALL.verifier])
    raw = framed(batch.header_note, HALL.sign(point.text), RAW[-5:])
    with pytest.raises(Malformed, match="different logs or sizes"):
        unpack(raw, [HALL.verifier])


def test_a_receipt_or_checkpoint_in_the_place_of_the_header_is_refused() -> None:
    batch = unpack(RAW, [HALL.verifier])
    with pytest.raises(Malformed, match="header"):
        unpack(framed(batch.head_note, batch.head_note, b""), [HALL.verifier])
    with pytest.raises(Malformed, match="checkpoint"):
        unpack(framed(batch.header_note, batch.header_note, b""), [HALL.verifier])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n3\n10\n", "\n10\n10\n"),
        ("\n3\n10\n", "\n11\n10\n"),
        ("\n10\n12\n", "\n10\n9\n"),
        ("\n3\n10\n", "\n03\n10\n"),
        ("\n3\n10\n", "\n-3\n10\n"),
        ("onehall/batch/v1\n", "onehall/batch/v2\n"),
        ("onehall/batch/v1\n", "onehall/batch/v1\nmore\n"),
    ],
)
def test_a_signed_header_that_makes_no_sense_is_refused(old: str, new: str) -> None:
    text = unpack(RAW, [HALL.verifier]).header.text
    assert old in text
    with pytest.raises(Malformed):
        Header.parse(text.replace(old, new, 1))


@pytest.mark.parametrize(
    "change",
    [
        {"stop": START + MAX_ENTRIES + 1, "log_size": 1 << 40},
        {"leaves_plain_bytes": MAX_LEAVES_BYTES + 1, "leaves_bytes": MAX_LEAVES_BYTES},
        {"leaves_bytes": MAX_BATCH_BYTES, "sealed_bytes": 1},
        {"sealed_bytes": MAX_BATCH_BYTES},
        {"leaves_bytes": 30_000, "leaves_plain_bytes": 30_000 * MAX_RATIO + 1},
        {"leaves_bytes": 0, "leaves_plain_bytes": FREE_LEAVES_BYTES + 1},
    ],
)
def test_a_signed_header_above_a_cap_is_refused_before_anything_is_read(
    change: dict[str, int],
) -> None:
    header = unpack(RAW, [HALL.verifier]).header
    with pytest.raises(TooLarge):
        Header.parse(replace(header, **change).text)  # type: ignore[arg-type]


def test_a_header_exactly_at_every_cap_is_read() -> None:
    header = unpack(RAW, [HALL.verifier]).header
    full = replace(
        header,
        stop=START + MAX_ENTRIES,
        log_size=(1 << 63) - 1,
        leaves_plain_bytes=MAX_LEAVES_BYTES,
        leaves_bytes=MAX_LEAVES_BYTES,
        sealed_bytes=MAX_BATCH_BYTES - MAX_LEAVES_BYTES,
    )
    assert Header.parse(full.text) == full


def test_a_bomb_is_cut_off_at_the_signed_size() -> None:
    """A quarter of a gigabyte in 8 KB: the reader never holds more than was signed."""
    bomb = zstandard.ZstdCompressor(level=3).compress(bytes(1 << 28))
    assert len(bomb) < 50_000
    plain = min(MAX_RATIO * len(bomb), MAX_LEAVES_BYTES)
    batch = unpack(with_leaves_section(bomb, plain), [HALL.verifier])
    with pytest.raises(Malformed, match="another size"):
        batch.leaves()


def test_a_bomb_that_admits_its_size_passes_a_cap() -> None:
    bomb = zstandard.ZstdCompressor(level=3).compress(bytes(1 << 24))
    with pytest.raises(TooLarge):
        unpack(with_leaves_section(bomb, 1 << 24), [HALL.verifier])


def test_a_frame_that_lies_about_its_content_size_is_cut_off_all_the_same() -> None:
    """``decompress(max_output_size=…)`` would trust the size that the frame states."""
    plain = join_leaves(LEAVES)
    frame = bytearray(zstandard.ZstdCompressor(write_content_size=True).compress(plain))
    assert zstandard.get_frame_parameters(bytes(frame)).content_size == len(plain)
    with pytest.raises(Malformed):
        inflate(bytes(frame), len(plain) - 1)
    with pytest.raises(Malformed):
        inflate(bytes(frame), len(plain) + 1)
    assert inflate(bytes(frame), len(plain)) == plain


def test_a_frame_that_wants_a_huge_window_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=27, enable_ldm=True)
    maker = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    frame = maker.compress(bytes(1 << 24)) + maker.flush()
    with pytest.raises(Malformed):
        inflate(frame, 1 << 24)


SKIPPABLE = struct.pack("<II", 0x184D2A50, 4) + b"hide"


def frame_of(plain: bytes, *, checksum: bool = False) -> bytes:
    return zstandard.ZstdCompressor(level=3, write_checksum=checksum).compress(plain)


@pytest.mark.parametrize(
    "section",
    [
        b"",
        b"plain text that is no frame",
        frame_of(b"a\n") + frame_of(b"b\n"),
        frame_of(b"a\n") + b"\0",
        SKIPPABLE + frame_of(b"a\n"),
        frame_of(b"a\n") + SKIPPABLE,
        frame_of(b"a\n" * 9000)[:-1],
    ],
)
def test_a_leaves_section_that_is_not_one_frame_from_end_to_end_is_refused(section: bytes) -> None:
    with pytest.raises(Malformed):
        inflate(section, 2)


@pytest.mark.parametrize("checksum", [True, False])
@pytest.mark.parametrize("plain", [b"a\n", b"\0" * 300_000, bytes(range(256)) * 2000])
def test_one_frame_of_any_kind_of_block_is_read(plain: bytes, checksum: bool) -> None:
    assert inflate(frame_of(plain, checksum=checksum), len(plain)) == plain


@pytest.mark.parametrize(
    "plain",
    [
        b"",
        join_leaves(LEAVES[:-1]),
        join_leaves([*LEAVES, b"{}"]),
        join_leaves(LEAVES)[:-1],
        join_leaves(LEAVES) + b"{}",
        b"\n" * (len(LEAVES) + 1),
    ],
)
def test_another_number_of_entries_than_was_signed_is_refused(plain: bytes) -> None:
    with pytest.raises(Malformed, match="number of entries"):
        split_leaves(plain, len(LEAVES))
    section = frame_of(plain)
    batch = unpack(with_leaves_section(section, len(plain)), [HALL.verifier])
    with pytest.raises(Malformed):
        batch.leaves()


def test_an_entry_above_sixty_four_kibibytes_is_refused() -> None:
    assert split_leaves(b"x" * MAX_LEAF_BYTES + b"\n", 1)
    with pytest.raises(TooLarge):
        split_leaves(b"x" * (MAX_LEAF_BYTES + 1) + b"\n", 1)


def test_a_sealed_part_for_an_entry_outside_the_batch_is_refused() -> None:
    for index in (START - 1, STOP, 1 << 40):
        raw = pack(HALL, head(), START, 12, (LEAVES, {index: b"x" * 40}, CENTER.public))
        with pytest.raises(Malformed, match="outside"):
            unpack(raw, [HALL.verifier]).personal(CENTER)


def test_the_sealed_section_of_one_batch_does_not_open_in_another() -> None:
    """The info string binds it to origin, from and to."""
    sealed = unpack(RAW, [HALL.verifier]).sealed_section
    later = Checkpoint(ORIGIN, STOP + 1, head().root)
    other = unpack(pack(HALL, later, START + 1, 12, (LEAVES, {}, CENTER.public)), [HALL.verifier])
    header = replace(other.header, sealed_bytes=len(sealed), sealed_hash=sha256(sealed).hexdigest())
    raw = framed(HALL.sign(header.text), other.head_note, other.leaves_section + sealed)
    with pytest.raises(Malformed, match="not sealed to this receiver"):
        unpack(raw, [HALL.verifier]).personal(CENTER)


def test_no_name_number_or_telephone_is_readable_in_a_batch() -> None:
    payload = b"o" * 32 + '{"applicant_name":"张三","mobile":"13904351234"}'.encode()
    raw = pack(HALL, head(), START, 12, (LEAVES, {5: payload}, CENTER.public))
    plain = unpack(raw, [HALL.verifier]).leaves()
    for secret in ("张三".encode(), b"13904351234"):
        assert secret not in raw and secret not in b"".join(plain)
