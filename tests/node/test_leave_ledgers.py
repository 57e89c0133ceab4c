"""Offices, settled facts, overtime and what is printed: what the leave of a hall rests on."""

from __future__ import annotations

from datetime import date

from node.hall import Hall
from node.leave import balances, leavebook
from standards.identity import ERASED
from standards.packaged import packaged_text
from standards.records import DayResult, LeaveRequest, LeaveRulesPublished
from tests.node.hall import PASSWORD, Browser, TurnableClock, how_many, publish
from tests.node.leaves import (
    BOTH,
    CHEN,
    LI,
    POLICE,
    WANG,
    ZHAO,
    appoint,
    asked,
    decided,
    granted,
    person,
    settle,
    staffed,
    stage,
    standing,
    stood_in,
    told,
)
from web.shell import Shell

DAY = 480


# --- offices -------------------------------------------------------------------------------------


def test_without_any_office_the_head_of_the_hall_decides_alone_and_it_is_said(
    app: Shell, hall: Hall
):
    staffed(hall)
    for office, staff_no in (("chief", WANG), ("business", BOTH), ("leader", CHEN)):
        appoint(hall, office, staff_no, until=date(2026, 11, 1))
    appoint(hall, "department", "T01-006", until=date(2026, 11, 1))
    head, li = person(app, "chen"), person(app, "li")
    request_id = asked(li, **{"last-0": "2026-12-01"})
    stood_in(person(app, "zhao"), request_id)
    assert decided(head, request_id, "head").status_code == 303
    assert stage(hall, request_id) == "granted"
    assert "没有经过部门一方审批" in told(li.get(f"/leave/{request_id}"))


def test_an_administrator_says_who_holds_an_office_and_ends_it(app: Shell, hall: Hall):
    staffed(hall)
    admin = person(app, "root")
    new = {"office": "superior", "staff_no": CHEN, "since": "2026-11-01"}
    assert admin.post("/leave/offices", new).status_code == 303
    assert "上级主管领导" in told(admin.get("/leave/offices"))
    missing = admin.post("/leave/offices", {**new, "office": "chief"})
    assert missing.status_code == 422 and "请选择部门" in told(missing)
    for wrong in ({"office": "head"}, {"staff_no": "T09-001"}, {"until": "2026-10-01"}):
        assert admin.post("/leave/offices", {**new, **wrong}).status_code == 422
    end = {"office": "chief", "department": POLICE, "staff_no": WANG}
    assert admin.post("/leave/offices/end", end).status_code == 303
    assert "窗口首席代表（市公安局）" in told(admin.get("/leave/offices"))
    assert person(app, "chen").post("/leave/offices", new).status_code == 403


# --- facts, overtime, paper ----------------------------------------------------------------------


def test_a_supervisor_settles_the_work_start_and_it_is_shown_nowhere(app: Shell, hall: Hall):
    staffed(hall)
    office = person(app, "chen")
    typed = {"work_start": "2016-11-24", "employment": "civil", "carried_days": "0"}
    assert office.post(f"/leave/facts/{WANG}", typed).status_code == 303
    assert balances.annual(hall, WANG, date(2026, 11, 23)).given == 5 * DAY
    assert balances.annual(hall, WANG, date(2026, 11, 24)).given == 10 * DAY
    page = office.get("/leave/facts")
    assert "王**" in told(page) and "2016" not in page.text
    assert "2016" not in office.get(f"/leave/facts/{WANG}").text
    assert "2016-11-24" not in str([dict(r) for r in hall.db.query("SELECT * FROM leave_facts")])
    kept = {"work_start": "", "employment": "civil", "carried_days": "1.5"}
    assert office.post(f"/leave/facts/{WANG}", kept).status_code == 303
    assert balances.annual(hall, WANG, date(2026, 11, 24)).left == 11.5 * DAY
    settle(hall, WANG, "2016-11-24", year=2025)
    for wrong in ({"carried_days": "6"}, {"carried_days": "1.2"}, {"work_start": "2027-01-01"}):
        assert office.post(f"/leave/facts/{WANG}", {**kept, **wrong}).status_code == 422


