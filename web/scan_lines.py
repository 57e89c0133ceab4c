"""Lines of scans and of files that were handed over, as pages of both applications list them.

What differs is told by the caller: which states there are, and what a hall or the center says.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Protocol

from standards.records import FileHanded, MaterialScanned
from standards.records.files import MEDIA

INDEXES = (
    "CREATE INDEX IF NOT EXISTS material_scanned_case ON material_scanned (hall, case_id)",
    "CREATE INDEX IF NOT EXISTS file_handed_about ON file_handed (about_id)",
)
MOST_LISTED = 200


@dataclass(frozen=True)
class Line:
    """One file of a list, and where it stands."""

    id: str
    at: str
    state: str


@dataclass(frozen=True)
class Scan(Line):
    """One scan of a case."""

    actor: str
    scan: MaterialScanned

    @property
    def media(self) -> str:
        """Its type in words."""
        return MEDIA.get(self.scan.media, "其他类型")


@dataclass(frozen=True)
class Handed(Line):
    """One file that the center handed to a hall."""

    file: FileHanded

    @property
    def media(self) -> str:
        """Its type in words."""
        return MEDIA.get(self.file.media, "其他类型")


class _Scanned(Protocol):
    @property
    def scan(self) -> MaterialScanned: ...
    @property
    def state(self) -> str: ...


def told(scans: Iterable[_Scanned], away: Collection[str], words: tuple[str, str, str]) -> str:
    """The scans of a case in one line: how many materials, how many still on the way.

    Args:
        away: states of a scan that is on its way.
        words: for none at all, behind the number of materials, and when none is away or missing.
    """
    lines = [*scans]
    if not lines:
        return words[0]
    materials = {line.scan.material for line in lines}
    on_way = {line.scan.material for line in lines if line.state in away}
    missing = sum(line.state == "missing" for line in lines)
    said = f"{len(materials)}份材料{words[1]}"
    said += f"，其中{len(on_way)}份传送中" if on_way else words[2] if not missing else ""
    return said + (f"，{missing}个文件缺失" if missing else "")
