"""依法删除, as both applications do it: what there is to erase, the form, and what was erased.

Neither application knows the other; who may order what is said in ``standards.erasures`` and
``sync.private.erasing``. Numbers and staff numbers only: nothing here shows a person.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol

from flask import render_template, request
from werkzeug.exceptions import TooManyRequests

from standards.erasures import Matter, check, hindrance, portions
from standards.errors import Invalid
from standards.records import Record
from standards.records.declare import Named
from standards.records.erasures import ABOUT, GROUNDS
from sync.failpoints import fp
from sync.log import LogStore
from sync.storage.store import Row
from web import access, logs, page
from web.signin import accounts, attempts

# All that tells of the person of a case, and where it stands.
_OF_CASE = """
SELECT e.origin, e.idx, e.id FROM (
    SELECT origin, idx, id FROM case_received WHERE hall = :hall AND id = :case
    UNION ALL SELECT origin, idx, id FROM case_step WHERE hall = :hall AND case_id = :case
    UNION ALL SELECT origin, idx, id FROM material_scanned WHERE hall = :hall AND case_id = :case
) e
ORDER BY LENGTH(e.origin), e.origin, e.idx
"""
_OF_STAFF = """
SELECT e.origin, e.idx, e.id FROM (
    SELECT origin, idx, id FROM staff_member WHERE hall = :hall AND staff_no = :staff
    UNION ALL SELECT origin, idx, id FROM leave_request WHERE hall = :hall AND staff_no = :staff
    UNION ALL SELECT origin, idx, id FROM leave_facts WHERE hall = :hall AND staff_no = :staff
    UNION ALL SELECT origin, idx, id FROM overtime WHERE hall = :hall AND staff_no = :staff
    UNION ALL SELECT p.origin, p.idx, p.id FROM leave_paper p JOIN leave_request r
    ON r.hall = p.hall AND r.id = p.request_id WHERE p.hall = :hall AND r.staff_no = :staff
    UNION ALL SELECT d.origin, d.idx, d.id FROM leave_decision d JOIN leave_request r
    ON r.hall = d.hall AND r.id = d.request_id WHERE d.hall = :hall AND r.staff_no = :staff
    UNION ALL SELECT s.origin, s.idx, s.id FROM leave_stand_in s JOIN leave_request r
    ON r.hall = s.hall AND r.id = s.request_id WHERE s.hall = :hall AND r.staff_no = :staff
    UNION ALL SELECT b.origin, b.idx, b.id FROM leave_returned b JOIN leave_request r
    ON r.hall = b.hall AND r.id = b.request_id WHERE b.hall = :hall AND r.staff_no = :staff
    UNION ALL SELECT origin, idx, id FROM day_excused WHERE hall = :hall AND staff_no = :staff
    UNION ALL SELECT origin, idx, id FROM punch_confirmed
    WHERE hall = :hall AND staff_no = :staff
    UNION ALL SELECT origin, idx, id FROM punch_voided WHERE hall = :hall AND staff_no = :staff
    UNION ALL SELECT origin, idx, id FROM attendance_request
    WHERE hall = :hall AND (staff = '["' || :staff || '"]'
    OR substr(staff, 1, length('["' || :staff || '",')) = '["' || :staff || '",'
    AND matter = 'void')
    UNION ALL SELECT d.origin, d.idx, d.id FROM attendance_decision d JOIN attendance_request r
    ON r.hall = d.hall AND r.id = d.request
    WHERE d.hall = :hall AND (r.staff = '["' || :staff || '"]'
    OR substr(r.staff, 1, length('["' || :staff || '",')) = '["' || :staff || '",'
    AND r.matter = 'void')
) e
ORDER BY LENGTH(e.origin), e.origin, e.idx
"""
_ORDERS = """
SELECT o.id, o.at, o.origin, o.about, o.ground, o.document, o.ordered_by, o.carried_out_by,
    o.entries, COALESCE((SELECT c.case_no FROM case_standing c
    WHERE c.hall = o.for_hall AND c.id = o.about_id), o.about_id) AS shown
FROM erasure_ordered o WHERE (:hall = '' OR o.for_hall = :hall)
UNION ALL
SELECT d.id, d.at, d.origin, d.about, d.ground, d.document, d.ordered_by, d.carried_out_by,
    d.entries, COALESCE((SELECT c.case_no FROM case_standing c
    WHERE c.hall = d.hall AND c.id = d.about_id), d.about_id) AS shown
