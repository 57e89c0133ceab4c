"""What happens seldom: another epoch, an erasure, a backup, new keys."""

from __future__ import annotations

import shutil
from datetime import date, datetime
from hashlib import sha256
from io import BytesIO

from aggregator.keys import ceremony, keybook, rotation
from aggregator.receiving.apply import apply_all
from aggregator.safekeeping.erasures import sweeper as center_sweeper
from node.keys import rotation as hall_rotation
from node.outbox.syncing import contact
from node.safekeeping import archives
from node.safekeeping.backup_commands import look_at
from node.safekeeping.erasures import erase
from node.safekeeping.erasures import sweeper as hall_sweeper
from standards.records import CaseStep, MaterialScanned
from sync.keys.keysets import CenterKeys
from sync.log import LogStore
from sync.safekeeping.retention import Retention, let_go
from sync.safekeeping.safekeeping import Machine, keep_machine, make_restore_key, what_stands
from sync.storage.durable import make_folder
from tests.powercut import preload
from tests.powercut.commit_paths import ACTOR, CommitPath, case, in_step, with_cases, write_cases
from tests.powercut.stage import CENTER, HALL, NAME, SETTINGS, DirectLine, Stage, mark_sizes

_FILES = ("node.db", "node.db-wal", "highwater")
_ORDER = {
    "ground": "purpose_over",
    "document": "通删〔2026〕1号",
    "ordered_by": "T01-001",
    "carried_out_by": "T01-002",
}


# --- epochs -------------------------------------------------------------------------------------


def put_back(stage: Stage) -> None:
    """The hall's database is an old copy; what it wrote since is at the center."""
    _put_back(stage, _FILES[:2])


def put_back_whole(stage: Stage) -> None:
    """The file beside it is as old, and the hall wrote on before anybody noticed."""
    _put_back(stage, _FILES)
    with stage.hall() as hall:
        write_cases(hall, 2)


def _put_back(stage: Stage, names: tuple[str, ...]) -> None:
    with_cases(stage)
    with stage.both() as (hall, center):
        contact(hall, DirectLine(center))
    data, old = stage.folder / HALL, stage.folder.parent / "old"
    old.mkdir()
    for name in names:
        if (data / name).exists():
            shutil.copy(data / name, old / name)
    with stage.both() as (hall, center):
        write_cases(hall, 3)
        contact(hall, DirectLine(center))
    for name in names:
        (data / name).unlink(missing_ok=True)
        if (old / name).exists():
            shutil.copy(old / name, data / name)


def coming_back(stage: Stage) -> None:
    """It goes on in the next epoch, fetches what is missing, and sends what it wrote."""
    with stage.both() as (hall, center):
        # Its place may change yet, when entries of an epoch go on in another one; its id does not.
        entry = hall.write(case(98), actor=ACTOR)
        preload.mark("written", machine=HALL, id=entry.leaf.id)
        for _ in range(2):
            contact(hall, DirectLine(center))
            mark_sizes(HALL, hall.logs)
        apply_all(center)
        mark_sizes(CENTER, center.logs)


# --- erasures -----------------------------------------------------------------------------------


def with_a_case_that_is_over(stage: Stage) -> None:
    """With a scan, and at the center, too."""
    in_step(stage)
    with stage.both() as (hall, center):
        write_cases(hall, 2)
        entry = hall.write(case(99), actor=ACTOR)
        kept = archives.archive_of(hall).keep(BytesIO(b"a scan" * 500), b"f" * 32)
        scanned = MaterialScanned(
            case_id=entry.leaf.id,
            material="M1",
            media="image/png",
            size=kept.size,
            file=kept.name,
            key=kept.key,
        )
        hall.write(scanned, actor=ACTOR)
        step = CaseStep(case_id=entry.leaf.id, step="withdrawn", day=date(2026, 11, 24))
        hall.write(step, actor=ACTOR)
        contact(hall, DirectLine(center))
        apply_all(center)


def erasing(stage: Stage) -> None:
    """The case's data are erased at the hall; the decision arrives and is carried out."""
    with stage.both() as (hall, center):
        gone = {HALL: _sealed(hall.logs), CENTER: _sealed(center.logs)}
        erase(hall, "case", case(99).case_no, _ORDER)
        preload.mark("erased", machine=HALL, rows=gone[HALL], places=_erased(hall.logs))
        hall_sweeper(hall)()
        contact(hall, DirectLine(center))
        apply_all(center)
        preload.mark("erased", machine=CENTER, rows=gone[CENTER], places=_erased(center.logs))
        center_sweeper(center)()


