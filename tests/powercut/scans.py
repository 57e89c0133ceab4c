"""Pieces of scans on their way into the center's folder; how a hall keeps them: ``carried``."""

from __future__ import annotations

from io import BytesIO

from aggregator.files.archives import take_piece
from aggregator.halls import roster
from aggregator.receiving.apply import apply_all
from node.outbox.syncing import contact
from node.safekeeping import archives
from standards.records import MaterialScanned
from sync.files.cabinet import Cabinet
from tests.powercut import preload
from tests.powercut.commit_paths import ACTOR, CommitPath, in_step
from tests.powercut.stage import CENTER, HALL, SETTINGS, DirectLine, Stage

# Several pieces each, and not so many writes that the other paths get no image.
_SCANS = tuple(bytes([number]) * size for number, size in enumerate((40_000, 90_000, 40_000)))


def named_at_center(stage: Stage) -> None:
    """The hall attached scans, and its log went up without them."""
    in_step(stage)
    with stage.both() as (hall, center):
        for scan in _SCANS:
            kept = archives.archive_of(hall).keep(BytesIO(scan), b"f" * 32)
            record = MaterialScanned(
                case_id="0" * 36,
                material="M1",
                media="image/png",
                size=kept.size,
                file=kept.name,
                key=kept.key,
            )
            hall.write(record, actor=ACTOR)
        contact(hall, DirectLine(center))
        apply_all(center)


def taking_files(stage: Stage) -> None:
    """Pieces of scans come to the center; each is answered when it is on the disk."""
    cabinet = Cabinet(stage.folder / HALL / "files")
    with stage.center() as center:
        keys = roster.hall_keys(center, SETTINGS.hall)
        for name in sorted(cabinet.names()):
            at, size = 0, cabinet.size(name) or 0
            while at < size:
                at = take_piece(center, keys, name, cabinet.piece(name, at, 30_000)).held
            preload.mark("filed", machine=CENTER, name=name)


FILED = (CommitPath("taking files", (CENTER,), named_at_center, taking_files),)
