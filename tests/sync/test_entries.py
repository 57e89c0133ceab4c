"""Leaves of every record type: one spelling, no personal field, and strict reading of the rest."""

import json
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from standards.records import RECORDS
from standards.records.declare import (
    Record,
    fields_of,
    logged_bytes,
    parts_of,
    personal_bytes,
)
from sync.entries import (
    MAX_LEAF_BYTES,
    Leaf,
    NewerKind,
    Unreadable,
    encode_leaf,
    new_id,
    read_generic,
    read_leaf,
)
from sync.errors import Malformed
from sync.notes import b64
from sync.private.sealing import commitment
from tests.samples import KINDS, SAMPLES, any_record, records_of
from tests.vectors.make import leaf_of

every_type = pytest.mark.parametrize("record_type", RECORDS, ids=lambda r: r.kind)
every_sample = pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)


def leaf_for(record: Record, **changed: Any) -> Leaf:
    payload = personal_bytes(record)
    promised = None if payload is None else b64(commitment(b"o" * 32, payload))
    fields: dict[str, Any] = {
        "actor": "T01-003",
        "at": "2026-11-24T00:29:57.123Z",
        "body": msgspec.Raw(logged_bytes(record)),
        "boot": "b",
        "commitment": promised,
        "id": new_id(1_795_480_197_123),
        "kind": record.kind,
        "mono": 5,
        "v": 1,
    }
    return Leaf(**{**fields, **changed})


def rewritten(record: Record, change: Any) -> bytes:
    """The sample's leaf as plain JSON, changed, and written deterministically again."""
    whole = json.loads(encode_leaf(leaf_for(record)))
    change(whole)
    return msgspec.json.encode(whole, order="sorted")


@every_type
@settings(max_examples=25)
@given(data=st.data())
def test_a_record_comes_back_from_its_leaf_and_payload_as_it_went_in(
    record_type: type[Record], data: st.DataObject
) -> None:
    record = data.draw(records_of(record_type))
    raw = encode_leaf(leaf_for(record))
    leaf, found, logged = read_leaf(raw, KINDS)
    assert found is record_type and encode_leaf(leaf) == raw
    values = {name: getattr(logged, name) for name in logged.__struct_fields__}
    payload, decoder = personal_bytes(record), parts_of(record_type).read_personal
    assert (payload is None) is (decoder is None) is (leaf.commitment is None)
    if payload is not None and decoder is not None:
        opened = decoder.decode(payload)
        values |= {name: getattr(opened, name) for name in opened.__struct_fields__}
    assert record_type(**values) == record


@every_type
@settings(max_examples=25)
@given(data=st.data())
def test_a_leaf_has_one_spelling(record_type: type[Record], data: st.DataObject) -> None:
    raw = encode_leaf(leaf_for(data.draw(records_of(record_type))))
    assert b"\n" not in raw and read_generic(raw)
    loose = json.dumps(json.loads(raw), ensure_ascii=False).encode()
    with pytest.raises(Unreadable, match="spelling"):
        read_leaf(loose, KINDS)


@every_type
def test_no_personal_field_stands_in_a_leaf(record_type: type[Record]) -> None:
    """Every text of the record is unlike any other, so that a leak would show."""
    record = SAMPLES[record_type.kind]
    told = {
        f.name: f"泄露{number:04d}" for number, f in enumerate(fields_of(record_type))
        if f.field.personal
    }  # fmt: skip
    raw = encode_leaf(leaf_for(msgspec.structs.replace(record, **told)))
    assert not re.search("泄露".encode(), raw)
    assert not any(f'"{name}"'.encode() in raw for name in told)
    assert (b'"commitment"' in raw) is bool(told)


@every_sample
def test_a_field_that_has_its_default_is_left_out(sample: Record) -> None:
    body = json.loads(logged_bytes(sample))
    for field in fields_of(type(sample)):
        if not field.required and getattr(sample, field.name) == field.default:
            assert field.name not in body


@every_sample
def test_an_old_leaf_stays_canonical_when_a_field_is_added_with_a_default(sample: Record) -> None:
    grown: Any = msgspec.defstruct(
        "Grown",
        [(f.name, f.type) if f.required else (f.name, f.type, f.default)
         for f in fields_of(type(sample)) if not f.field.personal]
        + [("a_later_field", str, "")],
        kw_only=True, frozen=True, omit_defaults=True, forbid_unknown_fields=True,
    )  # fmt: skip
    old = logged_bytes(sample)
    assert msgspec.json.encode(msgspec.json.decode(old, type=grown), order="sorted") == old


@every_sample
def test_an_unknown_field_is_newer_and_not_broken(sample: Record) -> None:
    for change in (
        lambda whole: whole["body"].update(a_later_field="x"),
        lambda whole: whole.update(a_later_field={"deep": [1, 2]}),
        lambda whole: whole.update(v=2),
        lambda whole: whole.update(kind="a_later_kind"),
    ):
        with pytest.raises(NewerKind):
            read_leaf(rewritten(sample, change), KINDS)


@every_sample
def test_a_missing_or_misplaced_field_is_unreadable(sample: Record) -> None:
    required = [f.name for f in fields_of(type(sample)) if f.required and not f.field.personal]
    for name in required:
        with pytest.raises(Unreadable, match="bounds"):
            read_leaf(rewritten(sample, lambda whole, name=name: whole["body"].pop(name)), KINDS)
        with pytest.raises(Unreadable, match="bounds"):
            read_leaf(
                rewritten(sample, lambda whole, name=name: whole["body"].update({name: [[]]})),
                KINDS,
            )


