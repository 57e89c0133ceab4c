"""What a receiver believes about a sender, in the order in which the rules are asked."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.batch import Header
from sync.errors import (
    Behind,
    EpochClosed,
    Fork,
    Gap,
    Malformed,
    Revoked,
    SyncError,
    WrongLog,
)
from sync.merkle import Frontier, leaf_hash, root_of
from sync.mirror import Append, Duplicate, Held, check_place, judge
from sync.notes import Checkpoint

ORIGIN = "c.example/T01/1"
HASHES = [leaf_hash(b"%d" % n) for n in range(40)]
OTHERS = [leaf_hash(b"other %d" % n) for n in range(40)]


def held(size: int, hashes: list[bytes] = HASHES) -> Held:
    return Held(ORIGIN, Frontier().extended(hashes[:size]), lambda s: root_of(hashes[:s]))


def header(start: int, stop: int, log_size: int | None = None) -> Header:
    size = stop if log_size is None else log_size
    return Header(ORIGIN, start, stop, size, 1, 1, "0" * 64, 0, "0" * 64)


def verdict(of: Held, given: Header, history: list[bytes] = HASHES) -> Append | Duplicate:
    """The whole question, as `receive` asks it."""
    check_place(of, given, ORIGIN)
    head = Checkpoint(ORIGIN, given.stop, root_of(history[: given.stop]))
    return judge(of, given, head, history[given.start : given.stop])


def test_the_next_entries_are_appended():
    assert verdict(held(5), header(5, 9)) == Append(Frontier().extended(HASHES[:9]))


def test_a_batch_inside_the_copy_is_a_replay_of_its_own_size():
    assert verdict(held(9), header(2, 6, 9)) == Duplicate(6)


def test_a_replay_stays_a_replay_however_much_the_copy_has_grown_since():
    """A stick that lay in a drawer, and a hall that was restored and wrote nothing since."""
    assert verdict(held(9), header(0, 5)) == Duplicate(5)
    assert verdict(held(9), header(4, 8, 8)) == Duplicate(8)
    assert verdict(held(9), header(8, 9)) == Duplicate(9)


REFUSED: dict[str, tuple[Held, Header, list[bytes], type[SyncError]]] = {
    "a gap": (held(5), header(7, 9), HASHES, Gap),
    "an overlap": (held(5), header(3, 9), HASHES, Gap),
    "a shorter log that leads elsewhere (S1)": (held(9), header(4, 8, 8), OTHERS, Behind),
    "another history inside the copy": (held(9), header(2, 6, 9), OTHERS, Fork),
    "another history after the copy": (held(5), header(5, 9), OTHERS, Fork),
    "a revoked key above its size": (
        replace(held(5), revoked_above=7),
        header(5, 9),
        HASHES,
        Revoked,
    ),
    "an epoch that is closed": (replace(held(5), closed=True), header(5, 9), HASHES, EpochClosed),
    "the log of another": (
        held(5),
        replace(header(5, 9), origin="c.example/T02/1"),
        HASHES,
        WrongLog,
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_sender_is_refused_for(name: str):
    of, given, history, error = REFUSED[name]
    with pytest.raises(error):
        verdict(of, given, history)


@pytest.mark.parametrize("error", [Gap, Behind, Fork])
def test_a_refusal_says_how_much_is_held(error: type[SyncError]):
    of, given, history, _ = next(case for case in REFUSED.values() if case[3] is error)
    with pytest.raises(error) as refused:
        verdict(of, given, history)
    assert refused.value.answer()["size"] == of.frontier.size


def test_what_was_written_before_a_revocation_still_arrives():
    of = replace(held(5), revoked_above=9)
    assert isinstance(verdict(of, header(5, 9)), Append)


def test_a_closed_epoch_still_answers_a_replay():
    of = replace(held(9), closed=True)
    assert verdict(of, header(5, 9)) == Duplicate(9)


def test_a_key_that_writes_another_log_is_refused_whatever_the_header_says():
    with pytest.raises(WrongLog):
        check_place(held(5), header(5, 9), "c.example/T02/1")


def test_leaves_in_another_order_are_a_fork():
    swapped = [*HASHES[:6], HASHES[7], HASHES[6], HASHES[8]]
    head = Checkpoint(ORIGIN, 9, root_of(HASHES[:9]))
    with pytest.raises(Fork):
        judge(held(5), header(5, 9), head, swapped[5:9])


def test_fewer_leaves_than_were_signed_are_malformed():
    head = Checkpoint(ORIGIN, 9, root_of(HASHES[:9]))
    with pytest.raises(Malformed):
        judge(held(5), header(5, 9), head, HASHES[5:8])


SIZES = st.integers(0, 30)


@given(SIZES, SIZES, SIZES, SIZES, SIZES)
def test_only_an_unbroken_continuation_of_one_history_is_appended(
    size: int, start: int, count: int, more: int, common: int
):
    """Against a plain model: two histories that agree on their first ``common`` entries."""
    stop = start + count + 1
    theirs = [*HASHES[:common], *OTHERS[common:]]
    given_ = header(start, min(stop, 40), min(min(stop, 40) + more, 40))
    if given_.start >= given_.stop:
        return
    same = common >= min(given_.stop, size)
    try:
        found = verdict(held(size), given_, theirs)
    except Behind:
        assert not same and given_.stop <= given_.log_size < size
    except Gap:
        assert given_.stop > size != given_.start
    except Fork:
        assert not same and given_.log_size >= size
    else:
        assert same
        assert (found == Duplicate(given_.stop)) is (given_.stop <= size)
        if isinstance(found, Append):
            assert (given_.start, found.frontier.size) == (size, given_.stop)
