"""花名册: which halls there are, and how one is enrolled.

A one-time code (10 characters, 15 minutes) lets a node send its keys; two people compare 30 digits
by telephone; an administrator approves; the roster key signs the hall's entry. Knows no Flask.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from aggregator.center import Center
from aggregator.keys import keybook
from aggregator.safekeeping import returning
from standards.errors import Invalid
from sync.contact.messages import EnrolAnswer, EnrolAsk
from sync.contact.receiving import Writer
from sync.entries import new_id
from sync.errors import EnrolmentRefused
from sync.keys.keysets import (
    CODE_ALPHABET,
    CODE_LENGTH,
    CODE_MINUTES,
    HallKeys,
    Request,
    code_key,
    code_mac,
    same_mac,
    thirty_digits,
)
from sync.storage.store import Row

DDL = (
    """CREATE TABLE IF NOT EXISTS hall (
        hall TEXT PRIMARY KEY, name TEXT NOT NULL, state TEXT NOT NULL,
        registered_at TEXT NOT NULL, note BLOB)""",
    """CREATE TABLE IF NOT EXISTS enrolment_code (
        hall TEXT PRIMARY KEY, mac_key BLOB NOT NULL, expires_at TEXT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS enrolment (
        id TEXT PRIMARY KEY, hall TEXT NOT NULL, request TEXT NOT NULL, mac_key BLOB NOT NULL,
        digits TEXT NOT NULL, state TEXT NOT NULL, asked_at TEXT NOT NULL,
        decided_at TEXT NOT NULL, decided_by TEXT NOT NULL)""",
)

_HALL_ID = re.compile(r"[A-Z][A-Z0-9]{2,11}")
_CODE_VALID = timedelta(minutes=CODE_MINUTES)


@dataclass(frozen=True)
class HallRow:
    """A hall on the roster. ``state``: registered (no keys yet) or enrolled."""

    hall: str
    name: str
    state: str
    registered_at: str


@dataclass(frozen=True)
class Enrolment:
    """A node that asks to be a hall. ``digits`` are compared by telephone before approval."""

    id: str
    hall: str
    digits: str
    state: str
    asked_at: str
    decided_at: str
    decided_by: str


def create(center: Center) -> None:
    """Create the roster's tables."""
    center.db.create(DDL)
    keybook.create(center)


def register_hall(center: Center, hall: str, name: str) -> None:
    """Put a hall on the list, before it has keys.

    Raises:
        Invalid: a bad id, a missing name, or an id that is taken.
    """
    if not _HALL_ID.fullmatch(hall):
        raise Invalid({"hall": "分厅编号为3至12位大写字母和数字,以字母开头,如 T01"})
    if not name.strip() or len(name) > 60:
        raise Invalid({"name": "请填写分厅名称(60字以内)"})
    with center.db.transaction():
        if center.db.query("SELECT hall FROM hall WHERE hall = :hall", hall=hall):
            raise Invalid({"hall": "这个分厅编号已经登记过"})
        center.db.execute(
            "INSERT INTO hall VALUES (:hall, :name, 'registered', :at, NULL)",
            hall=hall,
            name=name.strip(),
            at=center.clock.stamp(),
        )


def halls(center: Center) -> list[HallRow]:
    """Every hall on the list."""
    rows = center.db.query("SELECT hall, name, state, registered_at FROM hall ORDER BY hall")
    return [HallRow(**row) for row in rows]


def new_code(center: Center, hall: str) -> str:
    """A one-time code for a hall; shown once, only its slow hash is kept.

    Wrong tries are not counted: 50 random bits are not guessed in 15 minutes, and a count would
    let anybody who reaches the center spoil every code.

    Raises:
        Invalid: no such hall.
    """
    code = "".join(secrets.choice(CODE_ALPHABET) for _ in range(CODE_LENGTH))
    expires = center.clock.now() + _CODE_VALID
    with center.db.transaction():
        if not center.db.query("SELECT hall FROM hall WHERE hall = :hall", hall=hall):
            raise Invalid({"hall": "没有这个分厅,请先登记"})
        if center.db.query("SELECT id FROM hall_succeeded WHERE closed = :hall", hall=hall):
            raise Invalid({"hall": "这个分厅已经撤并,不能再入网"})
        center.db.execute("DELETE FROM enrolment_code WHERE hall = :hall", hall=hall)
        center.db.execute(
            "INSERT INTO enrolment_code VALUES (:hall, :mac_key, :expires)",
            hall=hall,
            mac_key=code_key(code, hall),
            expires=expires.isoformat(),
        )
    return code


def ask(center: Center, message: EnrolAsk) -> EnrolAnswer:
    """A node asks with its keys and the code's MAC; asking again tells how it stands.

    Raises:
        EnrolmentRefused: wrong or expired code, weak key, or a key another hall has.
    """
    request = Request.parse(message.text)
    center.keys.refresh()
    root, keys = center.root, keys_note(center)
    with center.db.transaction():
        known = _known(center, message) or _first_ask(center, request, message)
    mac = code_mac(bytes(known["mac_key"]), str(root), "answer")
    answer = EnrolAnswer(
        state=known["state"], center=center.settings.center, root=str(root), mac=mac
    )
    if known["state"] != "approved":
        return answer
    note = keybook.latest_note(center, request.hall)
    return EnrolAnswer(
        state="approved",
        center=answer.center,
        root=answer.root,
        mac=mac,
        keys=keys.decode(),
        hall=note.decode(),
        past=keybook.past_notes(center, request.hall) or msgspec.UNSET,
        never=returning.never_sent(center, request.hall) or msgspec.UNSET,
    )


def _known(center: Center, message: EnrolAsk) -> Row | None:
    """The request that was made under this very code; the same keys may ask under a later one."""
    rows = center.db.query(
        "SELECT * FROM enrolment WHERE request = :text ORDER BY asked_at DESC", text=message.text
    )
    return next((row for row in rows if _holds(message, bytes(row["mac_key"]))), None)


def _holds(message: EnrolAsk, key: bytes) -> bool:
    return same_mac(message.mac, code_mac(key, message.text, "ask"))


def _first_ask(center: Center, request: Request, message: EnrolAsk) -> Row:
    # A code is good for one machine: two that ask with it at once take turns here.
    center.db.execute(
        "UPDATE enrolment_code SET expires_at = expires_at WHERE hall = :hall", hall=request.hall
    )
    codes = center.db.query("SELECT * FROM enrolment_code WHERE hall = :hall", hall=request.hall)
    if not codes or not _is_valid(codes[0]["expires_at"], center.clock.now()):
        raise EnrolmentRefused("no valid code for this hall; ask the center for a new one")
    key = bytes(codes[0]["mac_key"])
    if not _holds(message, key):
        raise EnrolmentRefused("the code is wrong")
    keybook.refuse_shared(center, request)
    row = {
        "id": new_id(center.clock.posix_ms()),
        "hall": request.hall,
        "request": message.text,
        "mac_key": key,
        "digits": thirty_digits(center.root, request),
        "state": "pending",
        "asked_at": center.clock.stamp(),
        "decided_at": "",
        "decided_by": "",
    }
    center.db.executemany(
        "INSERT INTO enrolment VALUES (:id, :hall, :request, :mac_key, :digits, :state, "
        ":asked_at, :decided_at, :decided_by)",
        [row],
    )
    center.db.execute("DELETE FROM enrolment_code WHERE hall = :hall", hall=request.hall)
    return row


def _is_valid(expires_at: str, now: datetime) -> bool:
    """Not over; nor made while the clock ran ahead, which would keep it for as long as that."""
    return now <= datetime.fromisoformat(expires_at) <= now + _CODE_VALID


def pending(center: Center) -> list[Enrolment]:
    """Every request, the undecided ones first."""
    rows = center.db.query(
        "SELECT id, hall, digits, state, asked_at, decided_at, decided_by FROM enrolment "
        "ORDER BY CASE state WHEN 'pending' THEN 0 ELSE 1 END, asked_at DESC"
    )
    return [Enrolment(**row) for row in rows]


def _decide(center: Center, enrolment_id: str, state: str, actor: str) -> Row:
    changed = center.db.execute(
        "UPDATE enrolment SET state = :state, decided_at = :at, decided_by = :actor "
        "WHERE id = :id AND state = 'pending'",
        state=state,
        at=center.clock.stamp(),
        actor=actor,
        id=enrolment_id,
    )
    if not changed:
        raise Invalid({"": "这条入网申请不存在或已经处理过"})
    return center.db.query("SELECT * FROM enrolment WHERE id = :id", id=enrolment_id)[0]


def approve(center: Center, enrolment_id: str, actor: str, *, replaces: bool = False) -> None:
    """Two people have compared the digits: sign the hall's keys.

    Args:
        replaces: the hall is enrolled already and this machine takes over with its next epoch; the
            keys it had are revoked above what is held here.

    Raises:
        Invalid: decided already, unknown, somebody was admitted with one of these keys, or the
            hall is enrolled and nobody said that this machine replaces the other one.
    """
    with center.db.transaction():
        # Two approvals at once, on two machines, must not admit one key twice.
        center.logs.lock(center.standards_origin)
        row = _decide(center, enrolment_id, "approved", actor)
        request = Request.parse(row["request"])
        try:
            keybook.refuse_shared(center, request)
        except EnrolmentRefused:
            raise Invalid({"": "另一分厅已经使用其中的密钥,请在该机器上重新安装后再申请"}) from None
        if is_enrolled(center, request.hall):
            if not replaces:
                raise Invalid({"": "该分厅已经入网。这是另一台机器;确为更换机器,请勾选“更换机器”"})
            returning.note_never_sent(center, request.hall)
            _end_older_keys(center, request.hall, actor)
        keybook.give(center, request)


def is_enrolled(center: Center, hall: str) -> bool:
    """Whether a machine has been admitted as this hall, its key revoked or not."""
    return bool(keybook.latest_note(center, hall))


def _end_older_keys(center: Center, hall: str, actor: str) -> None:
    place = keybook.held_place(center, hall)
    if keybook.end_at([row.keys for row in keybook.keys_of(center, hall)], place):
        keybook.revoke(center, hall, place, ("更换机器", actor))


def refuse(center: Center, enrolment_id: str, actor: str) -> None:
    """The digits differ, or nobody asked for this: refuse.

    Raises:
        Invalid: decided already, or unknown.
    """
    with center.db.transaction():
        _decide(center, enrolment_id, "refused", actor)


def keys_note(center: Center) -> bytes:
    """The center's key set under its root's signature.

    Raises:
        TryLater: the root has not signed any yet.
    """
    return center.keys.note()


def hall_keys(center: Center, hall: str) -> HallKeys:
    """The keys a hall writes with now, as the roster key signed them.

    Raises:
        UnknownKey: not enrolled.
    """
    return keybook.latest(center, hall)


def writer_of(center: Center, origin: str) -> Writer:
    """Who may write the log of this origin.

    Raises:
        UnknownLog: not the log of an enrolled hall of this center.
    """
    return keybook.writer_of(center, origin)


def hall_of_key(center: Center, key_name: str) -> HallKeys:
    """The hall whose key carries this name.

    Raises:
        UnknownKey: none. Revoked: it may not ask any more.
    """
    # Another program may have installed another key set since this one last looked.
    center.keys.refresh()
    return keybook.of_name(center, key_name)
