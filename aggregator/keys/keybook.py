"""分厅密钥: which key of a hall writes which epochs, and which one was revoked above which place.

A hall may have several keys over time, never two for one epoch: each writes from its first epoch to
the next key's. All of them stay, so that old epochs verify with old keys. Knows no Flask.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import lru_cache

from aggregator.center import Center
from standards.errors import Invalid
from sync.contact.receiving import Writer
from sync.errors import EnrolmentRefused, Malformed, Revoked, StoreBusy, UnknownKey, UnknownLog
from sync.keys.keysets import HallKeys, Position, Request, key_name, sign_hall
from sync.notes import Signer, Verifier, decimal
from sync.recovery.epochs import Copy, is_closed
from sync.storage.store import Row

DDL = (
    """CREATE TABLE IF NOT EXISTS hall_key (
        hall TEXT NOT NULL, first_epoch INTEGER NOT NULL, note BLOB NOT NULL, at TEXT NOT NULL,
        used INTEGER NOT NULL, reason TEXT NOT NULL, revoked_at TEXT NOT NULL,
        revoked_by TEXT NOT NULL, PRIMARY KEY (hall, first_epoch))""",
)


@dataclass(frozen=True)
class KeyRow:
    """One key of a hall, with what people said when it was revoked.

    ``used``: a request of the hall was signed with it.
    """

    keys: HallKeys
    at: str
    used: bool
    reason: str
    revoked_at: str
    revoked_by: str


def create(center: Center) -> None:
    """Create the table; a hall that was enrolled before it existed has its one key in it."""
    center.db.create(DDL)
    with center.db.transaction():
        center.db.execute(
            "INSERT INTO hall_key SELECT hall, 1, note, registered_at, 1, '', '', '' FROM hall "
            "WHERE note IS NOT NULL AND hall NOT IN (SELECT hall FROM hall_key)"
        )


# --- questions ----------------------------------------------------------------------------------


def keys_of(center: Center, hall: str) -> list[KeyRow]:
    """Every key a hall ever had, the oldest first."""
    rows = center.db.query(
        "SELECT * FROM hall_key WHERE hall = :hall ORDER BY first_epoch", hall=hall
    )
    return [_key_row(center, row) for row in rows]


def _key_row(center: Center, row: Row) -> KeyRow:
    said = (row["reason"], row["revoked_at"], row["revoked_by"])
    return KeyRow(_opened(center, row), row["at"], bool(row["used"]), *said)


def _opened(center: Center, row: Row) -> HallKeys:
    note = bytes(row["note"])
    try:
        return _keys_in(note, center.roster.verifier)
    except UnknownKey:
        # Another program may have changed the roster key a moment ago.
        return _keys_in(note, center.keys.refresh().roster.verifier)


# The same few notes are asked for again and again while a hall is in contact.
_keys_in = lru_cache(maxsize=1024)(HallKeys.open)


def latest(center: Center, hall: str) -> HallKeys:
    """The key a hall writes with now.

    Raises:
        UnknownKey: not enrolled.
    """
    rows = center.db.query(
        "SELECT note FROM hall_key WHERE hall = :hall ORDER BY first_epoch DESC LIMIT 1", hall=hall
    )
    if not rows:
        raise UnknownKey("this hall is not enrolled", hall=hall)
    return _opened(center, rows[0])


def latest_note(center: Center, hall: str) -> bytes:
    """The note of :func:`latest`, as the roster key signed it."""
    rows = center.db.query(
        "SELECT note FROM hall_key WHERE hall = :hall ORDER BY first_epoch DESC LIMIT 1", hall=hall
    )
    return bytes(rows[0]["note"]) if rows else b""


def note_of_epoch(center: Center, hall: str, epoch: int) -> bytes:
    """The roster note of the key that writes an epoch of a hall.

    Raises:
        UnknownKey: not enrolled.
    """
    rows = center.db.query(
        "SELECT note FROM hall_key WHERE hall = :hall AND first_epoch <= :epoch "
        "ORDER BY first_epoch DESC LIMIT 1",
        hall=hall,
        epoch=epoch,
    )
    if not rows:
        raise UnknownKey("this hall is not enrolled", hall=hall)
    return bytes(rows[0]["note"])


def past_notes(center: Center, hall: str, most: int = 200) -> tuple[str, ...]:
    """The notes of a hall's earlier keys, the oldest first, of very many the latest."""
    rows = center.db.query(
        "SELECT note FROM hall_key WHERE hall = :hall ORDER BY first_epoch", hall=hall
    )
    return tuple(bytes(row["note"]).decode() for row in rows[:-1][-most:])


