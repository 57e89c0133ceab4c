"""One hall and the center on real files below one folder, and the line between them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from aggregator.app import create_tables
from aggregator.center import Center, CenterSettings
from aggregator.halls import roster
from aggregator.keys import keybook
from aggregator.receiving import rounds
from node.app import LOCAL_TABLES
from node.hall import Hall, HallSettings
from node.keys import enrolment
from standards.catalogue import starter_guides
from standards.records import Record
from standards.workdays import published_years
from sync.client import PREFIX
from sync.contact import messages
from sync.contact.messages import EnrolAsk, RoundAsk
from sync.keys.keysets import HallKeys
from sync.log import LogStore, Portions
from sync.notes import Checkpoint, open_note
from tests.node.hall import TurnableClock, calendar, few, published
from tests.powercut import preload
from tests.powercut.watched import Commits, WatchedCenterStore, WatchedNodeStore

HALL, CENTER = "hall", "center"
NAME = "tonghua.example"
SETTINGS = HallSettings(hall="T01", name="公安分厅", center=NAME)
OFFICE = CenterSettings(center=NAME, name="市政务公开办公室")
# So small that a few entries need several batches and several chunks.
PORTIONS = Portions(batch_entries=4, batch_plain_bytes=24_000, chunk_entries=3)
STANDARDS: tuple[Record, ...] = (
    *map(calendar, published_years()),
    *map(published, few(starter_guides())),
)
DATABASES = {HALL: "node.db", CENTER: "center.db"}


@dataclass
class Stage:
    """The folders ``hall`` and ``center``, and what was committed in them.

    Args:
        synchronous: of both databases; another than FULL only to show that it would be found.
    """

    folder: Path
    synchronous: str = "FULL"
    clock: TurnableClock = field(default_factory=TurnableClock)
    commits: dict[str, Commits] = field(default_factory=dict)

    def watch(self) -> None:
        """Begin with the states of now."""
        self.commits = {machine: self._commits(machine) for machine in DATABASES}

    def rest(self) -> None:
        """From now on nothing is noted any more."""
        for commits in self.commits.values():
            commits.resting = True

    def _commits(self, machine: str) -> Commits:
        return Commits(machine, self.folder / machine / DATABASES[machine], self.synchronous)

    @contextmanager
    def hall(self) -> Iterator[Hall]:
        """The hall's program runs."""
        if not (self.folder / HALL / "node.toml").exists():
            SETTINGS.save(self.folder / HALL)
        commits = self.commits.get(HALL) or self._commits(HALL)
        store = WatchedNodeStore(commits)
        hall = Hall(self.folder / HALL, SETTINGS, self.clock.as_clock(), store)
        hall.db.create([*LOCAL_TABLES, *enrolment.DDL])
        hall.logs.portions = PORTIONS
        try:
            yield hall
        finally:
            hall.close()

    @contextmanager
    def center(self) -> Iterator[Center]:
        """The center's program runs."""
        folder = self.folder / CENTER
        if not (folder / "center.toml").exists():
            OFFICE.save(folder)
        store = WatchedCenterStore(self.commits.get(CENTER) or self._commits(CENTER))
        center = Center(folder, OFFICE, self.clock.as_clock(), store)
        create_tables(center)
        center.logs.portions = PORTIONS
        try:
            yield center
        finally:
            center.close()

    @contextmanager
    def both(self) -> Iterator[tuple[Hall, Center]]:
        """Both programs run."""
        with self.hall() as hall, self.center() as center:
            yield hall, center

    def enrol(self, hall: Hall, center: Center) -> None:
        """Make the hall known to the center, as two people with a telephone do."""
        roster.register_hall(center, SETTINGS.hall, SETTINGS.name)
        code = roster.new_code(center, SETTINGS.hall)
        line = DirectLine(center)
        enrolment.ask(hall, line, "http://center.example", code)
        roster.approve(center, roster.pending(center)[0].id, "C-00")
        preload.mark("approved", machine=CENTER, hall=SETTINGS.hall)
        known = enrolment.ask_again(hall, line)
        assert known is not None and known.state == "approved"
        preload.mark("enrolled", machine=HALL)


class DirectLine:
    """``sync.client.Line`` straight to the center's functions; a given receipt is marked.

    Args:
        hall: who asks, where its keys change meanwhile: the center answers to the key that asked.
    """

    def __init__(self, center: Center, hall: Hall | None = None) -> None:
        self._center = center
        # A line signs its requests with the key that was in force when it was made.
        self._key = hall.signer.verifier if hall else None

    def send(self, method: str, target: str, body: bytes, media_type: str) -> bytes:
        """See ``sync.client.Line``."""
        center, place = self._center, target.removeprefix(PREFIX)
        if place == "/enrol":
            return messages.write(roster.ask(center, messages.read(body, EnrolAsk)))
        keys = self._asking()
        if place == "/round":
            ask = messages.read(body, RoundAsk)
            return messages.write(rounds.answer_round(center, keys, ask))
        if method == "POST":
            note = rounds.take_batch(center, (SETTINGS.hall, place.rpartition("/")[2]), body)
            mark_receipt(center, note)
            return note
        origin, _, start = place.removeprefix("/logs/").partition("?from=")
        return rounds.give_batch(center, keys, unquote(origin), int(start))

    def _asking(self) -> HallKeys:
        if self._key is None:
            return roster.hall_keys(self._center, SETTINGS.hall)
        held = [row.keys for row in keybook.keys_of(self._center, SETTINGS.hall)]
        return next(keys for keys in held if keys.signing == self._key)


def mark_receipt(center: Center, note: bytes) -> None:
    """The center has answered with this receipt."""
    head = Checkpoint.parse(open_note(note, center.keys.ring.keys.receipts_keys).text)
    preload.mark(
        "receipted",
        machine=CENTER,
        origin=head.origin,
        size=head.size,
        note=b64encode(note).decode(),
    )


def mark_sizes(machine: str, logs: LogStore) -> None:
    """Everything in these logs, and how far they were receipted and applied, was reported."""
    for state in logs.states():
        preload.mark(
            "reported",
            machine=machine,
            origin=state.origin,
            size=state.size,
            moved=state.mark.size,
            applied=state.applied,
        )
