"""Two holders of one log find out in few questions whether they hold the same, and where not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.evidence.comparing import (
    Cell,
    Contradiction,
    DayTable,
    Range,
    first_difference,
    latest_days,
    parts_of,
    place_of,
)
from sync.evidence.kept import inclusion_path, kept_root
from sync.merkle import inclusion_proof, leaf_hash, root_of
from tests.sync.pairs import HALL, Pair, consent
from tests.vectors import make


def leaf(at: str, kind: str = "punch", number: int = 0) -> bytes:
    return json.dumps({"at": at, "kind": kind, "n": number}, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (leaf("2026-11-22T15:59:59.999Z"), ("2026-11-22", "punch")),
        (leaf("2026-11-22T16:00:00.000Z"), ("2026-11-23", "punch")),
        (leaf("2026-12-31T16:00:00.000Z", "a_later_kind"), ("2027-01-01", "a_later_kind")),
        (leaf("2026-02-30T00:00:00.000Z"), ("?", "?")),
        (leaf("2026-11-22T24:00:00.000Z"), ("?", "?")),
        (leaf("9999-12-31T23:00:00.000Z"), ("?", "?")),
        (leaf("2026-11-22"), ("?", "?")),
        (leaf("2026-11-22T16:00:00.000Z", "Punch"), ("?", "?")),
        (b"", ("?", "?")),
        (b"{}", ("?", "?")),
        (b"[" * 60_000, ("?", "?")),
        (b'{"at":1,"kind":"punch"}', ("?", "?")),
        (b'\xff{"at"', ("?", "?")),
    ],
)
def test_an_entry_counts_on_its_day_in_beijing_and_under_its_kind(raw: bytes, place):
    assert place_of(raw) == place


def test_the_golden_leaves_have_their_places():
    for kind in ("punch", "case_received", "finding"):
        golden = make.read(f"leaf-{kind}.json")
        assert place_of(golden["leaf"].encode()) == ("2026-11-24", kind)


def test_the_digest_of_a_cell_does_not_depend_on_the_order_of_its_entries():
    leaves = [leaf("2026-11-22T01:00:00.000Z", number=n) for n in range(5)]
    tables = [DayTable(), DayTable()]
    for one, other in zip(leaves, reversed(leaves), strict=True):
        tables[0].add(one)
        tables[1].add(other)
    expected = sha256(b"".join(sorted(map(leaf_hash, leaves)))).digest()
    assert tables[0].cells() == tables[1].cells()
    assert tables[0].cells() == {("2026-11-22", "punch"): Cell(5, expected)}


def test_cells_are_given_from_a_day_on_with_what_cannot_be_read_among_them():
    table = DayTable()
    for raw in (
        leaf("2026-11-20T01:00:00.000Z"),
        leaf("2026-11-21T01:00:00.000Z"),
        leaf("2026-11-22T01:00:00.000Z", "case_step"),
        b"rubbish",
    ):
        table.add(raw)
    days = [place for place, _ in table.cells(since="2026-11-21").items()]
    assert days == [("2026-11-21", "punch"), ("2026-11-22", "case_step"), ("?", "?")]


def test_the_latest_days_that_fit_are_whole_days():
    cells = {(f"2026-11-{day:02d}", kind): Cell(1, b"") for day in range(1, 11) for kind in "abc"}
    assert latest_days(cells, 7) == "2026-11-09"
    assert latest_days(cells, 6) == "2026-11-09"
    assert latest_days(cells, 1) == "2026-11-10"
    assert latest_days(cells, 1000) == "2026-11-01"
    assert latest_days({}, 7) == ""


@given(st.integers(0, 500), st.integers(0, 500), st.integers(2, 20))
def test_parts_cover_a_range_without_gaps_and_none_is_empty(low: int, length: int, fan: int):
    parts = parts_of(low, low + length + 1, fan)
    assert parts[0][0] == low and parts[-1][1] == low + length + 1
    assert all(start < stop for start, stop in parts)
    assert all(left[1] == right[0] for left, right in pairwise(parts))
    assert len(parts) <= fan


class Holder:
    """Somebody who keeps these hashes and counts the questions."""

    def __init__(self, hashes: list[bytes]) -> None:
        self.hashes, self.questions = hashes, 0

    def roots(self, ranges: Sequence[Range]) -> list[bytes]:
        self.questions += 1
        return [root_of(self.hashes[start:stop]) for start, stop in ranges]


@given(st.integers(1, 300), st.data(), st.integers(2, 17))
def test_the_first_difference_is_found_whatever_else_differs(size: int, data, fan: int):
    ours = [sha256(b"%d" % n).digest() for n in range(size)]
    theirs = list(ours)
    spoilt = data.draw(st.sets(st.integers(0, size - 1)))
    for index in spoilt:
        theirs[index] = sha256(b"other %d" % index).digest()
    found = first_difference(size, Holder(ours).roots, Holder(theirs).roots, fan)
    assert found == (min(spoilt) if spoilt else None)


def test_a_million_entries_take_five_questions():
    class Sparse(Holder):
        """Answers from where the other entry stands, without a million hashes."""

        def roots(self, ranges):
            self.questions += 1
            at = 777_777
            return [b"x" if start <= at < stop else b"y" for start, stop in ranges]

    class Even(Holder):
        def roots(self, ranges):
            return [b"y"] * len(ranges)

    asked = Sparse([])
    assert first_difference(1_000_000, Even([]).roots, asked.roots) == 777_777
    assert asked.questions == 5


def test_answers_that_do_not_fit_together_are_told():
    """Parts that are equal, of a range that was not."""

    class Liar(Holder):
        def roots(self, ranges):
            self.questions += 1
            return super().roots(ranges) if self.questions > 1 else [b"x"] * len(ranges)

    hashes = [sha256(b"%d" % n).digest() for n in range(100)]
    with pytest.raises(Contradiction):
        first_difference(100, Holder(hashes).roots, Liar(hashes).roots)


def test_a_path_reckoned_from_ranges_is_the_proof_of_the_rfc():
    pair = Pair()
    pair.write(*(consent() for _ in range(13)))
    hashes = pair.hall.hashes(HALL, 0, 13)
    for size in (1, 2, 7, 8, 13):
        for index in range(size):
            path = inclusion_path(pair.hall, HALL, index, size)
            assert path == inclusion_proof(hashes[:size], index)
    assert kept_root(pair.hall, HALL, 0, 13) == root_of(hashes)
    with pytest.raises(IndexError):
        inclusion_path(pair.hall, HALL, 13, 13)
