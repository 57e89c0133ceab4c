"""A hall and a center as two stores in one test, without a network between them."""

from __future__ import annotations

from datetime import date

from standards.records import CaseReceived, FaceConsent, Record
from sync.contact.receiving import Receiver, Writer, receive
from sync.contact.sending import next_batch
from sync.errors import UnknownLog
from sync.log import LogStore, Portions
from sync.notes import COSIGNATURE, Checkpoint, Signer, open_note
from sync.private.sealing import SealingKey
from tests.simulation.disk import Disk
from tests.sync.stores import log_store

HALL = "c.example/T01/1"
DAY = date(2026, 11, 24)
SIGNER = Signer("c.example/T01", b"h" * 32)
COSIGNER = Signer("c.example/receipts", b"r" * 32, COSIGNATURE)
SEALING = SealingKey(b"s" * 32)
RECEIVER = Receiver(SEALING, COSIGNER)
CANARY = "欧阳娜娜"


def case(number: int = 0) -> CaseReceived:
    """A case with personal parts."""
    return CaseReceived(
        case_no=f"T01-{number}",
        item="GA001",
        guide_version=1,
        received_on=DAY,
        applicant_name=CANARY,
        paper_no="11010519491231002X",
        mobile="13812345678",
    )


def consent() -> FaceConsent:
    """A record without a personal part."""
    return FaceConsent(staff_no="T01-001", notice_version=1, given=True, day=DAY)


class Pair:
    """The hall's log and the center's copy of it; batches of at most four entries."""

    def __init__(self, hall: LogStore | None = None, center: LogStore | None = None) -> None:
        self.hall = hall or log_store(Disk())
        self.center = center or log_store(Disk())
        for logs in (self.hall, self.center):
            logs.portions = Portions(batch_entries=4, chunk_entries=3)
        self.hall.open(HALL, "T01", own=True)
        self.writer = Writer("T01", HALL, SIGNER.verifier)

    def write(self, *records: Record) -> None:
        """The hall writes these records, one transaction each."""
        for record in records:
            self.hall.write(HALL, record, actor="T01-001")

    def batch(self, start: int) -> bytes:
        """What the hall would send from there."""
        raw = next_batch(self.hall, HALL, start, SIGNER, SEALING.public)
        assert raw is not None
        return raw

    def take(self, raw: bytes) -> bytes:
        """The center's receipt."""
        return receive(self.center, raw, self.writer_of, RECEIVER)

    def writer_of(self, origin: str) -> Writer:
        """The center's roster: one hall."""
        if origin != HALL:
            raise UnknownLog("no such log here", origin=origin)
        return self.writer

    def send_all(self) -> None:
        """The center takes everything there is."""
        while (size := self.held()) < self.hall.state(HALL).size:
            self.take(self.batch(size))

    def held(self) -> int:
        """How much the center holds."""
        try:
            return self.center.state(HALL).size
        except UnknownLog:
            return 0


def reach(receipt: bytes) -> int:
    """The size that a receipt of this center proves."""
    return Checkpoint.parse(open_note(receipt, [COSIGNER.verifier]).text).size
