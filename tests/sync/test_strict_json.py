"""The one dialect of JSON that travels."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.strict_json import MAX_DEPTH, NotStrict, holds_nul, read

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=10,
)


@given(values)
def test_what_was_written_is_read_again(value: object) -> None:
    assert read(msgspec.json.encode(value)) == value
    assert read(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"nil", "not JSON"),
        (b"{}x", "not JSON"),
        (b'"\xff"', "not JSON"),
        (b'\xef\xbb\xbf{}', "not JSON"),
        (b'{"a":1,"a":1}', "twice"),
        (b'[{"b":{"a":1,"\\u0061":2}}]', "twice"),
        (b"NaN", "whole numbers"),
        (b"[Infinity,-Infinity]", "whole numbers"),
        (b"1.0", "whole numbers"),
        (b"1e3", "whole numbers"),
        (b"1" * 19, "whole numbers"),
        (b"-" + b"1" * 100_000, "whole numbers"),
        (b'"\\ud800"', "surrogate"),
        (b'["\\udc00\\ud800"]', "surrogate"),
        (b'{"\\ud800":1}', "surrogate"),
        (b'"\\u0000"', "U\\+0000"),
        (b'"\\\\\\u0000"', "U\\+0000"),
        (b"[" * 100_000, "deeply"),
        (b'{"a":' * 100_000, "deeply"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "deeply"),
    ],
)  # fmt: skip
def test_what_two_readers_could_read_differently_is_refused(raw: bytes, rule: str) -> None:
    with pytest.raises(NotStrict, match=rule):
        read(raw)


def test_the_deepest_allowed_nesting_is_read() -> None:
    raw = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    assert read(raw) == json.loads(raw)


def test_brackets_inside_a_text_are_no_nesting() -> None:
    assert read(b'"' + b"[" * 1000 + b'\\"' + b"{" * 1000 + b'"')


def test_a_backslash_before_u0000_makes_it_plain_text() -> None:
    assert read(b'"\\\\u0000"') == "\\u0000"
    assert not holds_nul(b'"\\\\u0000"') and holds_nul(b'"\\\\\\\\\\u0000"')


@pytest.mark.parametrize("piece", [b'\\"', b'"', b"\\\\", b"\\", b'"\\', b'\\u0000"', b"\\\n"])
def test_texts_made_to_be_looked_at_again_and_again_are_refused_at_once(piece: bytes) -> None:
    """A quadratic scan of these would take minutes; the whole test suite has a limit."""
    raw = b'"' + piece * (256 * 1024 // len(piece))
    with pytest.raises(NotStrict):
        read(raw)


@given(st.binary(max_size=60) | st.text('{}[]":,\\u0dD189eE.-+ntf \n', max_size=40))
def test_no_bytes_raise_anything_but_not_strict(raw: bytes | str) -> None:
    whole = raw.encode() if isinstance(raw, str) else raw
    try:
        value = read(whole)
    except NotStrict:
        return
    assert value == json.loads(whole)