def _sealed(logs: LogStore) -> list[str]:
    """The kept bytes of the personal parts that will go: those of the last case and its scan."""
    rows = logs.db.query(
        "SELECT p.sealed FROM personal p WHERE p.origin LIKE '%/T01/1' AND p.idx >= "
        "(SELECT idx FROM case_received WHERE case_no = :no) "
        "UNION ALL SELECT p.sealed FROM personal_pack p WHERE p.origin LIKE '%/T01/1' "
        "AND p.stop > (SELECT idx FROM case_received WHERE case_no = :no)",
        no=case(99).case_no,
    )
    return [bytes(row["sealed"]).hex() for row in rows]


def _erased(logs: LogStore) -> list[tuple[str, int]]:
    rows = logs.db.query("SELECT log, idx FROM erased ORDER BY log, idx")
    return [(row["log"], row["idx"]) for row in rows]


# --- backups ------------------------------------------------------------------------------------


def with_a_backup(stage: Stage) -> None:
    """A hall with cases, and a backup of before."""
    with_cases(stage)
    setting = make_restore_key(stage.folder / HALL / "offline")
    (stage.folder.parent / "setting").write_text(setting)
    make_folder(stage.folder / HALL / "backups")
    _back_up(stage, "2026-11-23T22:00:00.000Z")


def backing_up(stage: Stage) -> None:
    """A new one is written, and the one of before removed."""
    name = _back_up(stage, "2026-11-24T22:00:00.000Z")
    content = (stage.folder / HALL / name).read_bytes()
    preload.mark("kept", machine=HALL, path=name, content=sha256(content).hexdigest())


def _back_up(stage: Stage, at: str) -> str:
    """As the command does it, with the copy that is looked at outside the recorded disk."""
    data, snapshot = stage.folder / HALL, stage.folder.parent / f"{at[:10]}.db"
    with stage.hall() as hall:
        hall.db.copy_to(snapshot)
        machine = Machine(
            kind="node",
            name=SETTINGS.hall,
            data=data,
            signer=hall.signer,
            restore_key=(stage.folder.parent / "setting").read_text(),
            at=at,
        )
    names = {"node.db": snapshot, "node.toml": data / "node.toml"}
    names |= what_stands(data, with_keys=True, with_files=True)
    made = keep_machine(machine, data / "backups", names, look_at(snapshot, data / "keys"))
    let_go(data / "backups", machine.stem, Retention(most=1), datetime.fromisoformat(at))
    return str(made.relative_to(data))


# --- keys ---------------------------------------------------------------------------------------


def renewing_hall_keys(stage: Stage) -> None:
    """The hall shows new keys, the center lists them, the hall goes over to them in an epoch."""
    with stage.both() as (hall, center):
        hall_rotation.ask(hall, "T01-006")
        mark_sizes(HALL, hall.logs)
        for _ in range(3):
            contact(hall, DirectLine(center, hall))
            mark_sizes(HALL, hall.logs)
            preload.mark("keyed", machine=HALL, key=str(hall.signer.verifier))
            apply_all(center)
            listed = str(keybook.latest(center, SETTINGS.hall).signing)
            preload.mark("listed", machine=CENTER, key=listed)
        write_cases(hall, 1)


def with_the_root_away(stage: Stage) -> None:
    """The root key is kept elsewhere, as it must be."""
    with_cases(stage)
    with stage.center() as center:
        ceremony.move_root(center.data / "keys", stage.folder.parent / "safe", NAME)


def renewing_center_keys(stage: Stage) -> None:
    """The center goes over to a key set that the root signed, and the hall follows it."""
    with stage.both() as (hall, center):
        wished = CenterKeys.parse(center.keys.wish(("roster", "log", "receipts", "sealing")).text)
        safe = stage.folder.parent / "safe"
        note = ceremony.sign_wish(safe, ceremony.open_root(safe), wished)
        rotation.install(center, note, "C-006")
        preload.mark("installed", machine=CENTER, version=wished.version)
        contact(hall, DirectLine(center))
        preload.mark("followed", machine=HALL, version=wished.version)
        write_cases(hall, 1)
        contact(hall, DirectLine(center))
        mark_sizes(HALL, hall.logs)


_BOTH = (HALL, CENTER)
RARE = (
    CommitPath("put back", _BOTH, put_back, coming_back, rewrites=(HALL,)),
    CommitPath("put back whole", _BOTH, put_back_whole, coming_back, rewrites=(HALL,)),
    CommitPath("erasing", _BOTH, with_a_case_that_is_over, erasing, rewrites=_BOTH),
    CommitPath("backing up", (HALL,), with_a_backup, backing_up),
    CommitPath("new keys of a hall", _BOTH, with_cases, renewing_hall_keys, rewrites=(HALL,)),
    CommitPath("new keys of the center", _BOTH, with_the_root_away, renewing_center_keys),
)