def taken(center: Center) -> set[bytes]:
    """Every public key that a hall has or had."""
    rows = center.db.query("SELECT note FROM hall_key")
    return {public for row in rows for public in _opened(center, row).publics}


# For so long after a server was found away, logs are named one by one.
_NAMED_S = 30.0
_BY_NAME = (
    "SELECT * FROM log WHERE origin IN (:e1, :e2, :e3, :e4, :e5, :e6, :e7, :e8, "
    ":e9, :e10, :e11, :e12, :e13, :e14, :e15, :e16)"
)


def logs_by(center: Center, hall: str) -> list[Row]:
    """What we keep of every log that a hall wrote.

    Where the logs are spread over several servers and one is away, the hall's own server still
    answers when each log is named; sixteen epochs at once, as long as there are any.
    """
    if time.monotonic() >= center.named_until:
        try:
            return center.db.query("SELECT * FROM log WHERE writer = :hall", hall=hall)
        except StoreBusy:
            # Remembered: asked again inside a transaction, the failure would undo all of it.
            center.named_until = time.monotonic() + _NAMED_S
    found: list[Row] = []
    for first in range(1, 1_000_000, 16):
        name = f"{center.settings.center}/{hall}"
        names = {f"e{i + 1}": f"{name}/{first + i}" for i in range(16)}
        some = center.db.query(_BY_NAME, **names)
        if not some:
            break
        found += some
    return found


def held_place(center: Center, hall: str) -> Position:
    """Up to where the center holds what a hall wrote: its latest epoch and that log's size."""
    rows = logs_by(center, hall)
    return max(((epoch_of(row["origin"]), row["size"]) for row in rows), default=(1, 0))


def epoch_of(origin: str) -> int:
    """The number of a log's epoch."""
    return decimal(origin.rpartition("/")[2])


def writer_of(center: Center, origin: str) -> Writer:
    """Who may write the log of this origin: the key whose epochs it is among, and whether a later
    epoch has closed it.

    Raises:
        UnknownLog: not the log of an enrolled hall of this center.
    """
    name, _, number = origin.rpartition("/")
    home, _, hall = name.rpartition("/")
    try:
        epoch = decimal(number)
    except Malformed:
        epoch = 0
    rows = center.db.query(
        "SELECT note FROM hall_key WHERE hall = :hall AND first_epoch <= :epoch "
        "ORDER BY first_epoch DESC LIMIT 1",
        hall=hall,
        epoch=epoch,
    )
    if home != center.settings.center or not rows:
        raise UnknownLog("no enrolled hall writes this log", origin=origin)
    keys = _opened(center, rows[0])
    return Writer(hall, origin, keys.signing, keys.end_of(epoch), _is_closed(center, hall, origin))


def _is_closed(center: Center, hall: str, origin: str) -> bool:
    rows = logs_by(center, hall)
    return is_closed(origin, {row["origin"]: Copy(row["size"]) for row in rows})


def of_name(center: Center, name: str) -> HallKeys:
    """The hall key that carries this name, for a request.

    Raises:
        UnknownKey: none. Revoked: it may not ask any more; the facts say since where and why.
    """
    prefix = center.settings.center + "/"
    hall = name.removeprefix(prefix).partition("/")[0]
    rows = keys_of(center, hall) if name.startswith(prefix) else []
    found = next((row for row in rows if row.keys.signing.name == name), None)
    if found is None:
        raise UnknownKey("no hall of this center has a key of this name", name=name)
    place = found.keys.revoked_at
    if place is not None:
        epoch, size = place
        facts = {"epoch": epoch, "size": size, "reason": found.reason, "at": found.revoked_at}
        raise Revoked("the key was revoked above a size", **facts)
    if any(row.used and row.keys.first_epoch > found.keys.first_epoch for row in rows):
        raise Revoked("a later key of this hall is in use")
    return found.keys


def mark_used(center: Center, keys: HallKeys) -> None:
    """A request that this key signed was checked: the keys before it may ask no more."""
    facts = {"hall": keys.hall, "first": keys.first_epoch}
    sql = "SELECT hall FROM hall_key WHERE hall = :hall AND first_epoch = :first AND used = 0"
    if center.db.query(sql, **facts):
        with center.db.transaction():
            center.db.execute(
                "UPDATE hall_key SET used = 1 WHERE hall = :hall AND first_epoch = :first", **facts
            )


