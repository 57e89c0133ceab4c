"""A center whose disk is full or fails: halls are told to come later, pages say so (F4, F5)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aggregator.database import disk
from aggregator.database.store import CenterStore
from standards.records import NumberScheme
from sync.errors import DiskFull, Unwritable
from sync.safekeeping.reserve import MIB
from tests.aggregator.intake_desk import Desk, refusal
from tests.aggregator.office import Office

SCHEME = NumberScheme(version=1, template="x")


def test_with_only_the_space_kept_aside_the_center_asks_halls_to_come_later(desk: Desk):
    center, hall = desk.center, desk.halls["T01"]
    reserve, free = center.keep_room(), 500 * MIB
    reserve._free = lambda _folder: free
    disk.look(center)
    assert disk.health(center) == (True, "writes succeed")
    free = MIB
    disk.look(center)
    assert not (center.data / "reserve").exists()
    assert refusal(desk.push(desk.packed(hall, 0, 5))) == (503, "try_later")
    with pytest.raises(DiskFull):
        center.publish(SCHEME, actor="ZX-01")
    assert not disk.health(center)[0]
    free = 500 * MIB
    disk.look(center)
    assert desk.push(desk.packed(hall, 0, 5)).status_code == 200


def log_bytes(store: CenterStore) -> int:
    path = store._engine.url.database
    assert path is not None
    return Path(path + "-wal").stat().st_size


def test_what_need_not_last_at_once_waits_for_no_sync_and_no_longer_than_a_moment(tmp_path: Path):
    store = CenterStore(f"sqlite:///{tmp_path / 'center.db'}")

    def mode() -> int:
        ((found,),) = store.cells("PRAGMA synchronous")
        return int(found)

    full, normal = 2, 1
    for _ in range(2):
        assert store.soon(mode) == normal
        assert store.together(mode) == full
        with store.transaction():
            assert mode() == full
            assert store.soon(mode) == full, "within another one it lasts as that does"
        with pytest.raises(ZeroDivisionError):
            store.soon(lambda: 1 // 0)
    assert store.together(mode) == full, "whatever came of the one before it"
    store.settle()
    before = log_bytes(store)
    store.settle()
    assert log_bytes(store) == before, "nothing waits"
    store.soon(mode)
    store.settle(after_s=60)
    assert log_bytes(store) == before, "not yet"
    store.settle()
    assert log_bytes(store) > before, "a commit that is synced takes it along"
    store.close()


@contextmanager
def failing(office: Office) -> Iterator[None]:
    """Commits fail as on a disk that was made read-only."""
    store = office.center.db
    real = store._engine.dialect.do_commit

    def fails(connection: object) -> None:
        raise Unwritable("the center's disk cannot be written (SQLITE_IOERR_WRITE)")

    store._engine.dialect.do_commit = fails  # type: ignore[assignment,method-assign]
    try:
        yield
    finally:
        store._engine.dialect.do_commit = real  # type: ignore[method-assign]


@pytest.mark.parametrize("engine", ["SQLite"], indirect=True)
def test_while_writes_fail_the_center_is_read_and_says_so(office: Office):
    person = office.person("duizhang")
    with failing(office):
        with pytest.raises(Unwritable):
            office.center.publish(SCHEME, actor="ZX-01")
        page = person.get("/halls")
        assert page.status_code == 200 and "处于只读状态" in page.text
        assert not disk.health(office.center)[0]
        disk.look(office.center)
        assert office.center.db.unwritable, "it was tried, and fails still"
    disk.look(office.center)
    assert disk.health(office.center)[0] and "处于只读状态" not in person.get("/halls").text