def test_overtime_counts_once_a_supervisor_has_confirmed_it(app: Shell, hall: Hall):
    staffed(hall)
    li, office = person(app, "li"), person(app, "chen")
    entry = {"day": "2026-11-21", "begins": "08:30", "ends": "12:00", "reason": "系统升级"}
    assert li.post("/leave/overtime", entry).status_code == 303
    assert li.post("/leave/overtime", entry).status_code == 422
    assert balances.comp(hall, LI, date(2026, 11, 24)).left == 0
    (line,) = leavebook.overtime_of(hall)
    assert li.post(f"/leave/overtime/{line.id}", {"granted": "1", "hours": "3"}).status_code == 403
    for wrong in ({"hours": "4"}, {"hours": "x"}, {"granted": "0"}):
        confirmed = {"granted": "1", "hours": "3", **wrong}
        assert office.post(f"/leave/overtime/{line.id}", confirmed).status_code == 422
    assert (
        office.post(f"/leave/overtime/{line.id}", {"granted": "1", "hours": "3"}).status_code == 303
    )
    assert (
        office.post(f"/leave/overtime/{line.id}", {"granted": "1", "hours": "3"}).status_code == 422
    )
    assert balances.comp(hall, LI, date(2026, 11, 24)).left == 180
    assert "2027年11月21日" in told(li.get("/leave/overtime"))
    taken = {"leave-0": "comp:comp", "begins-0": "09:00", "ends-0": "11:00"}
    asked(li, **taken)
    ledger = balances.comp(hall, LI, date(2026, 11, 25))
    assert (ledger.left, ledger.reserved) == (60, 120)


NO_OVERTIME = [
    ({"ends": "08:00"}, "晚于开始"),
    ({"day": "2026-11-25"}, "加班以后"),
    ({"day": "2026-10-01"}, "31天内"),
    ({"reason": ""}, "事由"),
    ({"begins": "8"}, "时间"),
]


def test_overtime_that_cannot_be_is_refused(clerk: Browser, hall: Hall):
    for changed, words in NO_OVERTIME:
        entry = {"day": "2026-11-21", "begins": "08:30", "ends": "12:00", "reason": "值守"}
        answer = clerk.post("/leave/overtime", {**entry, **changed})
        assert answer.status_code == 422 and words in told(answer), changed
    assert how_many(hall, "overtime") == 0


def test_nobody_confirms_the_own_overtime(app: Shell, hall: Hall):
    staffed(hall)
    office = person(app, "chen")
    entry = {"day": "2026-11-21", "begins": "08:30", "ends": "12:00", "reason": "值守"}
    office.post("/leave/overtime", entry)
    (line,) = leavebook.overtime_of(hall)
    answer = office.post(f"/leave/overtime/{line.id}", {"granted": "1", "hours": "3"})
    assert answer.status_code == 422 and "自己" in told(answer)


def test_slip_and_return_are_printed_with_full_names_and_every_opinion(
    clerk: Browser, app: Shell, hall: Hall, clock: TurnableClock
):
    request_id = asked(clerk)
    granted(app, request_id, "chief")
    answer = clerk.post(f"/leave/{request_id}/print/slip")
    sheet = told(clerk.get(answer.location))
    for words in ("请假条", "李小雪", "赵大海", "王建国", "批准：同意", "回老家看望父母", "1天"):
        assert words in sheet
    assert clerk.post(f"/leave/{request_id}/print/return").status_code == 404
    clock.turn(days=2)
    clerk.sign_in("li")
    clerk.post(f"/leave/{request_id}/return", {"back_on": "2026-11-26", "back_from": "am"})
    again = clerk.post(f"/leave/{request_id}/print/return")
    assert "销假单" in told(clerk.get(again.location))
    second = clerk.post(f"/leave/{request_id}/print/slip")
    assert "补打" in told(clerk.get(second.location))


def test_the_request_that_was_kept_says_everything_again(clerk: Browser, hall: Hall):
    request_id = asked(clerk)
    kept = hall.read(LeaveRequest, request_id)
    assert kept is not None
    assert (kept.reason, kept.grounds, kept.stand_in) == ("回老家看望父母", "annual/0/1", ZHAO)
    settle(hall, LI, "2010-07-01", school_holidays=True)
    assert "不享受" in told(clerk.get("/leave"))


# --- papers, alerts, erasure ---------------------------------------------------------------------


def attach(who: Browser, request_id: str, content: bytes, name: str = "诊断证明.jpg"):
    """A form with a file as a browser sends it."""
    fields = {"csrf": who.token(), "once": f"form-key-{len(content):016d}"}
    parts = [(None, key, value.encode()) for key, value in fields.items()]
    body = b""
    for filename, key, value in [*parts, (name, "papers", content)]:
        extra = f'; filename="{filename}"' if filename else ""
        head = f'--edge\r\nContent-Disposition: form-data; name="{key}"{extra}\r\n\r\n'
        body += head.encode() + value + b"\r\n"
    return who.client.post(
        f"/leave/{request_id}/papers",
        data=body + b"--edge--\r\n",
        content_type="multipart/form-data; boundary=edge",
        base_url="http://localhost",
        headers={"Origin": "http://localhost"},
    )


JPEG = b"\xff\xd8\xff\xe0" + b"certificate" * 40


