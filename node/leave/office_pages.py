"""任职: an administrator says who holds which office that approves leave, and until when."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from flask import Blueprint, render_template, request, url_for
from werkzeug.wrappers import Response

from node.desk import actor, hall, today
from node.leave import leave_words, leavebook, offices
from node.leave.leave_sight import names, tabs
from node.staff import members
from standards.errors import Invalid
from standards.records import OfficeHeld
from web import access, logs, page
from web.signin import accounts

pages = Blueprint("offices", __name__, url_prefix="/leave/offices")


@pages.get("")
@access.roles("supervisor", "administrator")
def listing() -> str:
    """Who holds what, what is vacant, and the form."""
    return _page({"since": today().isoformat()}, {})


def _page(typed: Mapping[str, str], wrong: Mapping[str, str]) -> str:
    here, rules = hall(), leavebook.rules(hall())
    seats = offices.seats(here)
    departments = sorted({who.staff.department for who in members.members(here)} - {""})
    return render_template(
        "leave/offices.html",
        tabs=tabs("offices.listing"),
        held=offices.all_held(here),
        vacant=_vacant(departments),
        by_role=sorted(seats.by_role),
        rules=rules,
        words=leave_words,
        departments={name: name for name in departments},
        people=_people(),
        names=names(),
        form=page.form(OfficeHeld, typed, wrong),
        typed=typed,
        errors=wrong,
        today=today(),
        may_change=access.current_staff().holds("administrator"),
        done=request.args.get("done", ""),
    )


def _people() -> dict[str, str]:
    """Everybody who can sign in or is on post: a department's head need not work in the hall."""
    found = {
        a.staff_no: f"{a.staff_no} {a.display_name}" for a in accounts().all() if not a.disabled
    }
    for who in members.members(hall()):
        if who.staff.active:
            words = (who.staff_no, who.masked_name, who.staff.department)
            found[who.staff_no] = " ".join(word for word in words if word)
        else:
            found.pop(who.staff_no, None)
    return dict(sorted(found.items()))


def _vacant(departments: list[str]) -> list[str]:
    """Offices that nobody holds, in words."""
    rules, seats = leavebook.rules(hall()), offices.seats(hall())
    found = []
    for office in rules.office:
        for department in departments if office.of_department else [""]:
            if not seats.holders(office, department):
                found.append(office.name + (f"（{department}）" if department else ""))
    return found


@pages.post("")
@access.roles("administrator")
def appoint() -> tuple[str, int] | Response:
    """Somebody holds an office from a day on."""
    try:
        return page.answer_once(_appoint)
    except Invalid as wrong:
        return _page(request.form, wrong.fields), 422


def _appoint() -> str:
    wrong: dict[str, str] = {}
    office = leavebook.rules(hall()).office_of(request.form.get("office", ""))
    if office is None or office.role:
        wrong["office"] = "请选择职务"
    staff_no = request.form.get("staff_no", "")
    if staff_no not in _people():
        wrong["staff_no"] = "请选择人员"
    department = request.form.get("department", "")[:200]
    if office is not None and office.of_department and not department:
        wrong["department"] = f"{office.name}按派驻部门任职，请选择部门"
    if wrong:
        raise Invalid(wrong)
    assert office is not None
    record = page.read(
        OfficeHeld,
        request.form,
        staff_no=staff_no,
        office=office.code,
        department=department if office.of_department else "",
    )
    if record.until is not None and record.until < record.since:
        raise Invalid({"until": "任职结束早于开始"})
    hall().write(record, actor=actor())
    logs.event("office.held", member=staff_no, office=office.code)
    return url_for("offices.listing", done="held")


@pages.post("/end")
@access.roles("administrator")
def end() -> Response:
    """An office ends yesterday: from today on it decides nothing."""

    def effect() -> str:
        key = tuple(request.form.get(name, "") for name in ("office", "department", "staff_no"))
        for one in offices.all_held(hall()):
            if (one.office, one.department, one.staff_no) == key and one.until is None:
                until = max(one.since, today()) - one.since.resolution
                hall().write(msgspec.structs.replace(one, until=until), actor=actor())
                logs.event("office.ended", member=one.staff_no, office=one.office)
        return url_for("offices.listing", done="ended")

    return page.answer_once(effect)
