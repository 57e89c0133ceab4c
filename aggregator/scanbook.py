"""The files of halls as the center's pages ask for them: scans that came up, files that go down.

Named questions only; nothing is written here.
"""

from __future__ import annotations

from dataclasses import dataclass

from aggregator.archives import archive_of
from aggregator.center import Center
from standards.records import FileHanded, MaterialScanned
from standards.records.files import MEDIA
from sync.sealed_files import sealed_size
from sync.store import Row

INDEXES = (
    "CREATE INDEX IF NOT EXISTS material_scanned_case ON material_scanned (hall, case_id)",
    "CREATE INDEX IF NOT EXISTS file_missing_file ON file_missing (hall, missing)",
    "CREATE INDEX IF NOT EXISTS file_handed_about ON file_handed (about_id)",
)
MOST_LISTED = 200

# Where a scan stands -> shape and words.
STATES = {
    "erased": ("idle", "已依法删除"),
    "here": ("done", "已收到"),
    "on_the_way": ("info", "传送中"),
    "missing": ("danger", "源文件缺失"),
}
HANDED_STATES = {
    "erased": ("idle", "已依法删除"),
    "fetched": ("done", "分厅已取走"),
    "waiting": ("info", "等待分厅取走"),
    "missing": ("danger", "本机缺失"),
}


@dataclass(frozen=True)
class ScanLine:
    """One scan of a case; ``percent`` of it is here while it is on its way."""

    id: str
    at: str
    actor: str
    scan: MaterialScanned
    state: str
    percent: int

    @property
    def media(self) -> str:
        """Its type in words."""
        return MEDIA.get(self.scan.media, "其他类型")


@dataclass(frozen=True)
class HandedLine:
    """One file that was handed to a hall."""

    id: str
    at: str
    actor: str
    file: FileHanded
    state: str

    @property
    def may_open(self) -> bool:
        """Whether its bytes are here and can be read."""
        return self.state in ("fetched", "waiting")

    @property
    def media(self) -> str:
        """Its type in words."""
        return MEDIA.get(self.file.media, "其他类型")


_SCANS = """
SELECT m.*, (SELECT COUNT(*) FROM file_held h WHERE h.hall = m.hall AND h.hash = m.file) AS here,
(SELECT COUNT(*) FROM file_missing x WHERE x.hall = m.hall AND x.missing = m.file) AS missing
FROM material_scanned m WHERE m.hall = :hall AND m.case_id = :case_id
ORDER BY m.material, LENGTH(m.origin), m.origin, m.idx
"""


def scans_of(center: Center, hall: str, case_id: str) -> list[ScanLine]:
    """Every scan of a case, by material and in the order in which they came."""
    rows = center.db.query(_SCANS, hall=hall, case_id=case_id)
    return [_scan(center, row) for row in rows]


def _scan(center: Center, row: Row) -> ScanLine:
    scan = center.logs.opened(MaterialScanned, row)
    percent = 0
    if not scan.key:
        state = "erased"
    elif row["here"]:
        state = "here"
    elif row["missing"]:
        state = "missing"
    else:
        state = "on_the_way"
        held = archive_of(center, str(row["hall"])).cabinet.held(scan.file)
        percent = min(99, 100 * held // sealed_size(scan.size))
    return ScanLine(str(row["id"]), str(row["at"]), str(row["actor"]), scan, state, percent)


def told(scans: list[ScanLine]) -> str:
    """The scans of a case in one line: how many materials, how many still on the way."""
    if not scans:
        return "没有扫描件"
    materials = {line.scan.material for line in scans}
    away = {line.scan.material for line in scans if line.state == "on_the_way"}
    missing = sum(line.state == "missing" for line in scans)
    words = f"{len(materials)}份材料有扫描件"
    words += f"，其中{len(away)}份传送中" if away else "，已全部收到" if not missing else ""
    return words + (f"，{missing}个文件缺失" if missing else "")


# For the templates.
WORDS = {"scan_states": STATES, "scans_told": told, "handed_states": HANDED_STATES}

_HANDED = """
SELECT f.*,
(SELECT COUNT(*) FROM file_held h WHERE h.hall = f.for_hall AND h.hash = f.file) AS here,
(SELECT COUNT(*) FROM file_delivered d WHERE d.hall = f.for_hall AND d.hash = f.file) AS fetched
FROM file_handed f WHERE (:about = '' OR f.about_id = :about) AND (:one = '' OR f.id = :one)
ORDER BY f.id DESC LIMIT :most
"""


def handed(center: Center, about: str = "", one: str = "") -> list[HandedLine]:
    """The files that were handed to halls, the newest first.

    Args:
        about: those of this record only. one: this file only.
    """
    rows = center.db.query(_HANDED, about=about, one=one, most=MOST_LISTED)
    return [_handed(center, row) for row in rows]


def _handed(center: Center, row: Row) -> HandedLine:
    file = center.logs.opened(FileHanded, row)
    if not file.key:
        state = "erased"
    elif not row["here"]:
        state = "missing"
    else:
        state = "fetched" if row["fetched"] else "waiting"
    return HandedLine(str(row["id"]), str(row["at"]), str(row["actor"]), file, state)
