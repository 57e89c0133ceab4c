"""The disk that loses power: what may be left, and what may not."""

from __future__ import annotations

from random import Random

from tests.powercut.disk import Cut, Disk
from tests.powercut.journal import (
    Close,
    MakeFolder,
    Op,
    Open,
    Rename,
    Sync,
    Truncate,
    Unlink,
    Write,
)
from tests.powercut.plan import Recorded, shares

WHOLE = b"x" * 2048


def written(*, synced: bool) -> Disk:
    """A file of four sectors in the folder ``f``, which stood there before."""
    disk = Disk({"f": None, "f/old": b"old"})
    disk.apply(Open(3, "f/new", creates=True, empties=False))
    disk.apply(Write(3, 0, WHOLE))
    if synced:
        disk.apply(Sync(3))
    return disk


def sync_folder(disk: Disk) -> None:
    disk.apply(Open(4, "f", creates=False, empties=False))
    disk.apply(Sync(4))
    disk.apply(Close(4))


def left(disk: Disk, cut: Cut | None = None) -> dict[str, bytes | None]:
    return disk.image(cut or Cut({}, {}))


def test_what_was_not_synced_may_be_gone_with_its_name():
    assert left(written(synced=False)) == {"f": None, "f/old": b"old"}


def test_a_synced_file_may_be_gone_until_its_folder_is_synced():
    disk = written(synced=True)
    assert "f/new" not in left(disk)
    sync_folder(disk)
    assert left(disk)["f/new"] == WHOLE


def test_a_name_may_be_there_before_the_content():
    disk = written(synced=False)
    disk.apply(Rename("f/new", "f/old"))
    assert left(disk, Cut({"f": 2}, {})) == {"f": None, "f/old": b""}


def test_changes_of_one_folder_reach_the_disk_in_their_order():
    disk = written(synced=True)
    disk.apply(Unlink("f/old"))
    images = [left(disk, Cut({"f": count}, {})) for count in range(3)]
    assert [sorted(image) for image in images] == [
        ["f", "f/old"],
        ["f", "f/new", "f/old"],
        ["f", "f/new"],
    ]


def test_a_file_in_a_folder_that_is_gone_is_gone():
    disk = Disk({})
    disk.apply(MakeFolder("data"))
    disk.apply(Open(3, "data/key", creates=True, empties=False))
    disk.apply(Write(3, 0, b"k"))
    disk.apply(Sync(3))
    disk.apply(Open(4, "data", creates=False, empties=False))
    disk.apply(Sync(4))
    assert left(disk) == {}
    assert left(disk, Cut({"": 1}, {})) == {"data": None, "data/key": b"k"}


def test_a_write_may_be_torn_at_its_sectors():
    disk = Disk({"f": b"a" * 1536})
    disk.apply(Open(3, "f", creates=False, empties=False))
    disk.apply(Write(3, 256, b"b" * 1024))
    torn = left(disk, Cut({}, {1: (0,)}, torn=(0, 2)))["f"]
    assert torn == b"a" * 256 + b"b" * 256 + b"a" * 512 + b"b" * 256 + b"a" * 256


def test_of_several_writes_any_may_be_missing():
    disk = Disk({"f": b"....", "f2": b""})
    disk.apply(Open(3, "f", creates=False, empties=False))
    for offset in range(3):
        disk.apply(Write(3, offset, b"w"))
    disk.apply(Truncate(3, 3))
    images = {bytes(left(disk, cut)["f"] or b"") for cut in disk.cuts(Random(1), 60)}
    assert {b"....", b"www", b"w.w.", b".w."} <= images


def test_what_is_killed_and_not_cut_off_keeps_everything():
    disk = written(synced=False)
    assert left(disk, disk.nothing_lost())["f/new"] == WHOLE


def test_a_record_of_two_machines_is_played_for_each_alone():
    ops: list[Op] = [
        Open(3, "hall/a", creates=True, empties=False),
        Open(4, "center/b", creates=True, empties=False),
        Write(3, 0, b"1"),
        Write(4, 0, b"2"),
    ]
    recorded = Recorded("made up", "hall", {"hall": None, "center": None}, ops)
    *_, (done, disk, _) = recorded.moments()
    assert done == 4
    assert disk.image(disk.nothing_lost()) == {"hall": None, "hall/a": b"1"}


def test_small_records_get_their_fair_part_of_the_images():
    assert shares([10, 20], 600) == [10, 20]
    small, middle, large = shares([10, 1000, 3000], 600)
    assert small == 10
    assert 100 <= middle < large
    assert 600 <= small + middle + large <= 603


def test_a_file_moved_to_another_folder_stays_once_that_one_is_synced():
    disk = Disk({"f": None, "g": None, "f/old": b"old"})
    disk.apply(Rename("f/old", "g/old"))
    assert left(disk, disk.nothing_lost()) == {"f": None, "g": None, "g/old": b"old"}
    assert "g/old" not in left(disk)
    disk.apply(Open(4, "g", creates=False, empties=False))
    disk.apply(Sync(4))
    assert left(disk)["g/old"] == b"old"
