"""恢复回补: after a restore, what the halls hold of the center's own logs comes back first.

A center that was put back from a backup is shorter than what it once signed: the file of high-water
marks beside the database says so at the start, a hall's proof of delivery says so at its next
contact. Until the rest is back nothing is written into such a log, and entries whose findings would
go there wait. Then halls send again what they have receipts for.

Where the file cannot be relied on, nothing is written before the halls were heard (``unheard``);
what was written before anybody could know goes on behind what comes back (``set_aside``). Knows no
Flask.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from aggregator.center import CENTER, Center
from aggregator.keys import keybook
from aggregator.safekeeping import forks, set_aside, unheard
from sync.applied.applying import apply_pending
from sync.batch import claimed_origin, unpack_relayed
from sync.contact.messages import LogHead, Span
from sync.contact.receiving import bring_parts
from sync.contact.sending import signed_head
from sync.errors import Fork, Gap, StoreBusy, SyncError, UnknownKey, UnknownLog
from sync.notes import Checkpoint, Verifier, open_note
from sync.private import shut
from sync.recovery.history import piece_of, take_back
from sync.safekeeping.safekeeping import RESTORED
from sync.storage.schema import LogState

DDL = (
    """CREATE TABLE IF NOT EXISTS returned (
        origin TEXT NOT NULL, first INTEGER NOT NULL, stop INTEGER NOT NULL,
        way TEXT NOT NULL, at TEXT NOT NULL, PRIMARY KEY (origin, first))""",
    *set_aside.DDL,
    *forks.DDL,
)

OWN, AGAIN, NEVER, BEHIND = "own", "again", "never", "behind"


@dataclass(frozen=True)
class Returned:
    """Entries ``first`` to ``stop`` of a log that the center had lost.

    ``way``: ``own``, a log of the center that came back from a hall; ``again``, a hall's log of
    which the hall held a receipt, to be sent again; ``never``, what a machine that was replaced had
    written and never sent; ``behind``, what the center wrote meanwhile and now stands there.
    """

    origin: str
    first: int
    stop: int
    way: str
    at: str


def returned(center: Center) -> list[Returned]:
    """Everything that came back after restores, the latest first: the printed report.

    What counted as never sent is not lost when its machine was only given new keys and let it go
    on in its next epoch.
    """
    rows = center.db.query("SELECT * FROM returned ORDER BY at DESC, origin, first")
    found = [Returned(**row) for row in rows]
    if not any(one.way == NEVER for one in found):
        return found
    moved = {
        (f"{center.settings.center}/{row['hall']}/{row['epoch']}", int(row["first"])): row["count"]
        for row in center.db.query("SELECT hall, epoch, first, count FROM entries_moved")
    }
    return [one for one in found if one.way != NEVER or not _went_on(one, moved)]


def _went_on(one: Returned, moved: Mapping[tuple[str, int], int]) -> bool:
    """Whether all of it stands in another epoch now."""
    return any(
        origin == one.origin and first <= one.first and one.stop <= first + count
        for (origin, first), count in moved.items()
    )


def missing(center: Center) -> list[tuple[str, int, int]]:
    """Own logs that are shorter than they were: origin, size now, size once signed."""
    center.highwater.look_again()
    rows = center.db.query("SELECT origin, size FROM log WHERE own = 1")
    sizes = {row["origin"]: int(row["size"]) for row in rows}
    marks = {origin: center.highwater.reached(origin) for origin in center.highwater.origins()}
    return [(o, sizes.get(o, 0), once) for o, once in marks.items() if sizes.get(o, 0) < once]


def health(center: Center) -> tuple[bool, str]:
    """For /healthz: are all of our own logs as long as they were signed? Always well: halls must
    reach a center that waits for them, also through a proxy that asks for its health.
    """
    try:
        lacking, waited = missing(center), unheard.waited_for(center.db)
    except StoreBusy:
        return True, "not all database servers can be asked"
    if lacking:
        return True, f"{len(lacking)} logs come back from the halls"
    return True, f"{len(waited)} halls are heard first" if waited else "whole"


def go_on_without(center: Center, origin: str, actor: str = "") -> None:
    """A person decided that nobody will bring the rest of a log: its numbers are given out anew."""
    with center.db.transaction():
        forks.give_up(center, origin, center.highwater.reached(origin), actor)
    center.highwater.lower(origin, _size(center, origin))
    go_on_where_whole(center)


def go_on_unheard(center: Center, hall: str) -> None:
    """A person decided that a hall need not be heard: it is gone, or holds nothing we lack."""
    unheard.wait_no_more(center.db, hall)
    go_on_where_whole(center)


def go_on_where_whole(center: Center) -> None:
    """What the center wrote before it could know goes on behind what came back, in each of its
    logs that is whole again.
    """
    lacking = {origin for origin, _, _ in missing(center)}
    for origin in set_aside.counts(center):
        if origin in lacking or unheard.holds(center.db, origin):
            continue
        if span := set_aside.put_behind(center, origin):
            with center.db.transaction():
                _note(center, origin, span, BEHIND)


def _size(center: Center, origin: str) -> int:
    try:
        return center.logs.state(origin).size
    except UnknownLog:
        return 0


def _note(center: Center, origin: str, span: tuple[int, int], way: str) -> None:
    center.db.execute(
        "INSERT INTO returned VALUES (:origin, :first, :stop, :way, :at) ON CONFLICT DO NOTHING",
        origin=origin,
        first=span[0],
        stop=span[1],
        way=way,
        at=center.clock.stamp(),
    )


# --- what a contact tells --------------------------------------------------------------------


def found_longer(center: Center, shown: Checkpoint) -> None:
    """A hall proves, by our own signature, that one of our logs had more than this center knows.

    So the file beside the database went back as well. What was written since and shown to nobody
    makes room, in every log, and every hall must be heard before we write again.
    """
    if shown.size <= center.highwater.reached(shown.origin) and shown.size > _size(
        center, shown.origin
    ):
        return
    unheard.wait_for_all(center.db, center.clock.stamp())
    for state in _own_states(center):
        set_aside.take_out(center, state.origin)
    center.highwater.promise(shown.origin, shown.size)


def _own_states(center: Center) -> list[LogState]:
    return [state for state in center.logs.states() if state.own]


def wanted_from(center: Center, heads: tuple[LogHead, ...]) -> tuple[LogHead, ...]:
    """What this hall may bring back: our logs of which it holds more, and where to begin."""
    found = []
    for head in heads:
        # Only of our own logs anything was promised; the others are not even looked up.
        if head.size > center.highwater.reached(head.origin):
            continue
        if (size := _size(center, head.origin)) < head.size:
            found.append(LogHead(origin=head.origin, size=size))
    return tuple(found)


def note_lost(center: Center, head: LogHead) -> None:
    """The hall holds receipts for more of its log than we have: it was lost, and comes again."""
    size = _size(center, head.origin)
    if isinstance(head.receipted, int) and head.receipted > size:
        with center.db.transaction():
            _note(center, head.origin, (size, head.receipted), AGAIN)


def note_never_sent(center: Center, hall: str) -> None:
    """A machine is replaced: what it had at its last contact and the center never got is named.

    In the numbers of its last log, as far as the center knows them; runs in the approval.
    """
    rows = center.db.query("SELECT local_size FROM hall_contact WHERE hall = :hall", hall=hall)
    logs = keybook.logs_by(center, hall)
    if not rows or not logs:
        return
    last = max(logs, key=lambda row: (len(row["origin"]), row["origin"]))
    never = int(rows[0]["local_size"]) - sum(int(row["size"]) for row in logs)
    if never > 0:
        first = int(last["size"])
        _note(center, last["origin"], (first, first + never), NEVER)


def never_sent(center: Center, hall: str) -> tuple[Span, ...]:
    """What earlier machines of a hall never sent, for the one that takes their place."""
    rows = center.db.query(
        "SELECT origin, first, stop FROM returned WHERE way = :way ORDER BY at DESC", way=NEVER
    )
    name = f"{center.settings.center}/{hall}"
    return tuple(Span(**row) for row in rows if row["origin"].rpartition("/")[0] == name)[:64]


# --- taking back -------------------------------------------------------------------------------


def is_own(center: Center, origin: str) -> bool:
    """Is this a log that the center writes?"""
    home, name, _ = origin.rsplit("/", 2)
    return home == center.settings.center and (name == "standards" or name.startswith("orders-"))


def take_own(center: Center, raw: bytes) -> bytes:
    """A piece of one of our own logs that a hall brings back, or the personal parts of one that
    cannot be opened here any more; our signed head after it.

    Raises:
        Gap: it begins elsewhere than our log ends, or nothing of this log is missing.
        Fork: we wrote something else there since, and somebody was shown it; a person must look.
        SyncError: not what we signed, or not from a hall that may read this log.
    """
    origin, logs = claimed_origin(raw), center.logs
    keepers = _keepers(center, origin)
    batch = unpack_relayed(raw, keepers, center.keys.ring.keys.log_keys)
    try:
        with center.db.transaction():
            logs.open(origin, CENTER, own=True)
            state = logs.lock(origin)
            lost = state.size < center.highwater.reached(origin)
            if batch.header.stop <= state.size and shut.any_stand(center.db):
                bring_parts(logs, batch, batch.leaves(), center.sealing)
                return signed_head(logs, origin, center.signer)
            if not lost or batch.header.start != state.size:
                raise Gap("our log ends elsewhere, or is whole", size=state.size)
            take_back(logs, origin, piece_of(batch, state.frontier, center.sealing))
            _note(center, origin, (state.size, batch.header.stop), OWN)
    except Fork as fork:
        name = min(open_note(batch.header_note, keepers).signed_by)
        hall = name.removeprefix(center.settings.center + "/").partition("/")[0]
        head = forks.note_split(center, hall, batch.head, batch.head_note)
        fork.facts["head"] = head.decode()
        raise
    center.was_restored = True
    apply_pending(logs, origin)
    head = signed_head(logs, origin, center.signer)
    go_on_where_whole(center)
    return head


def settle(center: Center) -> None:
    """At each start: apply what came back and was not applied before the power went; and see
    whether the file of marks can be relied on.
    """
    # With one of several database servers away the next start does it; nothing is written there.
    with suppress(StoreBusy):
        hear_all_unless_whole(center)
        for state in _own_states(center):
            if state.applied < state.size:
                apply_pending(center.logs, state.origin)
        go_on_where_whole(center)


def hear_all_unless_whole(center: Center) -> None:
    """Wait for the halls when the file of marks knows less than the database: it was lost, or is
    an older one, and nobody here can tell how far we signed.

    Processes that share a PostgreSQL have a file each, which knows less than all of them together.
    """
    shown, marks = center.offered.sizes(), center.highwater
    if any(marks.reached(origin) < size for origin, size in shown.items()):
        # Another program of this machine may have signed since the file was read.
        marks.look_again()
    lags = center.db.is_sqlite and any(marks.reached(o) < size for o, size in shown.items())
    if lags or ((center.data / RESTORED).exists() and not marks.origins()):
        unheard.wait_for_all(center.db, center.clock.stamp())
    for origin, size in shown.items():
        marks.promise(origin, size)


def _keepers(center: Center, origin: str) -> list[Verifier]:
    """Keys of the halls that may read this log."""
    name = origin.rsplit("/", 2)[1]
    if name != "standards":
        return [keybook.latest(center, name.removeprefix("orders-")).signing]
    found = []
    for row in center.db.query("SELECT DISTINCT hall FROM hall_key"):
        with suppress(UnknownKey):
            found.append(keybook.latest(center, row["hall"]).signing)
    if not found:
        raise SyncError("no hall is enrolled")
    return found
