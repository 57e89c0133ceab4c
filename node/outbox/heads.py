"""标准核对码: the standards that this hall holds, as digits that two halls compare by telephone.

分叉: heads of the center's logs that are not what this hall holds, kept as evidence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sync.errors import Fork, SyncError, UnknownLog
from sync.evidence.heads import head_at, latest_head, spoken
from sync.notes import Checkpoint, Verifier, open_note
from sync.storage.durable import write_file
from web.shell import Banner

if TYPE_CHECKING:
    from node.hall import Hall

DDL = (
    """CREATE TABLE IF NOT EXISTS split_head (
        origin TEXT NOT NULL, size INTEGER NOT NULL, theirs BLOB NOT NULL, ours BLOB NOT NULL,
        at TEXT NOT NULL, over_at TEXT NOT NULL, PRIMARY KEY (origin, size))""",
)


@dataclass(frozen=True)
class SplitHead:
    """A head that the center signed and that is not what this hall holds, and the one it signed for
    what this hall holds. ``over_at``: when both were in step again; empty while they are not.
    """

    origin: str
    size: int
    theirs: str
    ours: str
    at: str
    over_at: str


def standards_code(hall: Hall, size: int | None = None) -> tuple[int, str]:
    """Up to where this hall holds the standards, or a smaller size, and the digits of that."""
    try:
        held = hall.logs.state(hall.standards_origin).size
    except UnknownLog:
        held = 0
    at = held if size is None else min(size, held)
    return at, spoken(hall.logs.root_at(hall.standards_origin, at)) if at else ""


def take_note(
    hall: Hall, apart: Sequence[SyncError], in_step: set[str], keys: Sequence[Verifier]
) -> None:
    """After a contact: keep both heads of each log that is another at the center, once; and see
    which are in step again.
    """
    for error in apart:
        shown = str(error.facts.get("shown", ""))
        if isinstance(error, Fork) and shown:
            _keep(hall, str(error.facts["log"]), shown.encode(), keys)
    for one in split_heads(hall):
        if not one.over_at and one.origin in in_step:
            hall.db.execute(
                "UPDATE split_head SET over_at = :at WHERE origin = :origin AND over_at = ''",
                at=hall.clock.stamp(),
                origin=one.origin,
            )


def _keep(hall: Hall, origin: str, note: bytes, keys: Sequence[Verifier]) -> None:
    try:
        shown = Checkpoint.parse(open_note(note, keys).text)
    except SyncError:
        # Not signed by the center: it proves nothing against it.
        return
    if shown.origin != origin:
        return
    ours = head_at(hall.logs, origin, shown.size) or latest_head(hall.logs, origin) or b""
    hall.db.execute(
        "INSERT INTO split_head VALUES (:origin, :size, :theirs, :ours, :at, '') "
        "ON CONFLICT (origin, size) DO UPDATE SET over_at = ''",
        origin=origin,
        size=shown.size,
        theirs=note,
        ours=ours,
        at=hall.clock.stamp(),
    )
    evidence_file(hall, origin, shown.size, (note, ours))


def evidence_file(hall: Hall, origin: str, size: int, heads: tuple[bytes, bytes]) -> Path:
    """Write two heads into a file that can be handed over: theirs, and the one held here."""
    name = origin.rsplit("/", 2)[1]
    path = hall.data / "evidence" / f"split-{name}-{size}.txt"
    theirs, ours = (head.decode() for head in heads)
    text = f"{theirs}\n--- held here ---\n{ours}"
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        write_file(path, text)
    return path


def split_heads(hall: Hall) -> list[SplitHead]:
    """Every one that was ever seen, the latest first."""
    rows = hall.db.query("SELECT * FROM split_head ORDER BY at DESC, origin, size")
    return [
        SplitHead(
            *(row["origin"], int(row["size"])),
            *(bytes(row["theirs"]).decode(), bytes(row["ours"]).decode()),
            *(row["at"], row["over_at"]),
        )
        for row in rows
    ]


def warnings(hall: Hall) -> Iterator[Banner]:
    """The center shows another history of one of its logs."""
    if any(not one.over_at for one in split_heads(hall)):
        yield Banner(
            level="danger",
            text="中心出示的日志与本厅所存的不是同一份，双方签名都已留证。"
            "业务、上报照常；请管理员立即联系中心，不要自行改动数据。",
            href="/outbox",
            link="待上报",
        )
