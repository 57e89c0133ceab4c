"""Round and enrolment as JSON: written, read again, and strict about everything but news."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.contact.messages import (
    MAX_MESSAGE_BYTES,
    EnrolAnswer,
    EnrolAsk,
    LogHead,
    RoundAnswer,
    RoundAsk,
    read,
    write,
)
from sync.errors import Malformed, SyncError, TooLarge
from tests.vectors import make

ASK = make.read("round.json")["ask"].encode()
names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1,
                max_size=20)  # fmt: skip
heads = st.builds(LogHead, origin=names, size=st.integers(0, 10**18 - 1), note=names)


@given(
    st.builds(
        RoundAsk, hall=names, clock=names, software=names, oldest_unsent=names,
        logs=st.lists(heads, max_size=3).map(tuple),
    )
    | st.builds(
        RoundAnswer, center=names, clock=names, keys=names, quarantined=st.integers(0, 999),
        logs=st.lists(heads, max_size=3).map(tuple),
    )
    | st.builds(EnrolAsk, text=names, mac=st.just("a" * 64))
    | st.builds(EnrolAnswer, state=names, center=names, root=names, mac=names)
)  # fmt: skip
def test_a_message_is_written_and_read_again(message: RoundAsk) -> None:
    assert read(write(message), type(message)) == message


def test_an_unknown_member_is_ignored_so_that_a_newer_peer_may_say_more() -> None:
    more = json.loads(ASK) | {"weather": {"sky": ["snow"]}}
    assert read(json.dumps(more).encode(), RoundAsk) == read(ASK, RoundAsk)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'"T01"',
        ASK[:-1],
        ASK + b"}",
        b"\xff" + ASK,
        ASK.replace(b'"hall":"T01"', b'"hall":"T01","hall":"T02"'),
        ASK.replace(b'"size":5', b'"size":5,"size":6'),
        ASK.replace(b'"size":5', b'"size":NaN'),
        ASK.replace(b'"size":5', b'"size":Infinity'),
        ASK.replace(b'"size":5', b'"size":5.0'),
        ASK.replace(b'"size":5', b'"size":-5'),
        ASK.replace(b'"size":5', b'"size":"5"'),
        ASK.replace(b'"size":5', b'"size":true'),
        ASK.replace(b'"size":5', b'"size":9223372036854775808'),
        ASK.replace(b'"hall":"T01"', b'"hall":""'),
        ASK.replace(b'"hall":"T01"', b'"hall":"' + b"T" * 201 + b'"'),
        ASK.replace(b'"hall":"T01"', b'"hall":"\\ud800"'),
        ASK.replace(b'"hall":"T01"', b'"hall":"\\u0000"'),
        ASK.replace(b'"hall":"T01"', b'"hall":null'),
        ASK.replace(b'"hall":"T01",', b""),
        ASK.replace(b'"logs":[', b'"logs":[1,'),
        ASK.replace(b'"hall":"T01"', b'"hall":"T01","x":' + b"[" * 100_000 + b"]" * 100_000),
        b"[" * 100_000,
        b'{"a":' * 40_000,
    ],
)
def test_a_message_against_the_rules_is_refused(raw: bytes) -> None:
    with pytest.raises(Malformed):
        read(raw, RoundAsk)


def test_more_logs_than_a_hall_can_have_are_refused() -> None:
    whole = json.loads(ASK)
    whole["logs"] = [{"origin": "x", "size": 0}] * 65
    with pytest.raises(Malformed):
        read(json.dumps(whole).encode(), RoundAsk)


def test_a_message_above_the_cap_is_refused_before_it_is_read() -> None:
    with pytest.raises(TooLarge):
        read(b" " * (MAX_MESSAGE_BYTES + 1), RoundAsk)


def test_a_refusal_names_the_type_and_does_not_repeat_the_message() -> None:
    secret = json.dumps({"text": "身份证", "mac": "13904351234" * 9}).encode()
    with pytest.raises(Malformed) as refused:
        read(secret, EnrolAsk)
    assert "EnrolAsk" in refused.value.rule and len(refused.value.rule) <= 200
    assert "13904351234" not in refused.value.rule and "身份证" not in refused.value.rule


@given(st.binary(max_size=100) | st.text('{}[]":,helogs015T', max_size=60).map(str.encode))
def test_no_bytes_raise_anything_but_a_refusal(raw: bytes) -> None:
    with pytest.raises(SyncError):
        read(raw, RoundAsk)