# --- changes, each inside the caller's transaction ------------------------------------------------
# The row of the standards log is the turn of all who change keys, so that nobody signs with a
# roster key that somebody replaces at the same time.


def refuse_shared(center: Center, request: Request) -> None:
    """Refuse keys that anybody has or had: another hall, this hall before, the center itself.

    Raises:
        EnrolmentRefused: shared.
    """
    publics = {request.signing.public, request.cosigning.public, request.sealing}
    ring = center.keys.ring.keys
    ours = {center.root.public, ring.sealing, *ring.publics}
    if publics & (taken(center) | ours):
        raise EnrolmentRefused("a key that another hall, an earlier machine or the center has")


def give(center: Center, request: Request) -> HallKeys:
    """Sign these keys for a hall: for its first epoch, or for the one after all that are known."""
    center.logs.lock(center.standards_origin)
    rows = keys_of(center, request.hall)
    last = rows[-1].keys.first_epoch if rows else 0
    first = 1 if not rows else max(last, held_place(center, request.hall)[0]) + 1
    name = key_name(center.settings.center, request.hall, first)
    keys = HallKeys(
        center.settings.center,
        request.hall,
        Verifier(name, request.signing.public),
        Verifier(name, request.cosigning.public, request.cosigning.kind),
        request.sealing,
        first_epoch=first,
    )
    note = sign_hall(center.roster, keys)
    center.db.execute(
        "INSERT INTO hall_key VALUES (:hall, :first, :note, :at, 0, '', '', '')",
        hall=request.hall,
        first=first,
        note=note,
        at=center.clock.stamp(),
    )
    _show(center, request.hall, "enrolled", note)
    return keys


def end_at(keys: list[HallKeys], place: Position) -> list[HallKeys]:
    """The keys of one hall that end when all above a place is revoked, with their new end. Pure."""
    ended = []
    for number, key in enumerate(keys):
        later = keys[number + 1].first_epoch if number + 1 < len(keys) else None
        if later is not None and later <= place[0]:
            continue
        epoch, size = place if key.first_epoch <= place[0] else (key.first_epoch, 0)
        if key.revoked_at is None or (epoch, size) < key.revoked_at:
            ended.append(replace(key, valid_from=0, revoked_epoch=epoch, revoked_above=size))
    return ended


def revoke(center: Center, hall: str, place: Position, words: tuple[str, str]) -> None:
    """End a hall's keys above a place; what stands below it stays valid.

    Args:
        words: the reason, and the staff number of who decided it.

    Raises:
        Invalid: no keys, no reason, or nothing is left to revoke above this place.
    """
    reason, actor = words
    if not reason.strip() or len(reason) > 200:
        raise Invalid({"reason": "请写明吊销原因(200字以内)"})
    center.logs.lock(center.standards_origin)
    rows = keys_of(center, hall)
    ended = end_at([row.keys for row in rows], place)
    if not ended:
        raise Invalid({"": "这个分厅没有可以吊销的密钥,或已在更早的位置吊销"})
    for keys in ended:
        note = sign_hall(center.roster, keys)
        center.db.execute(
            "UPDATE hall_key SET note = :note, reason = :reason, revoked_at = :at, "
            "revoked_by = :actor WHERE hall = :hall AND first_epoch = :first",
            note=note,
            reason=reason.strip(),
            at=center.clock.stamp(),
            actor=actor,
            hall=hall,
            first=keys.first_epoch,
        )
    _show(center, hall, "revoked", latest_note(center, hall))


def sign_anew(center: Center, roster: Signer) -> int:
    """Sign every hall's notes with another roster key; answers how many."""
    rows = center.db.query("SELECT hall, first_epoch, note FROM hall_key")
    for row in rows:
        note = sign_hall(roster, _opened(center, row))
        center.db.execute(
            "UPDATE hall_key SET note = :note WHERE hall = :hall AND first_epoch = :first",
            note=note,
            hall=row["hall"],
            first=row["first_epoch"],
        )
        center.db.execute(
            "UPDATE hall SET note = :note WHERE hall = :hall AND NOT EXISTS "
            "(SELECT 1 FROM hall_key WHERE hall = :hall AND first_epoch > :first)",
            note=note,
            hall=row["hall"],
            first=row["first_epoch"],
        )
    return len(rows)


def _show(center: Center, hall: str, state: str, note: bytes) -> None:
    center.db.execute(
        "UPDATE hall SET state = :state, note = :note WHERE hall = :hall",
        state=state,
        note=note,
        hall=hall,
    )
