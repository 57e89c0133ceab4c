"""The files of halls as the center's pages ask for them: scans that came up, files that go down.

Named questions only; nothing is written here.
"""

from __future__ import annotations

from dataclasses import dataclass

from aggregator.center import Center
from aggregator.files.archives import archive_of
from standards.records import FileHanded, MaterialScanned
from sync.files.sealed_files import sealed_size
from sync.storage.store import Row
from web import scan_lines
from web.scan_lines import MOST_LISTED, Handed, Scan

INDEXES = (
    *scan_lines.INDEXES,
    "CREATE INDEX IF NOT EXISTS file_missing_file ON file_missing (hall, missing)",
)

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
class ScanLine(Scan):
    """One scan of a case; ``percent`` of it is here while it is on its way."""

    percent: int


@dataclass(frozen=True)
class HandedLine(Handed):
    """One file that was handed to a hall."""

    actor: str

    @property
    def may_open(self) -> bool:
        """Whether its bytes are here and can be read."""
        return self.state in ("fetched", "waiting")


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
    return ScanLine(str(row["id"]), str(row["at"]), state, str(row["actor"]), scan, percent)


def told(scans: list[ScanLine]) -> str:
    """The scans of a case in one line: how many materials, how many still on the way."""
    return scan_lines.told(scans, ("on_the_way",), ("没有扫描件", "有扫描件", "，已全部收到"))


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
    return HandedLine(str(row["id"]), str(row["at"]), state, file, str(row["actor"]))
