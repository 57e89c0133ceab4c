"""日志卷: which log this hall writes, and when it goes on in a new one.

A machine whose database was put back from a copy, or that meets another history of its own log at
the center, opens the next epoch; numbers and heads of the old one are never issued twice. The
window never waits for any of this. Knows no Flask.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from node.outbox import heads
from standards.errors import Invalid
from standards.records import EntriesMoved, EpochOpened
from sync.contact.messages import Span
from sync.failpoints import fp
from sync.keys.keysets import HallKeys
from sync.notes import Signer, Verifier
from sync.recovery.epochs import Gap, epoch_of, gaps
from sync.recovery.history import ACTOR, move_on
from sync.storage.tables import records

if TYPE_CHECKING:
    from node.hall import Hall

FIRST = 1

DDL = (
    """CREATE TABLE IF NOT EXISTS written_elsewhere (
        epoch INTEGER PRIMARY KEY, seen_at TEXT NOT NULL)""",
    # What a machine before this one wrote and never sent, as the center knows it.
    """CREATE TABLE IF NOT EXISTS never_sent (
        epoch INTEGER NOT NULL, first INTEGER NOT NULL, stop INTEGER NOT NULL,
        PRIMARY KEY (epoch, first))""",
    *heads.DDL,
)


def begin(hall: Hall) -> None:
    """At each start: the first log of a new hall is begun, the next one after a restore.

    The file beside the database knows more than the database: then it is an old copy.
    """
    hall.db.create(DDL)
    hall.logs.open(hall.origin, hall.settings.hall, own=True)
    promised = [o for o in hall.highwater.origins() if o.rpartition("/")[0] == hall.log_name]
    last = max([hall.epoch, *map(epoch_of, promised)])
    known = hall.highwater.reached(hall.origin_of(last))
    here = hall.state().size if last == hall.epoch else 0
    if known > here:
        open_next(
            hall,
            EpochOpened(cause="restored", previous=last, branched_at=here, known_size=known),
            above=last,
        )


def open_next(hall: Hall, opened: EpochOpened, above: int = 0, actor: str = ACTOR) -> None:
    """Go on in the next epoch, above every one that is known; its first entry says why."""
    number = max(hall.epoch, above, hall.keys.current.first_epoch - 1) + 1
    with hall.db.transaction():
        origin = hall.origin_of(number)
        hall.logs.open(origin, hall.settings.hall, own=True)
        fp("epoch.begun")
        hall.logs.write(origin, opened, actor=actor)
        fp("epoch.opened")


def follow_keys(hall: Hall) -> bool:
    """Go on in the first epoch of this hall's newest keys, unless it is open; whether it was not.

    Safe to run at any time; until then the window goes on in the epoch before, under its key.
    """
    if hall.epoch >= hall.keys.current.first_epoch:
        return False
    with hall.db.transaction():
        if hall.epoch >= hall.keys.current.first_epoch:
            return False
        cause = "rotated" if len(hall.keys.sets) > 1 else "replaced"
        size = hall.state().size
        opened = EpochOpened(cause=cause, previous=hall.epoch, branched_at=size, known_size=size)
        if cause == "replaced":
            opened = _after_another_machine(hall) or opened
        open_next(hall, opened)
        return True


def note_never_sent(hall: Hall, span: Span) -> None:
    """The center knows that a machine before this one wrote these entries and never sent them."""
    if span.origin.rpartition("/")[0] == hall.log_name and span.first < span.stop:
        hall.db.execute(
            "INSERT INTO never_sent VALUES (:epoch, :first, :stop) ON CONFLICT DO NOTHING",
            epoch=epoch_of(span.origin),
            first=span.first,
            stop=span.stop,
        )


def _after_another_machine(hall: Hall) -> EpochOpened | None:
    """How an epoch begins whose machine replaces another one that had not sent everything."""
    rows = hall.db.query("SELECT * FROM never_sent ORDER BY epoch DESC, stop DESC LIMIT 1")
    if not rows:
        return None
    epoch, first, stop = (int(rows[0][name]) for name in ("epoch", "first", "stop"))
    here = {state.origin: state.size for state in hall.logs.states()}
    if epoch < hall.epoch or here.get(hall.origin_of(epoch), 0) >= stop:
        # Told already; or this very machine, under new keys: what it wrote stands here.
        return None
    return EpochOpened(cause="replaced", previous=epoch, branched_at=first, known_size=stop)


class HallLogBook:
    """``sync.client.LogBook`` of a hall.

    Args:
        listed: what the center's roster says of each of this hall's keys, the oldest first; those
            of a machine before this one are among them.
    """

    def __init__(self, hall: Hall, listed: Sequence[HallKeys] = ()) -> None:
        self._hall, self.listed = hall, listed

    def open_log(self) -> str:
        """See ``LogBook``."""
        return self._hall.origin

    def signer(self, origin: str) -> Signer:
        """See ``LogBook``."""
        return self._hall.keys.signer_of(epoch_of(origin))

    def verifier(self, origin: str) -> Verifier:
        """See ``LogBook``."""
        listed = self._of(origin)
        return listed.signing if listed else self.signer(origin).verifier

    def end(self, origin: str) -> int | None:
        """See ``LogBook``."""
        listed = self._of(origin)
        return listed.end_of(epoch_of(origin)) if listed else None

    def _of(self, origin: str) -> HallKeys | None:
        epoch = epoch_of(origin)
        earlier = [keys for keys in self.listed if keys.first_epoch <= epoch]
        return earlier[-1] if earlier else None

    def part(self, moves: Sequence[tuple[str, int]]) -> None:
        """See ``LogBook``; in one transaction."""
        hall = self._hall
        with hall.db.transaction():
            epoch, at = hall.epoch, dict(moves).get(hall.origin, hall.state().size)
            open_next(
                hall,
                EpochOpened(cause="diverged", previous=epoch, branched_at=at, known_size=at),
            )
            for origin, first in moves:
                if count := hall.logs.state(origin).size - first:
                    note = EntriesMoved(epoch=epoch_of(origin), first=first, count=count)
                    move_on(hall.logs, (origin, first), hall.origin, note)
                    fp("epoch.moved")


def note_clone(hall: Hall, epoch: int) -> None:
    """The center holds an epoch of this hall that this machine did not write."""
    hall.db.execute(
        "INSERT INTO written_elsewhere VALUES (:epoch, :at) ON CONFLICT DO NOTHING",
        epoch=epoch,
        at=hall.clock.stamp(),
    )


def clone_seen(hall: Hall) -> int | None:
    """The latest epoch that another machine with this hall's key wrote, while nobody has decided;
    sending is held so long.
    """
    rows = hall.db.query("SELECT MAX(epoch) AS epoch FROM written_elsewhere")
    found = rows[0]["epoch"]
    return int(found) if found is not None and found > hall.epoch else None


def go_on_here(hall: Hall, actor: str) -> None:
    """A person decided that this machine goes on: it opens the epoch after the other machine's.

    The other machine then meets an epoch that it did not write, and its sending is held.

    Raises:
        Invalid: no other machine was met, or it was decided already.
    """
    with hall.db.transaction():
        elsewhere = clone_seen(hall)
        if elsewhere is None:
            raise Invalid({"": "没有发现另一台机器在续写本厅日志,无需选择"})
        size = hall.state().size
        opened = EpochOpened(cause="kept", previous=hall.epoch, branched_at=size, known_size=size)
        open_next(hall, opened, above=elsewhere, actor=actor)


def lost(hall: Hall) -> list[Gap]:
    """What this hall once signed and nobody has any more, by number, for the printed list."""
    opened = [(e.previous, e.known_size) for e in records(hall.db, EpochOpened)]
    moved = [Gap(m.epoch, m.first, m.first + m.count) for m in records(hall.db, EntriesMoved)]

    def size_of(epoch: int) -> int:
        origin = hall.origin_of(epoch)
        return next((s.size for s in hall.logs.states() if s.origin == origin), 0)

    return gaps(opened, moved, size_of)
