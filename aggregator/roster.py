"""花名册: which halls there are, and how one is enrolled.

A one-time code (10 characters, 15 minutes) lets a node send its keys; two people compare 30 digits
by telephone; an administrator approves; the roster key signs the hall's entry. Knows no Flask.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from aggregator.center import Center
from standards.errors import Invalid
from sync.entries import new_id
from sync.errors import EnrolmentRefused, UnknownKey, UnknownLog
from sync.keysets import (
    CODE_ALPHABET,
    CODE_LENGTH,
    CODE_MINUTES,
    CenterKeys,
    HallKeys,
    Request,
    code_key,
    code_mac,
    same_mac,
    sign_hall,
    sign_keys,
    thirty_digits,
)
from sync.messages import EnrolAnswer, EnrolAsk
from sync.notes import Verifier
from sync.receiving import Writer
from sync.store import Row

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
    root = center.root.verifier
    with center.db.transaction():
        known = _known(center, message) or _first_ask(center, request, message)
    mac = code_mac(bytes(known["mac_key"]), str(root), "answer")
    answer = EnrolAnswer(
        state=known["state"], center=center.settings.center, root=str(root), mac=mac
    )
    if known["state"] != "approved":
        return answer
    note = _hall_note(center, request.hall)
    return EnrolAnswer(
        state="approved",
        center=answer.center,
        root=answer.root,
        mac=mac,
        keys=keys_note(center).decode(),
        hall=note.decode(),
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
    _refuse_shared_keys(center, request)
    row = {
        "id": new_id(center.clock.posix_ms()),
        "hall": request.hall,
        "request": message.text,
        "mac_key": key,
        "digits": thirty_digits(center.root.verifier, request),
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


def _refuse_shared_keys(center: Center, request: Request) -> None:
    others = center.db.query(
        "SELECT note FROM hall WHERE note IS NOT NULL AND hall <> :hall", hall=request.hall
    )
    for row in others:
        other = HallKeys.open(bytes(row["note"]), center.roster.verifier)
        mine = {request.signing.public, request.cosigning.public, request.sealing}
        if mine & {other.signing.public, other.cosigning.public, other.sealing}:
            raise EnrolmentRefused("a key that another hall already has")


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


def approve(center: Center, enrolment_id: str, actor: str) -> None:
    """Two people have compared the digits: sign the hall's roster entry.

    Raises:
        Invalid: decided already, unknown, or another hall was admitted with one of these keys.
    """
    with center.db.transaction():
        # Two approvals at once, on two machines, must not admit one key twice.
        center.logs.lock(center.standards_origin)
        row = _decide(center, enrolment_id, "approved", actor)
        request = Request.parse(row["request"])
        try:
            _refuse_shared_keys(center, request)
        except EnrolmentRefused:
            raise Invalid({"": "另一分厅已经使用其中的密钥,请在该机器上重新安装后再申请"}) from None
        keys = HallKeys(
            center.settings.center,
            request.hall,
            Verifier(f"{center.settings.center}/{request.hall}", request.signing.public),
            Verifier(
                f"{center.settings.center}/{request.hall}",
                request.cosigning.public,
                request.cosigning.kind,
            ),
            request.sealing,
        )
        center.db.execute(
            "UPDATE hall SET state = 'enrolled', note = :note WHERE hall = :hall",
            note=sign_hall(center.roster, keys),
            hall=request.hall,
        )


def refuse(center: Center, enrolment_id: str, actor: str) -> None:
    """The digits differ, or nobody asked for this: refuse.

    Raises:
        Invalid: decided already, or unknown.
    """
    with center.db.transaction():
        _decide(center, enrolment_id, "refused", actor)


def _hall_note(center: Center, hall: str) -> bytes:
    rows = center.db.query(
        "SELECT note FROM hall WHERE hall = :hall AND note IS NOT NULL", hall=hall
    )
    if not rows:
        raise UnknownKey("this hall is not enrolled", hall=hall)
    return bytes(rows[0]["note"])


def hall_keys(center: Center, hall: str) -> HallKeys:
    """A hall's keys as the roster key signed them.

    Raises:
        UnknownKey: not enrolled.
    """
    return HallKeys.open(_hall_note(center, hall), center.roster.verifier)


def keys_note(center: Center) -> bytes:
    """The center's key set under its root's signature."""
    keys = CenterKeys(
        center.settings.center,
        1,
        center.roster.verifier,
        center.signer.verifier,
        center.cosigner.verifier,
        center.sealing.public,
    )
    return sign_keys(center.root, keys)


def writer_of(center: Center, origin: str) -> Writer:
    """Who may write the log of this origin.

    Raises:
        UnknownLog: not the log of an enrolled hall of this center.
    """
    name, _, rest = origin.rpartition("/")
    home, _, hall = name.rpartition("/")
    if home != center.settings.center or rest != "1":
        raise UnknownLog("no such log here", origin=origin)
    try:
        keys = hall_keys(center, hall)
    except UnknownKey:
        raise UnknownLog("no enrolled hall writes this log", origin=origin) from None
    return Writer(hall, origin, keys.signing, keys.revoked_above)


def hall_of_key(center: Center, key_name: str) -> HallKeys:
    """The hall whose key carries this name.

    Raises:
        UnknownKey: none.
    """
    home, _, hall = key_name.rpartition("/")
    if home != center.settings.center:
        raise UnknownKey("a key of another center", name=key_name)
    return hall_keys(center, hall)
