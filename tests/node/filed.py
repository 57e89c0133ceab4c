"""A hall with files and a center that really listens; the line between them may fray."""

from __future__ import annotations

import io
import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import IO

from aggregator.files import archives as center_archives
from aggregator.halls import roster
from aggregator.receiving.apply import apply_all
from deploy.cable import Cable
from node.files.filing import Filing
from node.hall import Hall, HallSettings
from node.keys import enrolment
from node.outbox import syncing
from node.safekeeping import archives
from standards.records import CaseReceived, FileHanded, MaterialScanned
from sync.files.archive import Kept
from sync.files.sealed_files import sealed_size
from tests.independent.center import CENTER, Listening
from tests.node.contacts import enrolled, line_of
from tests.simulation.clocks import MachineClock, Time

CASE_ID = "0193b2c4-1111-7aaa-8bbb-000000000001"
# Stands in every plain file of these tests, and nowhere else.
MARK = b"MARKED-PLAIN-BYTES-OF-A-SCAN"


def scan(size: int, seed: int = 0) -> bytes:
    """A plain file of this size, like no other, with marked bytes all over it."""
    noise = random.Random(seed).randbytes(size // 2)
    return (b"%PDF-1.4\n" + (MARK + noise) * 2 + MARK * 8)[:size].ljust(size, b"\0")


class Fraying(Cable):
    """A cable that breaks every connection when so many bytes went up it, and keeps them all."""

    def __init__(self, target: int) -> None:
        self.cuts: Iterator[int] = iter(())
        self.left: int | None = None
        self.broken = 0
        self.kept = bytearray()
        self.flip = False
        super().__init__("frays", 0, target)

    @property
    def url(self) -> str:
        """Where the hall finds the center."""
        return f"http://127.0.0.1:{self.port}"

    def fray(self, cuts: Iterator[int]) -> None:
        """Break after each of these numbers of bytes, in turn."""
        self.cuts, self.left = cuts, next(cuts)

    def passes(self, source: socket.socket, data: bytes) -> None:
        """See ``Cable``."""
        self.kept += data
        if self.left is None:
            return
        self.left -= len(data)
        if self.left <= 0:
            self.left = next(self.cuts, None)
            self.broken += 1
            raise OSError("cut")


class Filed:
    """A hall and its center; nothing moves by itself."""

    def __init__(self, hall: Hall, office: Listening, time: Time) -> None:
        self.hall, self.office, self.time = hall, office, time
        self.url = office.url
        self.filing = Filing(hall, line_to=lambda url: line_of(hall, self.url))

    def write_case(self, number: int = 1) -> None:
        """A new entry."""
        case = CaseReceived(
            case_no=f"T01-{number}",
            item="GA001",
            guide_version=1,
            received_on=date(2026, 11, 24),
            applicant_name="赵小明",
            paper_no="11010519491231002X",
            mobile="13812345678",
        )
        self.hall.write(case, actor="T01-001")

    def attach(self, plain: bytes, case_id: str = CASE_ID) -> Kept:
        """Attach a scan as the page does."""
        return self.attach_from(io.BytesIO(plain), case_id)

    def attach_from(self, plain: IO[bytes], case_id: str = CASE_ID) -> Kept:
        """Attach a scan from a stream."""
        kept = archives.archive_of(self.hall).keep(plain, archives.file_secret(self.hall))
        record = MaterialScanned(
            case_id=case_id,
            material="M1",
            media="application/pdf",
            size=kept.size,
            file=kept.name,
            name="扫描件.pdf",
            key=kept.key,
        )
        self.hall.write(record, actor="T01-001")
        return kept

    def hand_over(self, plain: bytes) -> Kept:
        """Hand a file to the hall as the center's page does."""
        return self.hand_over_from(io.BytesIO(plain))

    def hand_over_from(self, plain: IO[bytes]) -> Kept:
        """Hand a file over from a stream."""
        center = self.office.center
        archive = center_archives.archive_of(center, "T01")
        kept = archive.keep(plain, center_archives.file_secret(center))
        record = FileHanded(
            for_hall="T01",
            purpose="handover",
            media="application/pdf",
            size=kept.size,
            file=kept.name,
            name="移交.pdf",
            key=kept.key,
        )
        center.order("T01", record, actor="ZX-01")
        return kept

    def sync(self) -> None:
        """The log goes first, both ways, and is applied."""
        syncing.contact(self.hall, line_of(self.hall, self.office.url))
        apply_all(self.office.center)

    def move(self, turns: int = 400) -> None:
        """Let the file thread do its turns until nothing waits; time passes as it asks."""
        for _ in range(turns):
            pause = self.filing.turn()
            if self.filing.status().state == "idle":
                return
            self.time.pass_on(pause)
        raise AssertionError(f"files do not come to rest: {self.filing.status()}")

    def move_and_sync(self) -> None:
        """As ``move``; what the file thread writes into the log is sent meanwhile."""
        for _ in range(400):
            self.time.pass_on(self.filing.turn())
            if self.filing.status().state == "log":
                self.sync()
            if self.filing.status().state == "idle":
                return
        raise AssertionError(f"files do not come to rest: {self.filing.status()}")

    def at_center(self, name: str) -> bytes | None:
        """The sealed bytes that the center has under a name."""
        folder = self.office.center.data / "files" / "T01" / name[:2] / name
        return folder.read_bytes() if folder.exists() else None

    def here(self, name: str) -> bytes | None:
        """The sealed bytes that the hall has."""
        path = self.path(name)
        return path.read_bytes() if path.exists() else None

    def path(self, name: str) -> Path:
        """Where the hall keeps a file."""
        return self.hall.data / "files" / name[:2] / name

    def opened_at_center(self, kept: Kept) -> bytes:
        """The plain file as the center reads it."""
        archive = center_archives.archive_of(self.office.center, "T01")
        return b"".join(archive.read(kept.name, kept.key))

    def pieces_sent(self, kept: Kept) -> int:
        """Sealed bytes of a file."""
        return sealed_size(kept.size)


def _admit(hall: Hall, office: Listening) -> None:
    """Enrol the hall, also when another machine of it was there before."""
    center, name = office.center, hall.settings.hall
    if name not in {row.hall for row in roster.halls(center)}:
        enrolled(hall, office)
        return
    asked = enrolment.ask(hall, line_of(hall, office.url), office.url, office.code_for(name))
    (waiting,) = [e for e in roster.pending(center) if e.digits == asked.digits]
    roster.approve(center, waiting.id, "ZX-01", replaces=True)
    enrolment.ask_again(hall, line_of(hall, office.url))


@contextmanager
def filed(data: Path, office: Listening, **settings: object) -> Iterator[Filed]:
    """An enrolled hall whose clock only the test moves."""
    time = Time()
    chosen = HallSettings(hall="T01", name="公安分厅", center=CENTER, **settings)  # type: ignore[arg-type]
    hall = Hall(data, chosen, clock=MachineClock(time).boot())
    hall.db.create(enrolment.DDL)
    try:
        _admit(hall, office)
        yield Filed(hall, office, time)
    finally:
        hall.close()
