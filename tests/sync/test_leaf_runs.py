"""Many leaves read at once say what each of them says when it is read alone."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from standards.records import RECORDS, CaseReceived, FaceConsent
from sync.entries import Leaf, NewerKind, Unreadable, encode_leaf, new_id, read_leaf
from sync.leaf_runs import Reading, read_leaves
from tests.samples import KINDS, SAMPLES, records_of
from tests.vectors.make import leaf_of

LEAVES = [encode_leaf(leaf_of(sample, n)) for n, sample in enumerate(SAMPLES.values())]
SAMPLE = SAMPLES[CaseReceived.kind]


def changed(**fields: Any) -> bytes:
    """The leaf of a case with other values, written deterministically."""
    whole = json.loads(encode_leaf(leaf_of(SAMPLE, 1)))
    return msgspec.json.encode({**whole, **fields}, order="sorted")


def alone(raw: bytes) -> Reading | None:
    try:
        return read_leaf(raw, KINDS)
    except (NewerKind, Unreadable):
        return None


def assert_same(together: Reading | None, one: Reading | None) -> None:
    assert together is not None and one is not None
    assert together[1:] == one[1:]
    for name in set(Leaf.__struct_fields__) - {"body"}:
        assert getattr(together[0], name) == getattr(one[0], name)


def test_leaves_of_every_kind_are_read_together_as_they_are_read_alone() -> None:
    for raw, together in zip(LEAVES, read_leaves(LEAVES, KINDS), strict=True):
        assert_same(together, alone(raw))


@settings(max_examples=40)
@given(data=st.data())
def test_any_records_are_read_together_as_they_are_read_alone(data: st.DataObject) -> None:
    records = data.draw(st.lists(st.sampled_from(RECORDS).flatmap(records_of), max_size=6))
    leaves = [encode_leaf(leaf_of(record, 1)) for record in records]
    for raw, together in zip(leaves, read_leaves(leaves, KINDS), strict=True):
        assert_same(together, alone(raw))


BROKEN: dict[str, bytes] = {
    "id upper case": changed(id="0193B2C4-1111-7AAA-8BBB-000000000001"),
    "id of another version": changed(id="0193b2c4-1111-4aaa-8bbb-000000000001"),
    "id of another variant": changed(id="0193b2c4-1111-7aaa-cbbb-000000000001"),
    "id with a dash too many": changed(id="0193b2c4-1111-7aaa-8bbb-00000000000-"),
    "id too short": changed(id="0193b2c4-1111-7aaa-8bbb-00000000000"),
    "id not of this alphabet": changed(id="0193b2c4-1111-7aaa-8bbb-00000000000é"),
    "moment without its T": changed(at="2026-11-24 00:29:57.123Z"),
    "moment with a letter": changed(at="2026-11-24T00:29:5x.123Z"),
    "moment with a mark too many": changed(at="2026-11-24T00:29:5:.123Z"),
    "moment in other digits": changed(at="２026-11-24T00:29:57.123Z"),
    "commitment too short": changed(commitment="QUJD"),
    "commitment not in base64": changed(commitment="-" * 43 + "="),
    "commitment with an end within": changed(commitment="=" + "A" * 42 + "="),
    "commitment without its end": changed(commitment="A" * 44),
    "another version": changed(v=2),
    "a file that is no hash": changed(files=["x"]),
    "a policy that is its default": changed(policy=0),
    "a number too large": changed(mono=10**18),
    "an unknown field": changed(later=1),
    "an unknown kind": changed(kind="later_kind"),
    "another kind than its body": changed(kind=FaceConsent.kind),
    "U+0000": changed(boot="a\0b"),
    "a space": changed().replace(b'":', b'": ', 1),
    "two on one line": changed() + b"," + changed(),
    "two without anything between": changed() + changed(),
    "half of one": changed()[: len(changed()) // 2],
    "the other half": changed()[len(changed()) // 2 :],
    "nothing": b"",
    "no object": b"[]",
    "deep": b'{"body":' + b"[" * 5_000 + b',"kind":"case_received","mono":1,"v":1}',
}


@pytest.mark.parametrize("raw", BROKEN.values(), ids=BROKEN)
def test_what_is_not_as_it_should_be_is_left_to_be_read_alone(raw: bytes) -> None:
    assert alone(raw) is None
    before, bad, after = read_leaves([LEAVES[0], raw, LEAVES[0]], KINDS)
    assert bad is None
    for together in (before, after):
        if together is not None:
            assert_same(together, alone(LEAVES[0]))


def test_a_bad_leaf_leaves_no_more_than_a_run_to_be_read_alone() -> None:
    good = encode_leaf(leaf_of(SAMPLE, 1))
    found = read_leaves([good] * 900 + [BROKEN["a space"]] + [good] * 99, KINDS)
    assert found[900] is None
    assert found.count(None) <= 256


def test_two_halves_do_not_make_one_leaf_with_the_line_between_them() -> None:
    good = encode_leaf(leaf_of(SAMPLE, 1))
    at = good.index(b',"boot"')
    assert read_leaves([good[:at], good[at:]], KINDS) == [None, None]


def test_leaves_change_places_with_nobody() -> None:
    leaves = [changed(id=new_id(1_795_480_197_123 + n), mono=n) for n in range(600)]
    mixed = [raw for pair in zip(leaves, LEAVES * 99, strict=False) for raw in pair]
    read = [one for one in read_leaves(mixed, KINDS) if one is not None]
    assert [leaf.mono for leaf, _, _ in read[::2]] == list(range(600))
    assert len(read) == len(mixed)
