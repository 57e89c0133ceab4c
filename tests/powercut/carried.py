"""Ways in which records and files come beside the wire, and how older folders begin again."""

from __future__ import annotations

from hashlib import sha256
from io import BytesIO
from pathlib import Path

from aggregator.sticks.sticks import export_down, import_up
from node.hall import Hall
from node.outbox.sticks import export_up, import_down
from node.outbox.syncing import contact
from node.safekeeping import archives
from standards.records import MaterialScanned
from sync.sticks.stick import DOWN, UP
from sync.sticks.stick_export import FolderTarget
from sync.sticks.usb import sources
from tests.powercut import preload
from tests.powercut.commit_paths import (
    ACTOR,
    CommitPath,
    in_step,
    publish,
    receipted,
    with_cases,
    write_cases,
)
from tests.powercut.stage import CENTER, HALL, SETTINGS, DirectLine, Stage, mark_sizes
from tests.releases.recorded import Recording, releases


def _stick(stage: Stage) -> Path:
    """Outside the disks that are recorded."""
    return stage.folder.parent / "stick"


def stick_from_hall(stage: Stage) -> None:
    """A hall with cases put them on a stick."""
    with_cases(stage)
    _stick(stage).mkdir()
    with stage.hall() as hall:
        export_up(hall, lambda heading: FolderTarget(_stick(stage), heading))


def stick_from_center(stage: Stage) -> None:
    """The center put standards, findings and receipts on a stick."""
    in_step(stage)
    with stage.both() as (hall, center):
        # What the hall fetched at a contact it confirms at the next one.
        contact(hall, DirectLine(center))
    _stick(stage).mkdir()
    with stage.center() as center:
        publish(center)
        export_down(center, SETTINGS.hall, lambda heading: FolderTarget(_stick(stage), heading))


def importing_up(stage: Stage) -> None:
    """The center takes in a stick, and once more."""
    with stage.center() as center:
        for _ in range(2):
            (source,) = sources(_stick(stage), UP)
            taken = import_up(center, source)
            assert taken.refused is None, taken.refused
            mark_sizes(CENTER, center.logs)


def importing_down(stage: Stage) -> None:
    """The hall takes in a stick, and once more."""
    with stage.hall() as hall:
        for _ in range(2):
            taken = import_down(hall, sources(_stick(stage), DOWN))
            assert taken.refused is None, (taken.refused.reason, taken.refused.facts)
            mark_sizes(HALL, hall.logs)


def scanning(stage: Stage) -> None:
    """Scans are kept as files, and entries name them."""
    with stage.hall() as hall:
        case_id = hall.db.query("SELECT id FROM case_received ORDER BY id LIMIT 1")[0]["id"]
        for number in range(3):
            _scan(hall, case_id, b"%d of 3" % number * 9_000)


def _scan(hall: Hall, case_id: str, plain: bytes) -> None:
    kept = archives.archive_of(hall).keep(BytesIO(plain), archives.file_secret(hall))
    record = MaterialScanned(
        case_id=case_id,
        material="M1",
        media="image/png",
        size=kept.size,
        file=kept.name,
        name="扫描件.png",
        key=kept.key,
    )
    hall.write(record, actor=ACTOR)
    mark_sizes(HALL, hall.logs)
    path = hall.data / "files" / kept.name[:2] / kept.name
    name, content = str(path.relative_to(hall.data)), sha256(path.read_bytes()).hexdigest()
    preload.mark("kept", machine=HALL, path=name, content=content)


def of_the_first_release(stage: Stage) -> None:
    """The folders that the oldest recorded release left."""
    Recording(releases()[0]).unpack(stage.folder)


def upgrading_a_release(stage: Stage) -> None:
    """Today's programs start over them, change the tables, and go on."""
    with stage.both() as (hall, center):
        mark_sizes(HALL, hall.logs)
        mark_sizes(CENTER, center.logs)
        write_cases(hall, 1)


_BOTH = (HALL, CENTER)
CARRIED = (
    CommitPath("stick to the center", (CENTER,), stick_from_hall, importing_up),
    CommitPath("stick to the hall", (HALL,), stick_from_center, importing_down),
    CommitPath("scanning", (HALL,), receipted, scanning),
    CommitPath("upgrading a release", _BOTH, of_the_first_release, upgrading_a_release),
)