def test_a_certificate_is_kept_sealed_opened_by_those_who_decide_and_missed_until_it_is_there(
    clerk: Browser, app: Shell, hall: Hall
):
    sick = {"leave-0": "sick:sick", "last-0": "2026-11-26"}
    request_id = asked(clerk, **sick)
    granted(app, request_id, "chief", "business")
    clock_page = person(app, "chen").get("/leave/facts")
    assert "还没有交证明" not in told(clock_page), "it has not even begun"
    assert "需要医院证明" in told(clerk.get(f"/leave/{request_id}"))
    assert attach(clerk, request_id, b"not a picture").status_code == 422
    assert attach(clerk, request_id, JPEG).status_code == 303
    assert JPEG not in b"".join(p.read_bytes() for p in hall.data.rglob("*") if p.is_file())
    (line,) = leavebook.papers_of(hall, request_id)
    address = f"/leave/{request_id}/papers/{line.id}"
    assert person(app, "wang").post(address).data == JPEG
    assert person(app, "zhao").post(address).status_code == 404
    assert "诊断证明" not in person(app, "zhao").get(f"/leave/{request_id}").text
    assert attach(person(app, "wang"), request_id, JPEG + b"1").status_code == 422
    assert how_many(hall, "leave_paper") == 1 and how_many(hall, "file_named") == 1


def test_a_certificate_that_is_late_is_named_to_the_supervisor(
    clerk: Browser, app: Shell, hall: Hall, clock: TurnableClock
):
    request_id = asked(clerk, **{"leave-0": "sick:sick", "last-0": "2026-11-26"})
    granted(app, request_id, "chief", "business")
    for turned, words in ((3, "2026年12月1日前交"), (5, "已过期")):
        clock.turn(days=turned)
        office = person(app, "chen").sign_in("chen")
        assert words in told(office.get("/leave/facts"))


def test_a_supervisor_is_warned_before_absence_reaches_the_limits(
    clerk: Browser, app: Shell, hall: Hall
):
    days = [date(2026, 11, day) for day in (2, 3, 4, 5, 6, 9, 10, 11)]
    for day in days:
        result = DayResult(
            staff_no=LI, day=day, revision=1, status="absent", halves=2, change="first"
        )
        hall.write(result, actor="SYSTEM")
    page = told(person(app, "chen").get("/leave/facts"))
    said = "连续旷工8天，达到界限15天的50%"
    assert said in page and "事业单位人事管理条例 15" in page
    # Where people look first: the supervisor's and the person's own home page, and the own leave.
    for login, path in (("chen", "/"), ("root", "/"), ("li", "/"), ("li", "/leave")):
        words = told(person(app, login).get(path))
        assert said in words and ("您的旷工天数" in words) is (login == "li")
    assert "旷工" not in told(person(app, "wang").get("/"))
    excused = DayResult(staff_no=LI, day=days[3], revision=2, status="leave", change="leave")
    hall.write(excused, actor="SYSTEM")
    for login, path in (("chen", "/leave/facts"), ("chen", "/"), ("li", "/leave")):
        assert "达到界限" not in told(person(app, login).get(path))


def test_erasing_a_member_of_staff_erases_reasons_grounds_and_certificates(
    clerk: Browser, app: Shell, hall: Hall
):
    request_id = asked(clerk, **{"leave-0": "sick:sick", "last-0": "2026-11-26"})
    granted(app, request_id, "chief", "business")
    attach(clerk, request_id, JPEG)
    root, chief = person(app, "root"), person(app, "chen")
    assert chief.post(f"/staff/{LI}/leave").status_code == 303
    order = {
        "about": "staff",
        "number": LI,
        "ground": "purpose_over",
        "document": "2027年1号",
        "second": "chen",
        "password": PASSWORD,
    }
    assert root.post("/erasures", order).status_code == 303
    kept = hall.read(LeaveRequest, request_id)
    assert kept is not None and kept.reason == kept.grounds == ERASED
    page = chief.get(f"/leave/{request_id}")
    assert page.status_code == 200 and "回老家" not in page.text
    assert "不在本机或已删除" in told(page)
    assert balances.annual(hall, LI, date(2026, 12, 1)).known is False


def test_a_table_that_the_center_published_counts_for_new_requests_and_old_ones_stay_readable(
    clerk: Browser, app: Shell, hall: Hall
):
    old = asked(clerk, **{"leave-0": "funeral:funeral"})
    text = packaged_text("leave.toml").replace("up_to = 480", "up_to = 240")
    kinds = text.split("[[kind]]\n")
    text = "[[kind]]\n".join(one for one in kinds if 'code = "funeral"' not in one)
    publish(hall, LeaveRulesPublished(version=2, rules=text))
    assert leavebook.rules(hall).version == 2
    assert "funeral" in told(clerk.get("/leave")) and clerk.get(f"/leave/{old}").status_code == 200
    assert "丧假" not in clerk.get("/leave/new").text
    new = asked(clerk, **{"first-0": "2026-11-30"})
    assert [step.office for step in standing(hall, new).steps] == ["chief", "business"]
    assert [step.office for step in standing(hall, old).steps] == ["chief"]