@every_sample
def test_a_default_that_is_written_out_is_unreadable(sample: Record) -> None:
    defaults = {
        f.name: f.default for f in fields_of(type(sample)) if not f.required and f.default == ""
        and not f.field.personal and getattr(sample, f.name) == ""
    }  # fmt: skip
    for name, value in defaults.items():
        with pytest.raises(Unreadable):
            read_leaf(
                rewritten(sample, lambda whole, n=name, v=value: whole["body"].update({n: v})),
                KINDS,
            )
    with pytest.raises(Unreadable):
        read_leaf(rewritten(sample, lambda whole: whole.update(policy=0)), KINDS)


SAMPLE = encode_leaf(leaf_of(SAMPLES["face_consent"], 1))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"v":1', b'"v":1,"v":1'),
        (b'"mono":81234567', b'"mono":NaN'),
        (b'"mono":81234567', b'"mono":-Infinity'),
        (b'"mono":81234567', b'"mono":8.0'),
        (b'"mono":81234567', b'"mono":8e1'),
        (b'"mono":81234567', b'"mono":-5'),
        (b'"mono":81234567', b'"mono":' + b"9" * 19),
        (b'"mono":81234567', b'"mono":' + b"9" * 60_000),
        (b'"mono":81234567', b'"mono":081234567'),
        (b'"v":1', b'"v":true'),
        (b'"v":1', b'"v":"1"'),
        (b'"v":1', b'"v":-0'),
        (b'"v":1', b'"v":0'),
        (b'T01-003","at"', b'T01-\\ud800","at"'),
        (b'T01-003","at"', b'T01-\\u0000","at"'),
        (b'T01-003","at"', b'T01-\\u4e00","at"'),
        (b'T01-003","at"', b'T01-\xff","at"'),
        (b'T01-003","at"', b"T" * 65 + b'","at"'),
        (b".123Z", b".123Z\\n"),
        (b".123Z", b"Z"),
        (b"2026-11-24T", "２０２６-11-24T".encode()),
        (b'"boot"', b' "boot"'),
        (b"0193b2c4", b"0193B2C4"),
        (b"-7000-", b"-4000-"),
        (b'-000000000001"', b'-000000000001\\n"'),
        (b'"face_consent"', b'"face_consent\\n"'),
        (b'"given":true', b'"given":1'),
        (b'"2026-11-24","given"', b'"2026-02-30","given"'),
        (b'"body":{', b'"body":[{'),
        (b'"policy":80', b'"files":["00"],"policy":80'),
        (b'"boot"', b'"commitment":null,"boot"'),
        (b'{"actor"', b'\xef\xbb\xbf{"actor"'),
    ],
)
def test_a_leaf_against_the_rules_is_unreadable(old: bytes, new: bytes) -> None:
    assert old in SAMPLE
    with pytest.raises(Unreadable):
        read_leaf(SAMPLE.replace(old, new, 1), KINDS)


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"null", b"[]", b'""', b"{}", b"{", b"\xff", b"{}\n",
        b"[" * 100_000, b'{"a":' * 60_000 + b"1" + b"}" * 4_000,
        b'{"body":' + b"[" * 30_000 + b"]" * 30_000 + b',"kind":"punch","v":1}',
        b'{"body":{},"kind":"punch","v":' + b"9" * 65_000 + b"}",
        b'{"body":{},"kind":7,"v":1}', b'{"body":{},"kind":"punch"}', b'{"kind":"punch","v":1}',
        b'{"body":{},"kind":"punch","v":1}',
    ],
)  # fmt: skip
def test_what_no_version_of_the_format_allows_is_unreadable(raw: bytes) -> None:
    with pytest.raises(Unreadable):
        read_leaf(raw, KINDS)


def test_the_generic_reader_takes_no_more_than_sixty_four_kibibytes() -> None:
    room = MAX_LEAF_BYTES - len(b'{"body":{},"kind":"later","t":"","v":1}')
    fits = b'{"body":{},"kind":"later","t":"' + b"x" * room + b'","v":1}'
    with pytest.raises(NewerKind):
        read_leaf(fits, KINDS)
    with pytest.raises(Unreadable, match="64 KiB"):
        read_leaf(fits.replace(b"xx", b"xxx", 1), KINDS)


def test_a_leaf_above_sixty_four_kibibytes_or_with_u0000_is_never_written() -> None:
    step = SAMPLES["case_step"]
    long = msgspec.structs.replace(step, materials=("M" * 100,) * 700)
    with pytest.raises(Malformed, match="64 KiB"):
        encode_leaf(leaf_for(long))
    with pytest.raises(Malformed, match="U"):
        encode_leaf(leaf_for(msgspec.structs.replace(step, materials=("a\0b",))))


@settings(max_examples=300)
@given(any_record, st.data())
def test_no_bytes_raise_anything_but_newer_or_unreadable(
    record: Record, data: st.DataObject
) -> None:
    raw = bytearray(encode_leaf(leaf_for(record)))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(raw) - 1))
        raw[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        leaf, _, _ = read_leaf(bytes(raw), KINDS)
    except (NewerKind, Unreadable):
        return
    assert encode_leaf(leaf) == raw


@given(st.integers(0, (1 << 48) - 1), st.binary(min_size=10, max_size=10))
def test_an_id_is_a_uuid_of_version_seven_that_begins_with_its_time(ms: int, noise: bytes) -> None:
    text = new_id(ms, noise)
    assert re.fullmatch(
        r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", text
    )
    plain = text.replace("-", "")
    assert int(plain[:12], 16) == ms
    kept = int(plain, 16) ^ int.from_bytes(noise, "big")
    assert kept & ~(0xF << 76 | 0x3 << 62) & (1 << 80) - 1 == 0, "74 of the 80 bits are random"
    later = new_id(min(ms + 1, (1 << 48) - 1), noise)
    assert later >= text and new_id(ms) != new_id(ms)
