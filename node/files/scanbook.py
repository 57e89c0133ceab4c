"""The hall's scans and the files that came down, as pages ask for them: where each stands.

Named questions only; nothing is written here.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from node.hall import Hall
from standards.records import FileHanded, MaterialScanned
from sync.storage.store import Row
from web import scan_lines
from web.scan_lines import MOST_LISTED, Handed, Scan

INDEXES = (
    *scan_lines.INDEXES,
    "CREATE INDEX IF NOT EXISTS material_scanned_file ON material_scanned (file)",
    "CREATE INDEX IF NOT EXISTS file_missing_file ON file_missing (missing)",
)

# Where a file stands -> shape and words.
STATES = {
    "erased": ("idle", "已依法删除"),
    "missing": ("danger", "源文件缺失"),
    "delivered": ("done", "中心已收到"),
    "on_the_way": ("info", "传送中"),
    "back": ("warn", "正从中心取回"),
}
HANDED_STATES = {
    "erased": ("idle", "已依法删除"),
    "here": ("done", "已收到"),
    "on_the_way": ("info", "传送中"),
    "missing": ("danger", "中心缺失"),
}


class ScanLine(Scan):
    """One scan of a case."""

    @property
    def may_open(self) -> bool:
        """Whether its bytes are here and can be read."""
        return self.state in ("delivered", "on_the_way")


class HandedLine(Handed):
    """One file that the center handed to this hall."""

    @property
    def may_open(self) -> bool:
        """Whether its bytes are here and can be read."""
        return self.state == "here"


_SCANS = """
SELECT m.*, (SELECT COUNT(*) FROM file_held h WHERE h.hall = m.hall AND h.hash = m.file) AS here,
(SELECT COUNT(*) FROM file_delivered d WHERE d.hall = m.hall AND d.hash = m.file) AS there,
(SELECT COUNT(*) FROM file_missing x WHERE x.hall = m.hall AND x.missing = m.file) AS missing
FROM material_scanned m WHERE m.hall = :hall AND m.case_id = :case_id
ORDER BY m.material, LENGTH(m.origin), m.origin, m.idx
"""


def scans_of(hall: Hall, case_id: str) -> list[ScanLine]:
    """Every scan of a case, by material and in the order in which they came."""
    rows = hall.db.query(_SCANS, hall=hall.settings.hall, case_id=case_id)
    return [_scan(hall, row) for row in rows]


def _scan(hall: Hall, row: Row) -> ScanLine:
    scan = hall.logs.opened(MaterialScanned, row)
    if not scan.key:
        state = "erased"
    elif row["here"]:
        state = "delivered" if row["there"] else "on_the_way"
    else:
        state = "missing" if row["missing"] else "back"
    return ScanLine(str(row["id"]), str(row["at"]), state, str(row["actor"]), scan)


def told(scans: list[ScanLine]) -> str:
    """The scans of a case in one line: how many materials, how many still on the way."""
    words = ("还没有扫描件", "已扫描", "，中心已全部收到")
    return scan_lines.told(scans, ("on_the_way", "back"), words)


_HANDED = """
SELECT f.*,
(SELECT COUNT(*) FROM file_held h WHERE h.hall = f.for_hall AND h.hash = f.file) AS here,
(SELECT COUNT(*) FROM file_absent a WHERE a.hall = f.for_hall AND a.hash = f.file) AS absent
FROM file_handed f WHERE f.for_hall = :hall AND (:about = '' OR f.about_id = :about)
AND (:one = '' OR f.id = :one)
ORDER BY LENGTH(f.origin) DESC, f.origin DESC, f.idx DESC LIMIT :most
"""


def handed(hall: Hall, about: str = "", one: str = "") -> list[HandedLine]:
    """The files that the center handed down, the newest first.

    Args:
        about: those of this record only. one: this file only.
    """
    rows = hall.db.query(_HANDED, hall=hall.settings.hall, about=about, one=one, most=MOST_LISTED)
    return [_handed(hall, row) for row in rows]


def _handed(hall: Hall, row: Row) -> HandedLine:
    file = hall.logs.opened(FileHanded, row)
    if not file.key:
        state = "erased"
    elif row["here"]:
        state = "here"
    else:
        state = "missing" if row["absent"] else "on_the_way"
    return HandedLine(str(row["id"]), str(row["at"]), state, file)


@dataclass(frozen=True)
class FilesAbout:
    """How many files belong to one record of the center's, and how many of them are here."""

    all: int
    here: int

    @property
    def told(self) -> str:
        """In words."""
        away = self.all - self.here
        return f"{self.all}张" + (f"，{away}张传送中" if away else "")


def files_about(hall: Hall) -> defaultdict[str, FilesAbout | None]:
    """By record of the center's: its files."""
    rows = hall.db.query(
        "SELECT f.about_id, COUNT(*) AS n, COUNT(h.hash) AS here FROM file_handed f "
        "LEFT JOIN file_held h ON h.hall = f.for_hall AND h.hash = f.file "
        "WHERE f.for_hall = :hall GROUP BY f.about_id",
        hall=hall.settings.hall,
    )
    found: defaultdict[str, FilesAbout | None] = defaultdict(lambda: None)
    for row in rows:
        found[str(row["about_id"])] = FilesAbout(int(row["n"]), int(row["here"]))
    return found
