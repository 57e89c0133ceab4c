"""Space kept aside for the day on which the disk is full (F4)."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from sync.errors import DiskFull, Unwritable
from sync.safekeeping.reserve import LAST_BYTES, MIB, Reserve, room_may_help

SIZE = 2 * MIB


class Disk:
    """So much is free, less what the reserve holds."""

    def __init__(self, folder: Path, free: int) -> None:
        self.path, self.rest = folder / "reserve", free

    def free(self, _folder: Path) -> int:
        held = self.path.stat().st_size if self.path.exists() else 0
        return self.rest - held

    def reserve(self) -> Reserve:
        return Reserve(self.path, SIZE, self.free)


def test_the_space_is_held_by_real_blocks_and_kept_over_a_start(tmp_path: Path):
    disk = Disk(tmp_path, 100 * MIB)
    assert disk.reserve().look()
    status = disk.path.stat()
    assert status.st_size == SIZE and status.st_blocks * 512 >= SIZE
    assert disk.reserve().is_held and not disk.reserve().look()


def test_it_is_let_go_when_the_disk_is_full_and_nothing_new_is_taken_in_until_there_is_room(
    tmp_path: Path,
):
    disk = Disk(tmp_path, 100 * MIB)
    reserve = disk.reserve()
    reserve.look()
    assert not reserve.is_used
    disk.rest = SIZE + LAST_BYTES - 1
    assert reserve.look() and not disk.path.exists()
    disk.rest = SIZE - 1
    assert reserve.is_used and disk.reserve().is_used
    disk.rest = 2 * SIZE
    assert not reserve.look(), "it does not come and go with every file"
    assert not reserve.is_used
    disk.rest = 3 * SIZE
    assert reserve.look() and reserve.is_held and not reserve.is_used


def test_a_disk_that_was_always_small_is_used_to_its_end_of_that_size(tmp_path: Path):
    disk = Disk(tmp_path, SIZE)
    reserve = disk.reserve()
    assert not reserve.look() and not reserve.is_used
    nothing = Reserve(tmp_path / "none", 0, lambda _: 0)
    assert not nothing.look() and not nothing.is_used


@pytest.mark.parametrize(
    ("error", "helps"),
    [
        (DiskFull(""), True),
        (Unwritable(""), True),
        (OSError(errno.ENOSPC, ""), True),
        (OSError(errno.EIO, ""), False),
        (ValueError(), False),
    ],
)
def test_what_may_be_a_full_disk_is_told_from_a_fault(error: Exception, helps: bool):
    assert room_may_help(error) is helps
