"""The recordings: one folder for each release, added when it is made and never edited.

``hall.tar.xz`` and ``center.tar.xz`` are data folders, test keys included; ``wire.json.xz`` is one
whole contact between the two; ``facts.json`` says what stands in them.
"""

from __future__ import annotations

import json
import lzma
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.releases import tap
from tests.releases.tap import Passed

HERE = Path(__file__).parent
MACHINES = ("hall", "center")


def releases() -> list[str]:
    """The releases there are recordings of, oldest first."""
    found = [path.parent.name for path in HERE.glob("*/facts.json")]
    return sorted(found, key=lambda name: [int(part) for part in name.split(".")])


@dataclass(frozen=True)
class Recording:
    """What one release left behind."""

    release: str

    @property
    def folder(self) -> Path:
        """Where it stands."""
        return HERE / self.release

    def unpack(self, folder: Path) -> None:
        """Lay the data folders ``hall`` and ``center`` below ``folder``."""
        for machine in MACHINES:
            with tarfile.open(self.folder / f"{machine}.tar.xz") as kept:
                kept.extractall(folder, filter="data")

    def wire(self) -> list[Passed]:
        """How the hall was admitted, then the contact it had from exactly these folders; the last
        one is a request to an address that this release does not know.
        """
        return tap.read(lzma.decompress((self.folder / "wire.json.xz").read_bytes()))

    def facts(self) -> dict[str, Any]:
        """What stands in the folders."""
        found: dict[str, Any] = json.loads((self.folder / "facts.json").read_bytes())
        return found

    def size(self) -> int:
        """Bytes of all its files."""
        return sum(path.stat().st_size for path in self.folder.iterdir())


def keep(folder: Path, release: str, facts: dict[str, object]) -> None:
    """Pack the data folders below ``folder`` as the recording of a release."""
    target = HERE / release
    target.mkdir()
    for machine in MACHINES:
        with tarfile.open(target / f"{machine}.tar.xz", "w:xz") as packed:
            packed.add(folder / machine, machine, filter=_plain)
    told = json.dumps(facts, indent=1, ensure_ascii=False) + "\n"
    (target / "facts.json").write_text(told, encoding="utf-8")


def keep_wire(release: str, passed: list[Passed]) -> None:
    """Add the contact to a recording."""
    (HERE / release / "wire.json.xz").write_bytes(lzma.compress(tap.written(passed)))


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    if entry.name.endswith(("-wal", "-shm", "lock")):
        return None
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    return entry
