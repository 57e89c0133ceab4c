"""Files on their way, ended at named points."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from aggregator.center import Center, CenterSettings
from aggregator.files.archives import archive_of as center_archive
from aggregator.files.archives import held_of, take_piece, wanted_of
from aggregator.halls import roster
from node.files.filing import Filing
from node.hall import Hall, HallSettings
from node.safekeeping import archives
from standards.records import FileHanded, MaterialScanned
from sync.files.cabinet import Cabinet
from tests.failpoints.machines import Machines
from tests.failpoints.promises import check_at_once
from tests.failpoints.work import MANY, SERIALS, plain


def attach_and_send(folder: Path) -> None:
    """In a process of its own: keep a scan as the page does, then what the file thread does."""
    data = folder / "hall"
    hall = Hall(data, HallSettings.load(data))
    plain = (b"%d of a scan" % next(SERIALS)) * 4_000
    kept = archives.archive_of(hall).keep(BytesIO(plain), archives.file_secret(hall))
    hall.write(scanned("0" * 36, kept), actor="T01-001")
    hall.close()


def scanned(case_id: str, kept: object) -> MaterialScanned:
    """The entry that names a scan."""
    return MaterialScanned(
        case_id=case_id,
        material="M1",
        media="application/pdf",
        size=kept.size,  # type: ignore[attr-defined]
        file=kept.name,  # type: ignore[attr-defined]
        key=kept.key,  # type: ignore[attr-defined]
    )


def move_files(folder: Path) -> None:
    """In a process of its own: what the file thread does until nothing waits."""
    data = folder / "hall"
    hall = Hall(data, HallSettings.load(data))
    filing = Filing(hall)
    filing._archive.look_through()
    for _ in range(60):
        filing.turn()
        if filing.status().state == "idle":
            break
    hall.close()


def attach(machines: Machines) -> None:
    """Scans whose entries are at the center, and whose files are not."""
    with machines.hall() as hall:
        for _ in range(MANY):
            kept = archives.archive_of(hall).keep(BytesIO(plain()), archives.file_secret(hall))
            hall.write(scanned("0" * 36, kept), actor="T01-001")
    machines.hall_runs("sync")
    machines.rest()


def hand_over(machines: Machines) -> None:
    """Files of the center whose entries are at the hall, and whose bytes are not."""
    with machines.center() as center:
        for _ in range(MANY):
            kept = center_archive(center, "T01").keep(BytesIO(plain()), b"f" * 32)
            record = FileHanded(
                for_hall="T01",
                purpose="handover",
                media="application/pdf",
                size=kept.size,
                file=kept.name,
                key=kept.key,
            )
            center.order("T01", record, actor="Z-01")
    machines.hall_runs("sync")
    machines.rest()


def keeps(machines: Machines, armed: str) -> bool:
    """The hall keeps a scan."""
    return machines.does(attach_and_send, armed)


def moves(machines: Machines, armed: str) -> bool:
    """The hall's file thread runs."""
    return machines.does(move_files, armed)


def take_files(folder: Path) -> None:
    """In a process of its own: what the center does with the pieces that a hall sends."""
    data, cabinet = folder / "center", Cabinet(folder / "hall" / "files")
    center = Center(data, CenterSettings.load(data))
    keys = roster.hall_keys(center, "T01")
    for name in wanted_of(center, keys, "").wanted:
        at, size = held_of(center, keys, name), cabinet.size(name) or 0
        while at < size:
            at = take_piece(center, keys, name, cabinet.piece(name, at, 20_000)).held
    center.close()


def takes(machines: Machines, armed: str) -> bool:
    """The center receives pieces."""
    return machines.does(take_files, armed)


def files_are_whole(machines: Machines) -> None:
    """No name stands for other bytes."""
    check_at_once(machines)
    for cabinet in _cabinets(machines):
        assert [name for name in cabinet.names() if not cabinet.is_sound(name)] == []


def files_are_there(machines: Machines) -> None:
    """Every file that an entry names is on both sides."""
    machines.hall_runs("sync")
    machines.rest()
    assert not moves(machines, "")
    rows = machines.rows("hall", "SELECT DISTINCT hash FROM file_named")
    for cabinet in _cabinets(machines):
        assert rows and {row[0] for row in rows} <= set(cabinet.names())
    for machine in ("hall", "center"):
        held = machines.rows(machine, "SELECT hash FROM file_held WHERE hall = 'T01'")
        assert {row[0] for row in rows} <= {row[0] for row in held}


def _cabinets(machines: Machines) -> tuple[Cabinet, Cabinet]:
    return Cabinet(machines.folder / "hall/files"), Cabinet(machines.folder / "center/files/T01")
