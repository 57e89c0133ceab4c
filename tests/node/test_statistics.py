"""Who is here now and the month of the hall, as supervisors see them."""

import re
from datetime import date
from io import BytesIO
from zipfile import ZipFile

from node.hall import Hall
from tests.days_told import a_day
from tests.node.attendance import add_member
from tests.node.hall import Browser, TurnableClock


def rows(text: str) -> list[str]:
    found = re.findall(r"<tr.*?</tr>", text, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in found]


def row_of(text: str, staff_no: str) -> str:
    (row,) = [row for row in rows(text) if staff_no in row]
    return row


def told(hall: Hall, *results: object) -> None:
    for one in results:
        hall.write(one, actor="T01-005")  # type: ignore[arg-type]


def test_the_board_shows_by_department_who_is_here_late_awaited_and_away(
    hall: Hall, office: Browser, clock: TurnableClock
):
    for number, name in (("T01-021", "张小敏"), ("T01-022", "李四"), ("T01-023", "王五")):
        add_member(office, staff_no=number, name=name)
    add_member(office, staff_no="T01-031", name="赵六", department="市税务局")
    told(
        hall,
        a_day("T01-021", "09:12 late", "open", "open", "open", status="late", late=12),
        a_day("T01-022", "open", "open", "open", "open", status="open"),
        a_day("T01-023", "leave", "leave", "leave", "leave", status="leave"),
        a_day("T01-031", "08:40", "open", "open", "open", status="open"),
    )
    clock.turn(minutes=30)
    text = office.sign_in("chen").get("/statistics").text
    assert "在岗" in row_of(text, "T01-021") and "迟到" in row_of(text, "T01-021")
    assert "张**" in row_of(text, "T01-021") and "张小敏" not in text
    assert "应到未到" in row_of(text, "T01-022")
    assert "请假" in row_of(text, "T01-023")
    assert "市公安局 1 / 3 在岗" in row_of(text, "T01-021")
    assert "市税务局 1 / 1 在岗" in row_of(text, "T01-031")


def test_of_a_day_only_its_latest_revision_is_counted(hall: Hall, office: Browser):
    add_member(office)
    told(
        hall,
        a_day("T01-021", "missing", "missing", status="absent_half", halves=1),
        a_day("T01-021", "08:50", "12:01", "12:50", "17:01", revision=2),
    )
    text = office.sign_in("chen").get("/statistics/month?month=2026-11").text
    # asked, present, then nothing to hold against anybody
    assert row_of(text, "T01-021").split()[-13:] == ["1", "1", *["0"] * 11]
    assert rows(text)[-1].startswith("合计")


def test_the_month_as_a_workbook_holds_sums_and_a_sign_for_each_day(hall: Hall, office: Browser):
    add_member(office)
    told(hall, a_day("T01-021", "09:12 late", status="late", late=12, day=date(2026, 11, 3)))
    answer = office.sign_in("chen").get("/statistics/month.xlsx?month=2026-11")
    assert answer.status_code == 200
    assert "attachment" in answer.headers["Content-Disposition"]
    with ZipFile(BytesIO(answer.data)) as book:
        text = book.read("xl/sharedStrings.xml").decode()
        days = book.read("xl/worksheets/sheet2.xml").decode()
    for words in ("公安分厅考勤月汇总(2026年11月)", "T01-021", "张**", "迟 迟到"):
        assert words in text
    assert "张小敏" not in text
    assert len(re.findall(r"<row ", days)) >= 4


def test_a_month_that_is_none_or_lies_ahead_shows_the_present_one(office: Browser):
    office.sign_in("chen")
    for asked in ("", "2026-13", "x", "2031-01", "1899-05"):
        assert "2026年11月" in office.get(f"/statistics/month?month={asked}").text


def test_a_clerk_sees_no_statistics_of_others(office: Browser):
    office.sign_in("li")
    for path in ("/statistics", "/statistics/month", "/statistics/month.xlsx"):
        assert office.get(path).status_code == 403
