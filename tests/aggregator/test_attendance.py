"""What the center sees of all halls: as soon as it is applied, by staff number alone."""

import re
from datetime import date
from io import BytesIO
from zipfile import ZipFile

from standards.records import PunchVoided, StaffMember
from standards.records.attendance import AwaySpan, Outcome
from tests.aggregator.office import Office, a_punch
from tests.days_told import a_day


def rows(text: str) -> list[str]:
    found = re.findall(r"<tr.*?</tr>", text, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in found]


def strings(data: bytes) -> str:
    with ZipFile(BytesIO(data)) as book:
        return book.read("xl/sharedStrings.xml").decode()


def two_halls(office: Office) -> None:
    member = StaffMember(staff_no="T01-001", name="张小敏", department="市公安局", window="A03")
    office.hall_writes("T01", member)
    office.hall_writes("T01", a_day("T01-001", "08:50", "open", provisional=True), "T01-1")
    office.hall_writes("T01", a_day("T01-002", "open", "open", provisional=True), "T01-2")
    office.hall_writes("T02", a_day("T02-001", "08:55", "12:00", "12:45", "17:01"), "T02-1")


def test_all_halls_stand_side_by_side_with_what_is_provisional(office: Office):
    two_halls(office)
    office.hands.turn(minutes=30)
    text = office.person("duizhang").text("/attendance")
    # 分厅 今天应到 在岗 应到未到 班前和休息 迟到 旷工 请假 公出 临时外出 已离岗 结果
    assert "公安分厅 2 1 1 0 0 0 0 0 0 0 2 人暂定" in rows(text)
    assert any(row.startswith("税务分厅 1") and row.endswith("已定") for row in rows(text))


def test_a_later_revision_replaces_what_was_counted(office: Office):
    office.hall_writes("T01", a_day("T01-001", "missing", status="absent_half", halves=1))
    office.hall_writes("T01", a_day("T01-001", "08:50", revision=2), "T01-9")
    text = office.person("duizhang").text("/attendance/T01?month=2026-11")
    (row,) = [row for row in rows(text) if "T01-001" in row]
    assert row.split()[-13:] == ["1", "1", *["0"] * 11]


def test_one_hall_is_shown_by_number_department_and_window_without_a_name(office: Office):
    two_halls(office)
    text = office.person("ducha").text("/attendance/T01?month=2026-11")
    (row,) = [row for row in rows(text) if "T01-001" in row]
    assert "市公安局 A03" in row
    assert "张" not in row and "姓名" not in text


def test_both_workbooks_hold_the_figures_and_no_name(office: Office):
    two_halls(office)
    person = office.person("duizhang")
    one = strings(person.get("/attendance/T01/month.xlsx?month=2026-11").data)
    every = strings(person.get("/attendance/month.xlsx?month=2026-11").data)
    assert "T01-001" in one and "张小敏" not in one
    assert "公安分厅" in every and "税务分厅" in every


def test_a_hall_nobody_knows_has_no_page(office: Office):
    assert office.person("duizhang").get("/attendance/T99").status_code == 404


def test_a_hall_that_told_nothing_stands_in_the_month_with_zeros(office: Office):
    office.hall_writes("T01", a_punch("T01-001", "2026-11-24T08:25:00+08:00"))
    text = office.person("duizhang").text("/attendance")
    assert "今天还没有收到任何分厅的考勤" in text


def test_who_is_out_on_duty_or_on_leave_is_told_so_and_is_not_awaited(office: Office):
    def away(number: str, effect: str) -> None:
        span = AwaySpan(
            since="2026-11-24T09:00:00+08:00", until="2026-11-24T11:00:00+08:00", effect=effect
        )
        day = a_day(number, "open", "open", "open", "open", status="open", away=(span,))
        office.hall_writes("T01", day, number)

    for number, effect in (("T01-001", "outing"), ("T01-002", "duty"), ("T01-003", "leave")):
        away(number, effect)
    office.hall_writes("T01", a_day("T01-004", "open", "open", status="open"), "T01-004")
    office.hands.turn(minutes=30)
    person = office.person("duizhang")
    assert "公安分厅 4 0 1 0 0 0 1 1 1 0 已定" in rows(person.text("/attendance"))
    text = person.text("/attendance/T01")
    found = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", text, re.DOTALL)
    board = {term: " ".join(re.sub(r"<[^>]+>", " ", words).split()) for term, words in found}
    assert board == {
        "应到未到 1": "T01-004",
        "临时外出 1": "T01-001",
        "请假 1": "T01-003",
        "公出 1": "T01-002",
    }


def test_a_voided_sign_stands_beside_who_voided_it_and_the_day_beside_its_old_result(
    office: Office,
):
    punched = a_punch("T01-001", "2026-11-24T08:25:00+08:00")
    punch_id = office.hall_writes("T01", punched).leaf.id
    void = PunchVoided(
        punch=punch_id,
        staff_no="T01-001",
        day=date(2026, 11, 24),
        request=punch_id,
        asked_by="T01-005",
        reason="37号是别人",
    )
    office.hall_writes("T01", void, "T01-006")
    old = Outcome(revision=1, status="normal")
    changed = a_day(
        "T01-001", "missing", status="absent_half", revision=2, change="voided", old=old
    )
    office.hall_writes("T01", changed, "T01-9")
    text = office.person("duizhang").text("/presence?day=2026-11-24")
    assert any("已作废 T01-005 提出，T01-006 同意" in row for row in rows(text))
    assert "公安分厅 T01-001 2 正常 旷工半天 签到作废" in rows(text)
    assert "37号是别人" not in text and "0 人 1 次" in text
