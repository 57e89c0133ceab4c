"""What is named, what is here, what the other side has; and erasure down to the bytes."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from standards.records import MaterialScanned
from sync.applied.applying import apply_pending, rebuild
from sync.files.archive import LIST_LENGTH, Archive, Kept
from sync.files.cabinet import Cabinet
from tests.sync.pairs import HALL, Pair
from tests.sync.stores import STORES, log_store

SECRET = b"f" * 32
CASE = "0193b2c4-1111-7aaa-8bbb-000000000001"


class Filed(Pair):
    """A hall and a center with a cabinet each."""

    def __init__(self, folder: Path, hall, center) -> None:
        super().__init__(hall, center)
        self.mine = Archive(self.hall.db, Cabinet(folder / "h"), self.hall.clock, "T01")
        self.theirs = Archive(self.center.db, Cabinet(folder / "c"), self.center.clock, "T01")

    def attach(self, plain: bytes) -> Kept:
        kept = self.mine.keep(io.BytesIO(plain), SECRET)
        record = MaterialScanned(
            case_id=CASE, material="M1", media="image/png", size=kept.size, file=kept.name,
            key=kept.key,
        )  # fmt: skip
        self.write(record)
        return kept

    def in_step(self) -> None:
        self.send_all()
        apply_pending(self.center, HALL)

    def erase(self, index: int) -> None:
        """What a lawful order does to one entry at the center."""
        with self.center.db.transaction():
            self.center.parts.erase(HALL, index, index + 1)


@pytest.fixture(params=["simulated disk", "node, file", "center, file"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Filed:
    hall, center = (tmp_path / name for name in ("hall", "center"))
    for folder in (hall, center):
        folder.mkdir()
    stores = [log_store(STORES[request.param](folder)) for folder in (hall, center)]
    made = Filed(tmp_path, *stores)
    for store in stores:
        request.addfinalizer(store.db.close)  # type: ignore[attr-defined]
    return made


def test_the_leaf_names_the_file_and_the_center_wants_it_until_it_is_here(pair: Filed) -> None:
    kept = pair.attach(b"scan one")
    assert f'"files":["{kept.name}"]'.encode() in pair.hall.leaves(HALL, 0, 1)[0]
    assert pair.theirs.wanted("T01") == []
    pair.in_step()
    assert pair.theirs.wanted("T01") == [kept.name]
    assert pair.theirs.naming(kept.name) == {HALL: "T01"}
    piece = pair.mine.cabinet.piece(kept.name, 0, 1_000)
    pair.theirs.take(kept.name, piece)
    assert pair.theirs.wanted("T01") == []
    assert b"".join(pair.theirs.read(kept.name, kept.key)) == b"scan one"


def test_names_survive_a_rebuild(pair: Filed) -> None:
    kept = pair.attach(b"scan one")
    pair.in_step()
    rebuild(pair.center)
    assert pair.theirs.wanted("T01") == [kept.name]


def test_the_list_of_what_is_wanted_comes_in_portions(pair: Filed) -> None:
    with pair.hall.db.transaction():
        names = {pair.attach(b"scan %d" % number).name for number in range(LIST_LENGTH + 3)}
    pair.in_step()
    first = pair.theirs.wanted("T01")
    rest = pair.theirs.wanted("T01", first[-1])
    assert (len(first), len(rest)) == (LIST_LENGTH, 3)
    assert {*first, *rest} == names


def test_a_file_whose_last_name_was_erased_is_deleted_and_wanted_no_more(pair: Filed) -> None:
    shared = pair.attach(b"shared")
    pair.attach(b"shared")
    pair.in_step()
    pair.theirs.take(shared.name, pair.mine.cabinet.piece(shared.name, 0, 1_000))
    pair.erase(0)
    assert pair.theirs.drop_unnamed(HALL, 0) == []
    assert pair.theirs.cabinet.is_sound(shared.name)
    pair.erase(1)
    assert pair.theirs.drop_unnamed(HALL, 1) == [shared.name]
    assert pair.theirs.cabinet.size(shared.name) is None
    assert (pair.theirs.wanted("T01"), pair.theirs.naming(shared.name)) == ([], {})
    rows = pair.center.db.query("SELECT hash FROM file_held")
    assert rows == []
    assert pair.theirs.drop_unnamed(HALL, 1) == [shared.name], "again without harm"


def test_a_table_that_lost_step_with_the_disk_is_set_right(pair: Filed) -> None:
    lost, unnoted = pair.attach(b"lost"), pair.attach(b"kept, not noted")
    pair.mine.cabinet.drop(lost.name)
    pair.mine.note_lost(unnoted.name)
    assert pair.mine.look_through() == 1
    rows = pair.hall.db.query("SELECT hash FROM file_held")
    assert [row["hash"] for row in rows] == [unnoted.name]