FROM erasure_decided d WHERE (:hall = '' OR d.hall = :hall)
ORDER BY at DESC LIMIT 200
"""
_WITH_FILES = """
SELECT DISTINCT n.origin, n.idx FROM erased e JOIN file_named n
ON n.origin = e.log AND n.idx = e.idx
"""


def matter_of(store: LogStore, hall: str, about: str, number: str) -> Matter | None:
    """A case by its number, or a member of staff by the staff number; None when unknown."""
    find = {"case": _case, "staff": _staff}.get(about)
    return find(store, hall, number.strip().upper()) if find and number.strip() else None


def _case(store: LogStore, hall: str, number: str) -> Matter | None:
    rows = store.db.query(
        "SELECT id, case_no, stage FROM case_standing WHERE hall = :hall AND case_no = :number",
        hall=hall,
        number=number,
    )
    if not rows:
        return None
    row = rows[0]
    entries = _named(store, store.db.query(_OF_CASE, hall=hall, case=row["id"]))
    return Matter("case", row["id"], row["case_no"], row["stage"], False, entries)


def _staff(store: LogStore, hall: str, number: str) -> Matter | None:
    rows = store.db.query(
        "SELECT active FROM staff_member WHERE hall = :hall AND staff_no = :number "
        "ORDER BY LENGTH(origin) DESC, origin DESC, idx DESC LIMIT 1",
        hall=hall,
        number=number,
    )
    if not rows:
        return None
    entries = _named(store, store.db.query(_OF_STAFF, hall=hall, staff=number))
    return Matter("staff", number, number, "", bool(rows[0]["active"]), entries)


def _named(store: LogStore, rows: list[Row]) -> tuple[Named, ...]:
    """Those of these entries whose personal part stands."""
    return tuple(
        Named(log=row["origin"], index=row["idx"], id=row["id"])
        for row in rows
        if store.parts.stands(row["origin"], row["idx"])
    )


def listed(store: LogStore, hall: str = "") -> list[dict[str, Any]]:
    """What was ordered to be erased, the latest first."""
    rows = store.db.query(_ORDERS, hall=hall)
    return [{**row, "count": len(re.findall(r'"index":', row["entries"]))} for row in rows]


def write_all(
    matter: Matter,
    order: Mapping[str, str],
    make: Callable[..., Record],
    keep: Callable[[Record], object],
) -> int:
    """Write the order, in as many records as its entries need; how many entries it names.

    Args:
        order: ``ground``, ``document``, ``ordered_by``, ``carried_out_by``.
        make: the record type, with what else it needs bound.

    Raises:
        Invalid: ``standards.erasures.check``.
    """
    check(matter, order["ordered_by"], order["carried_out_by"])
    for entries in portions(matter.entries):
        keep(make(entries=entries, about=matter.about, about_id=matter.about_id, **order))
    logs.event("erasure.ordered", about=matter.about_id, entries=len(matter.entries))
    return len(matter.entries)


# --- the page -------------------------------------------------------------------------------------


def show(store: LogStore, hall: str, wrong: Mapping[str, str] | None = None, **more: object) -> str:
    """The page: search, what would be erased, the form, and what was erased."""
    about = request.values.get("about", "case")
    number = request.values.get("number", "")[:60]
    found = matter_of(store, hall, about, number) if hall else None
    errors = dict(wrong or {})
    if number and found is None:
        errors.setdefault("number", "没有找到这个编号，请核对后重新输入")
    return render_template(
        "erasures.html",
        hall=hall,
        about=about,
        number=number,
        matter=found,
        hindrance=hindrance(found) if found else "",
        errors=errors,
        abouts=ABOUT,
        grounds=GROUNDS,
        **more,
    )


def read_order(record_type: type[Record], second: Collection[str], actor: str) -> dict[str, str]:
    """The form's order, decided by a second person who types name and password on this screen.

    Args:
        second: the roles of who may decide.

    Raises:
        Invalid: field -> message, for all wrong fields at once.
    """
    given: dict[str, Any] = {"entries": (), "about": "", "about_id": "", "for_hall": ""}
    given |= {"ordered_by": "", "carried_out_by": ""}
    names = record_type.__struct_fields__
    wrong: dict[str, str] = {}
    try:
        read = page.read(
            record_type, request.form, **{n: v for n, v in given.items() if n in names}
        )
    except Invalid as invalid:
        wrong |= invalid.fields
    try:
        decided = _second_person(second)
    except Invalid as invalid:
        wrong |= invalid.fields
    if wrong:
        raise Invalid(wrong)
    return {
        "ground": str(getattr(read, "ground", "")),
        "document": str(getattr(read, "document", "")),
        "ordered_by": decided,
        "carried_out_by": actor,
    }


def _second_person(roles: Collection[str]) -> str:
    login = request.form.get("second", "").strip().lower()[:64]
    address = access.origin_of_request().address
    if attempts().locked_until(login, address) is not None:
        raise TooManyRequests()
    if not accounts().password_is(login, request.form.get("password", "")):
        attempts().failed(login, address)
        raise Invalid({"second": "决定人的登录名或密码不对，或账号已停用"})
    account = accounts().find(login)
    if account is None or not set(account.roles) & set(roles):
        raise Invalid({"second": "这个账号无权决定删除"})
    return account.staff_no


# --- afterwards -----------------------------------------------------------------------------------


class Scrubbed(Protocol):
    """A store whose file can be freed of what was deleted."""

    def scrub(self) -> bool:
        """Whether nothing of it is left; else try again later."""


class Sweeper:
    """After an erasure, and once after each start: files that nobody can open any more go, and
    nothing deleted stays beside the database.

    Args:
        drop: deletes the files of the entry at a place that no other entry names.
    """

    def __init__(
        self, store: LogStore, scrubbed: Scrubbed, drop: Callable[[str, int], object]
    ) -> None:
        self._logs, self._store, self._drop = store, scrubbed, drop
        self._dropped = self._swept = -1

    def __call__(self) -> None:
        count = int(self._logs.db.query("SELECT COUNT(*) AS n FROM erased")[0]["n"])
        if count == self._swept:
            return
        # What may have to wait for the night is not a reason to look at every file again.
        if count != self._dropped:
            for row in self._logs.db.query(_WITH_FILES):
                self._drop(str(row["origin"]), int(row["idx"]))
            self._dropped = count
        fp("erase.files_gone")
        if self._store.scrub():
            fp("erase.scrubbed")
            self._swept = count
