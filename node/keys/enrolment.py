"""入网: how this hall becomes known to the center, and what it trusts since then.

The root key is pinned when the center's answer carries a MAC under the one-time code and two people
have compared 30 digits. Knows no Flask.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

from node.hall import Hall
from node.outbox.epochs import HallLogBook, follow_keys, note_never_sent
from standards.errors import Invalid
from sync.client import JSON, PREFIX, Line, Peer
from sync.contact import messages
from sync.contact.messages import EnrolAnswer, EnrolAsk
from sync.contact.receiving import Receiver
from sync.errors import EnrolmentRefused, NotOurs, UnknownKey
from sync.keys.keysets import (
    CenterKeys,
    HallKeys,
    Request,
    code_key,
    code_mac,
    follow,
    same_mac,
    thirty_digits,
)
from sync.notes import Verifier

DDL = (
    """CREATE TABLE IF NOT EXISTS trust (
        one INTEGER PRIMARY KEY CHECK (one = 1), url TEXT NOT NULL, mac_key BLOB NOT NULL,
        root TEXT NOT NULL, digits TEXT NOT NULL, state TEXT NOT NULL,
        keys BLOB NOT NULL, hall BLOB NOT NULL, asked_at TEXT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS roster_note (
        first_epoch INTEGER PRIMARY KEY, note BLOB NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS center_opens (
        one INTEGER PRIMARY KEY CHECK (one = 1), form INTEGER NOT NULL)""",
)


# The same few notes are read at each contact.
_keys_in = lru_cache(maxsize=16)(CenterKeys.open)
_entry_in = lru_cache(maxsize=64)(HallKeys.open)


@dataclass(frozen=True)
class Trust:
    """What this hall knows of its center. ``state``: pending, approved or refused."""

    url: str
    root: Verifier
    digits: str
    state: str
    keys: bytes
    hall: bytes


def request_of(hall: Hall) -> Request:
    """The public keys with which this hall asks to be enrolled, as they are sent and compared."""
    return (hall.keys.waiting() or hall.keys.current).request(hall.settings.hall)


def trust(hall: Hall) -> Trust | None:
    """What is known of the center, or None before the first request."""
    rows = hall.db.query("SELECT * FROM trust")
    if not rows:
        return None
    row = rows[0]
    return Trust(
        row["url"],
        Verifier.parse(row["root"]),
        row["digits"],
        row["state"],
        bytes(row["keys"]),
        bytes(row["hall"]),
    )


def ask(hall: Hall, line: Line, url: str, code: str, *, anew: bool = False) -> Trust:
    """Send this hall's keys under the one-time code and pin the center's root.

    Args:
        anew: the hall is enrolled, and asks with new keys: its old ones were revoked or lost, or
            the center has another root.

    Raises:
        Invalid: the hall is enrolled already.
        EnrolmentRefused: wrong or expired code; the center can make a new one.
        Unreachable, NotOurs: nothing was changed.
    """
    known = trust(hall)
    if known is not None and known.state == "approved" and not anew:
        raise Invalid({"": "本厅已经入网"})
    if anew or (known is not None and _are_listed(hall)):
        hall.keys.renew()
    key = code_key(code, hall.settings.hall)
    answer = _post(hall, line, key)
    root = Verifier.parse(answer.root)
    with hall.db.transaction():
        hall.db.execute("DELETE FROM trust")
        hall.db.execute(
            "INSERT INTO trust VALUES (1, :url, :key, :root, :digits, 'pending', :no, :no, :at)",
            url=url,
            key=key,
            root=answer.root,
            digits=thirty_digits(root, request_of(hall)),
            no=b"",
            at=hall.clock.stamp(),
        )
        _settle(hall, answer)
    follow_keys(hall)
    found = trust(hall)
    assert found is not None
    return found


def _are_listed(hall: Hall) -> bool:
    """Would a hall that waits ask with keys the center listed before? Its database was put back:
    keys have a number only from the center.
    """
    return hall.keys.waiting() is None and hall.keys.current.first_epoch > 1


def ask_again(hall: Hall, line: Line) -> Trust | None:
    """Ask how the request stands; takes over the keys when it was approved."""
    rows = hall.db.query("SELECT mac_key, state FROM trust")
    if not rows or rows[0]["state"] != "pending":
        return trust(hall)
    answer = _post(hall, line, bytes(rows[0]["mac_key"]))
    with hall.db.transaction():
        _settle(hall, answer)
    follow_keys(hall)
    return trust(hall)


def _post(hall: Hall, line: Line, key: bytes) -> EnrolAnswer:
    text = request_of(hall).text
    message = EnrolAsk(text=text, mac=code_mac(key, text, "ask"))
    raw = line.send("POST", f"{PREFIX}/enrol", messages.write(message), JSON)
    answer = messages.read(raw, EnrolAnswer)
    if not same_mac(answer.mac, code_mac(key, answer.root, "answer")):
        raise NotOurs("the answer was not made by whoever made the code")
    if answer.center != hall.settings.center:
        raise EnrolmentRefused("the center has another name than this hall was set up for")
    return answer


def _settle(hall: Hall, answer: EnrolAnswer) -> None:
    """Take over what the center decided; a root that changed is not believed."""
    held = trust(hall)
    assert held is not None
    if str(held.root) != answer.root:
        raise NotOurs("the center's root key changed during enrolment")
    if answer.state == "refused":
        hall.db.execute("UPDATE trust SET state = 'refused'")
    if answer.state != "approved":
        return
    keys = CenterKeys.open(answer.keys.encode(), held.root)
    past = answer.past if isinstance(answer.past, tuple) else ()
    _keep_past(hall, keys, [note.encode() for note in past])
    for span in answer.never if isinstance(answer.never, tuple) else ():
        note_never_sent(hall, span)
    _listed(hall, keys, answer.hall.encode())
    hall.db.execute(
        "UPDATE trust SET state = 'approved', keys = :keys, hall = :hall",
        keys=answer.keys.encode(),
        hall=answer.hall.encode(),
    )


def _listed(hall: Hall, keys: CenterKeys, note: bytes) -> HallKeys:
    """This hall's roster note; a set of its keys that waited for its number gets it now."""
    entry = HallKeys.open(note, keys.roster)
    mine = (entry.center, entry.hall) == (keys.center, hall.settings.hall)
    if keys.center != hall.settings.center or not mine or not hall.keys.take(entry):
        raise NotOurs("the roster lists other keys than this hall's")
    return entry


def _keep_past(hall: Hall, keys: CenterKeys, notes: Sequence[bytes]) -> None:
    for note in notes:
        entry = HallKeys.open(note, keys.roster)
        if (entry.center, entry.hall) != (keys.center, hall.settings.hall):
            raise NotOurs("the roster note of another hall among this hall's")
        hall.db.execute(
            "INSERT INTO roster_note VALUES (:first, :note) "
            "ON CONFLICT (first_epoch) DO UPDATE SET note = excluded.note",
            first=entry.first_epoch,
            note=note,
        )


def listed_keys(hall: Hall) -> list[HallKeys]:
    """Every key of this hall that the center listed, as it said of it last; the oldest first."""
    known = trust(hall)
    return _listed_keys(hall, known) if known and known.state == "approved" else []


def _listed_keys(hall: Hall, known: Trust) -> list[HallKeys]:
    roster = _keys_in(known.keys, known.root).roster
    rows = hall.db.query("SELECT note FROM roster_note ORDER BY first_epoch")
    found = []
    for note in (*(bytes(row["note"]) for row in rows), known.hall):
        # What an earlier roster key signed says nothing any more; the center sends all anew.
        with suppress(UnknownKey):
            found.append(_entry_in(note, roster))
    return found


def keep(hall: Hall, keys_note: bytes, hall_note: bytes, *past: bytes) -> None:
    """Take over a newer key set, roster note (each may be empty) and the notes of earlier keys,
    whole or not at all.

    Raises:
        KeySetRefused, NotOurs, UnknownKey, Malformed: not believed; nothing was changed.
    """
    with hall.db.transaction():
        held = trust(hall)
        if held is None or held.state != "approved":
            raise NotOurs("this hall is not enrolled")
        keys = CenterKeys.open(held.keys, held.root)
        if keys_note:
            keys = follow(keys, CenterKeys.open(keys_note, held.root))
        _keep_past(hall, keys, past)
        if hall_note:
            _listed(hall, keys, hall_note)
        hall.db.execute(
            "UPDATE trust SET keys = :keys, hall = :hall",
            keys=keys_note or held.keys,
            hall=hall_note or held.hall,
        )
    follow_keys(hall)


def is_earlier(hall: Hall, keys: CenterKeys, note: bytes) -> bool:
    """Whether a roster note lists an earlier key of this hall than its latest: of an old stick.

    Raises:
        UnknownKey, Malformed: not a roster note of this center.
    """
    known = listed_keys(hall)
    return bool(known) and HallKeys.open(note, keys.roster).first_epoch < known[-1].first_epoch


def center_opens(hall: Hall) -> int:
    """The newest form of sealed section that the center said it opens."""
    rows = hall.db.query("SELECT form FROM center_opens")
    return int(rows[0]["form"]) if rows else 1


def note_center_opens(hall: Hall, form: int) -> None:
    """See :func:`center_opens`; for what goes to it by stick."""
    if center_opens(hall) != form:
        hall.db.execute(
            "INSERT INTO center_opens VALUES (1, :form) "
            "ON CONFLICT (one) DO UPDATE SET form = excluded.form",
            form=form,
        )


def peer(hall: Hall) -> Peer | None:
    """Whom to sync with; None before the center approved."""
    known = trust(hall)
    if known is None or known.state != "approved":
        return None
    book = HallLogBook(hall, _listed_keys(hall, known))

    def take_over(*notes: bytes) -> None:
        keep(hall, *notes)
        # What comes next in the same contact may stand under a key that was not known before.
        book.listed = listed_keys(hall)

    return Peer(
        hall.settings.hall,
        known.root,
        _keys_in(known.keys, known.root),
        Receiver(hall.sealing, hall.cosigner),
        book,
        take_over,
        center_opens(hall),
    )
