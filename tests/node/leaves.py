"""Leave as tests use it: people on post, offices held, requests through the pages."""

from __future__ import annotations

import html
import re
from datetime import date

from werkzeug.test import TestResponse

from attendance.days import Absence
from node.desk import HALL
from node.hall import Hall
from node.leave import leave, leavebook
from standards.records import LeaveDecision, LeaveFacts, LeaveStanding, OfficeHeld, StaffMember
from tests.node.hall import STAFF, Browser
from web.shell import Shell

LI, ZHAO, WANG, BOTH, CHEN, ROOT = (STAFF[login][0] for login in STAFF)
POLICE = "市公安局"
NAMES = {
    LI: "李小雪",
    ZHAO: "赵大海",
    WANG: "王建国",
    BOTH: "钱多多",
    CHEN: "陈主任",
    ROOT: "管理员",
}
# Who holds which office in the tests; Chen is also head of the hall by the role of the account.
OFFICES = {"chief": WANG, "business": BOTH, "leader": CHEN, "department": ROOT}


def staffed(hall: Hall, **work_start: str) -> Hall:
    """Everybody of STAFF is on post, and the offices are held."""
    with hall.db.transaction():
        for staff_no, name in NAMES.items():
            window = {LI: "W01", ZHAO: "W01", BOTH: "W02"}.get(staff_no, "")
            hall.write(
                StaffMember(staff_no=staff_no, name=name, department=POLICE, window=window),
                actor=CHEN,
            )
        for office, staff_no in OFFICES.items():
            appoint(hall, office, staff_no)
        for staff_no in (LI, ZHAO):
            settle(hall, staff_no, "2010-07-01")
    return hall


def appoint(hall: Hall, office: str, staff_no: str, until: date | None = None) -> None:
    table = leavebook.rules(hall)
    found = table.office_of(office)
    assert found is not None
    hall.write(
        OfficeHeld(
            staff_no=staff_no,
            office=office,
            department=POLICE if found.of_department else "",
            since=date(2026, 1, 1),
            until=until,
        ),
        actor=ROOT,
    )


def settle(hall: Hall, staff_no: str, work_start: str, year: int = 2026, **more) -> None:
    """What a supervisor settles for somebody's annual leave of a year."""
    hall.write(LeaveFacts(staff_no=staff_no, year=year, work_start=work_start, **more), actor=CHEN)


def person(app: Shell, login: str) -> Browser:
    """Somebody who is signed in; the same browser each time, for a sign-in takes its time."""
    people: dict[str, Browser] = app.extensions.setdefault("tests.people", {})
    if login not in people:
        people[login] = Browser(app.test_client()).sign_in(login)
    return people[login]


FORM = {
    "leave-0": "annual:annual",
    "first-0": "2026-11-25",
    "last-0": "",
    "begins-0": "am",
    "ends-0": "pm",
    "stand_in": ZHAO,
    "reason": "回老家看望父母",
}


def look(who: Browser, **changed: str) -> TestResponse:
    """The form as it is checked before it is sent."""
    return who.post("/leave/new", {**FORM, **changed, "wish": "look"})


def send(who: Browser, **changed: str) -> TestResponse:
    """Look at what it comes to, then send it."""
    page = look(who, **changed)
    mark = re.search(r'name="mark" value="(\w*)"', page.text)
    if page.status_code != 200 or mark is None:
        return page
    return who.post("/leave/new", {**FORM, **changed, "wish": "send", "mark": mark.group(1)})


def asked(who: Browser, **changed: str) -> str:
    """A request that was sent; answers its id."""
    answer = send(who, **changed)
    assert answer.status_code == 303, told(answer)
    return answer.location.split("/leave/")[1].split("?")[0]


def stood_in(who: Browser, request_id: str, agreed: str = "1", opinion: str = "") -> TestResponse:
    return who.post(f"/leave/{request_id}/stand-in", {"agreed": agreed, "opinion": opinion})


def decided(
    who: Browser, request_id: str, office: str, granted: str = "1", opinion: str = "同意"
) -> TestResponse:
    typed = {"office": office, "granted": granted, "opinion": opinion}
    return who.post(f"/leave/{request_id}/decide", typed)


def granted(app: Shell, request_id: str, *offices: str) -> None:
    """The stand-in agrees and these offices grant; without their pages, which take longer."""
    hall: Hall = app.extensions[HALL]
    now = standing(hall, request_id)
    if now.stage == "asked":
        leave.answer_stand_in(hall, now, now.stand_in, True, "")
    for office in offices:
        decision = LeaveDecision(request_id=request_id, office=office, granted=True, opinion="同意")
        leave.decide(hall, standing(hall, request_id), OFFICES[office], decision)


def stage(hall: Hall, request_id: str) -> str:
    return standing(hall, request_id).stage


def standing(hall: Hall, request_id: str) -> LeaveStanding:
    found = leavebook.standing_of(hall, request_id)
    assert found is not None
    return found


def absent(hall: Hall, day: date) -> list[Absence]:
    return leave.absences(hall, day, day)


def told(answer: TestResponse) -> str:
    """The words of a page."""
    text = re.sub(r"<(script|style).*?</\1>", " ", answer.text, flags=re.DOTALL)
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", text).split()))
