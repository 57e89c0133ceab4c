"""The case: its page, the steps of the window, the applicant masked, and finding cases again."""

from __future__ import annotations

import re
from datetime import date

import msgspec
import pytest

from node.cases import casebook, codes
from node.cases.deemed import deem_overdue
from node.hall import Hall
from standards.guides import Guide
from standards.records import CalendarPublished, CaseStep
from standards.workdays import CalendarYear
from tests.node.hall import (
    PERSON,
    Browser,
    complete,
    errors_of,
    fill_disk,
    how_many,
    open_hall,
    publish,
    published,
    take_in,
)
from web.shell import Shell

NUMBER = "11010519491231002X"


def stage(hall: Hall, case_id: str) -> str:
    case = casebook.standing_of(hall, case_id)
    assert case is not None
    return case.stage


# --- steps --------------------------------------------------------------------------------------


def test_after_the_notice_the_case_is_corrected_and_accepted(
    window: Browser, hall: Hall, guide: Guide
):
    first, *rest = complete(guide)
    case_id = take_in(window, guide, "notify", materials=[first])
    assert window.post(f"/cases/{case_id}/correct", {"materials": rest}).status_code == 303
    assert stage(hall, case_id) == "corrected"
    assert window.post(f"/cases/{case_id}/accept").status_code == 303
    assert stage(hall, case_id) == "accepted"


def test_a_correction_that_still_lacks_something_names_it(
    window: Browser, hall: Hall, guide: Guide
):
    case_id = take_in(window, guide, "notify", materials=[])
    answer = window.post(f"/cases/{case_id}/correct", {"materials": complete(guide)[:1]})
    assert answer.status_code == 422
    assert "仍缺少" in errors_of(answer.text)
    assert stage(hall, case_id) == "notified"


def test_a_second_notice_is_refused(window: Browser, hall: Hall, guide: Guide):
    case_id = take_in(window, guide, "notify", materials=[])
    assert window.post(f"/cases/{case_id}/notify").status_code == 422
    assert how_many(hall, "case_step") == 1


def test_a_notice_with_everything_there_needs_words(window: Browser, hall: Hall, guide: Guide):
    case_id = take_in(window, guide, "receive")
    assert window.post(f"/cases/{case_id}/notify").status_code == 422
    words = {"opinion": "申请书第二页缺签名"}
    assert window.post(f"/cases/{case_id}/notify", words).status_code == 303
    assert stage(hall, case_id) == "notified"
    assert words["opinion"] in window.get(f"/cases/{case_id}").text


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"ground": "forbidden"},
        {"ground": "forbidden", "opinion": "不行"},
        {"opinion": "不属于本机关职权范围,请向县局申请"},
        {"ground": "because", "opinion": "不属于本机关职权范围,请向县局申请"},
    ],
)
def test_refusing_to_accept_needs_a_ground_and_reasons(
    window: Browser, hall: Hall, guide: Guide, given: dict[str, str]
):
    case_id = take_in(window, guide, "receive")
    assert window.post(f"/cases/{case_id}/refuse", given).status_code == 422
    assert stage(hall, case_id) == "received"


def test_a_refused_case_takes_no_further_step(window: Browser, hall: Hall, guide: Guide):
    case_id = take_in(window, guide, "receive")
    reasons = {"ground": "not_our_power", "opinion": "请向县级市场监管局申请"}
    assert window.post(f"/cases/{case_id}/refuse", reasons).status_code == 303
    for step in ("accept", "notify", "correct", "withdraw"):
        answer = window.post(f"/cases/{case_id}/{step}", {"opinion": "再来一次"})
        assert answer.status_code == 422
        assert "不予受理" in errors_of(answer.text)
    assert how_many(hall, "case_step") == 1


def test_the_applicant_can_withdraw_with_a_reason(window: Browser, hall: Hall, guide: Guide):
    case_id = take_in(window, guide)
    assert window.post(f"/cases/{case_id}/withdraw").status_code == 422
    answer = window.post(f"/cases/{case_id}/withdraw", {"opinion": "申请人改日再办"})
    assert answer.status_code == 303
    assert stage(hall, case_id) == "withdrawn"


def test_a_step_sent_twice_is_taken_once(window: Browser, hall: Hall, guide: Guide):
    case_id = take_in(window, guide, "receive")
    form = {"once": "s" * 22}
    first = window.post(f"/cases/{case_id}/accept", form)
    assert window.post(f"/cases/{case_id}/accept", form).location == first.location
    assert how_many(hall, "case_step") == 1


def test_an_over_long_opinion_is_refused(window: Browser, hall: Hall, guide: Guide):
    case_id = take_in(window, guide, "receive")
    answer = window.post(f"/cases/{case_id}/notify", {"opinion": "长" * 2001})
    assert answer.status_code == 422
    assert "2000" in errors_of(answer.text)


@pytest.mark.parametrize("path", ["", "/accept", "/reveal"])
def test_a_case_that_is_not_here_is_not_found(window: Browser, path: str):
    address = f"/cases/01a1c2f8-1280-74dd-bd36-6e9043f9f439{path}"
    answer = window.post(address) if path else window.get(address)
    assert answer.status_code == 404


@pytest.mark.parametrize("login", ["wang", "chen"])
def test_only_a_clerk_takes_a_step_of_the_window(
    app: Shell, window: Browser, hall: Hall, guide: Guide, login: str
):
    case_id = take_in(window, guide, "receive")
    other = Browser(app.test_client()).sign_in(login)
    assert other.post(f"/cases/{case_id}/accept").status_code == 403
    assert stage(hall, case_id) == "received"


# --- deemed acceptance --------------------------------------------------------------------------


def test_without_a_notice_in_five_working_days_the_case_is_accepted_from_its_receipt(
    app: Shell, window: Browser, hall: Hall, guide: Guide, clock
):
    case_id = take_in(window, guide, "receive", materials=[])
    clock.turn(days=7)
    assert deem_overdue(hall) == 0
    clock.turn(days=1)
    later = Browser(app.test_client()).sign_in("li")
    later.get("/cases")
    case = casebook.standing_of(hall, case_id)
    assert case is not None
    assert (case.stage, case.accepted_on, case.accepted_by) == ("accepted", date(2026, 11, 24), "")
    assert "系统办理" in later.get(f"/cases/{case_id}").text
    assert deem_overdue(hall) == 0


def test_a_noticed_case_is_never_deemed_accepted(window: Browser, hall: Hall, guide: Guide, clock):
    take_in(window, guide, "notify", materials=[])
    clock.turn(days=60)
    assert deem_overdue(hall) == 0


def test_a_full_disk_does_not_keep_the_list_from_being_read(
    app: Shell, window: Browser, hall: Hall, guide: Guide, clock
):
    for _ in range(40):
        take_in(window, guide, "receive", materials=[])
    clock.turn(days=10)
    later = Browser(app.test_client()).sign_in("li")
    fill_disk(hall)
    assert later.get("/cases").status_code == 200


# --- provisional due dates ----------------------------------------------------------------------


def table_of(year: int) -> CalendarPublished:
    off = tuple(date(year, 1, day) for day in (1, 2, 3))
    made = CalendarYear(year=year, days_off=off, working_days=(), source="国办发明电")
    return CalendarPublished(year=year, version=1, calendar=made)


def test_a_provisional_due_date_is_shown_anew_when_the_calendar_has_come(
    app: Shell, hall: Hall, guide: Guide, clock
):
    clock.turn(days=30)
    window = Browser(app.test_client()).sign_in("li")
    case_id = take_in(window, guide)
    before = casebook.standing_of(hall, case_id)
    assert before is not None
    assert before.provisional
    assert "暂定" in window.get(f"/cases/{case_id}").text
    publish(hall, table_of(2027))
    page = window.get(f"/cases/{case_id}").text
    assert "已按正式日历重算" in page
    assert "暂定" not in page.split("受理时为暂定期限")[0]
    file = casebook.case_file(hall, case_id)
    assert file is not None
    assert file.recomputed
    assert not file.standing.provisional


# --- the applicant, masked ----------------------------------------------------------------------


def test_pages_and_lists_show_the_applicant_masked(window: Browser, guide: Guide):
    case_id = take_in(window, guide)
    for text in (window.get(f"/cases/{case_id}").text, window.get("/cases").text):
        assert "欧***" in text
        for secret in (PERSON["applicant_name"], NUMBER, "13800138000", PERSON["address"]):
            assert secret not in text


def test_the_full_data_are_shown_once_with_a_reason_and_a_note(
    window: Browser, office: Browser, hall: Hall, guide: Guide
):
    case_id = take_in(window, guide)
    answer = window.post(f"/cases/{case_id}/reveal", {"reason": "verify"})
    assert answer.status_code == 200
    for secret in (PERSON["applicant_name"], NUMBER, "13800138000", PERSON["address"]):
        assert secret in answer.text
    assert NUMBER not in window.get(f"/cases/{case_id}").text
    looks = hall.db.query("SELECT staff_no, case_id, reason FROM reveal_audit")
    assert [dict(look) for look in looks] == [
        {"staff_no": "T01-001", "case_id": case_id, "reason": "verify"}
    ]
    assert "当面核对申请人身份" in office.get("/cases/reveals").text


@pytest.mark.parametrize("reason", ["", "curious"])
def test_without_a_reason_nothing_is_shown(window: Browser, hall: Hall, guide: Guide, reason: str):
    case_id = take_in(window, guide)
    answer = window.post(f"/cases/{case_id}/reveal", {"reason": reason})
    assert answer.status_code == 422
    assert NUMBER not in answer.text
    assert how_many(hall, "reveal_audit") == 0


def test_what_cannot_be_noted_is_not_shown(window: Browser, hall: Hall, guide: Guide):
    case_id = take_in(window, guide)
    fill_disk(hall)
    answers = [window.post(f"/cases/{case_id}/reveal", {"reason": "verify"}) for _ in range(200)]
    shown = sum(NUMBER in answer.text for answer in answers)
    assert answers[-1].status_code == 507
    assert shown == how_many(hall, "reveal_audit") < 200


def test_an_administrator_sees_no_case(app: Shell, window: Browser, guide: Guide):
    case_id = take_in(window, guide)
    root = Browser(app.test_client()).sign_in("root")
    assert root.get(f"/cases/{case_id}").status_code == 403
    assert root.get("/cases").status_code == 403


def test_no_name_or_number_stands_in_a_plain_column(window: Browser, hall: Hall, guide: Guide):
    case_id = take_in(window, guide, "notify", materials=[])
    window.post(f"/cases/{case_id}/reveal", {"reason": "contact"})
    content = b"".join((hall.data / name).read_bytes() for name in ("node.db", "node.db-wal"))
    case = casebook.standing_of(hall, case_id)
    assert case is not None
    assert case.case_no.encode() in content
    for secret in (PERSON["applicant_name"], NUMBER, "13800138000", PERSON["address"]):
        assert secret.encode() not in content


# --- finding a case again -----------------------------------------------------------------------


def found(answer_text: str) -> int:
    return len(re.findall(r'<td><a href="/cases/[0-9a-f-]{36}"', answer_text))


@pytest.mark.parametrize(
    "typed",
    [NUMBER, "11010519491231002x", "13800138000", "110105 19491231 002x", "１３８００１３８０００"],
)
def test_an_identity_or_mobile_number_finds_every_case_of_a_person(
    window: Browser, guide: Guide, typed: str
):
    for _ in range(2):
        take_in(window, guide)
    take_in(window, guide, paper_no="810000199408230021", mobile="13900139000")
    answer = window.post("/cases/search", {"q": typed})
    assert answer.status_code == 200
    assert found(answer.text) == 2
    assert typed not in answer.text.replace("value=", "")


def test_a_case_number_or_its_end_leads_to_the_case(window: Browser, hall: Hall, guide: Guide):
    case_id = take_in(window, guide)
    case = casebook.standing_of(hall, case_id)
    assert case is not None
    for typed in (case.case_no, case.case_no.lower(), case.case_no[-6:]):
        answer = window.post("/cases/search", {"q": typed})
        assert answer.location == f"/cases/{case_id}"


@pytest.mark.parametrize("typed", ["", "ab", "0000", "%%%%", "' OR '1'='1"])
def test_what_is_not_found_is_said(window: Browser, guide: Guide, typed: str):
    take_in(window, guide)
    take_in(window, guide)
    answer = window.post("/cases/search", {"q": typed})
    assert answer.status_code in (200, 422)
    assert found(answer.text) == 0


def test_a_number_of_a_person_is_never_part_of_an_address(window: Browser):
    assert window.get(f"/cases/search?q={NUMBER}").status_code == 404


def test_the_code_on_the_paper_leads_to_its_case(window: Browser, hall: Hall, guide: Guide):
    case_id = take_in(window, guide)
    code = codes.code_of(hall, case_id)
    assert code is not None
    payload = codes.payload_of(hall, code)
    assert len(payload) <= 64
    assert window.post("/cases/search", {"q": payload}).location == f"/cases/{case_id}"


@pytest.mark.parametrize(
    "scanned",
    [
        "HS1.C." + "A" * 40,
        "HS1.C.'; DROP TABLE case_code; --",
        "HS1.C.https://evil.example/",
        "HS1.P." + "A" * 40,
        "HS1.C." + "A" * 3000,
        "HS1.C." + "A" * 39 + "\r\nX-Evil: 1",
        "http://evil.example/" + "a" * 60,
    ],
)
def test_a_hostile_scan_is_refused_and_leads_nowhere(
    window: Browser, hall: Hall, guide: Guide, scanned: str
):
    take_in(window, guide)
    answer = window.post("/cases/search", {"q": scanned})
    assert answer.status_code == 400
    assert answer.location is None
    assert scanned not in answer.text
    assert how_many(hall, "case_code") == 1


def test_a_code_of_another_hall_is_not_ours(window: Browser, tmp_path, clock, guide: Guide, hall):
    other = open_hall(tmp_path / "other", clock, "T02")
    case_id = take_in(window, guide)
    code = codes.code_of(hall, case_id)
    assert code is not None
    forged = codes.payload_of(other, code)
    other.close()
    assert window.post("/cases/search", {"q": forged}).status_code == 400


def test_the_lists_of_the_open_stages_hold_their_cases(window: Browser, guide: Guide):
    take_in(window, guide)
    take_in(window, guide, "receive")
    take_in(window, guide, "notify", materials=[])
    for name, count in (("today", 3), ("received", 1), ("notified", 1), ("accepted", 1)):
        assert found(window.get(f"/cases?list={name}").text) == count
    assert window.get("/cases?list=secret").status_code == 404


def test_a_case_whose_guide_is_gone_is_still_shown(window: Browser, hall: Hall, guide: Guide):
    case_id = take_in(window, guide)
    hall.db.execute("DELETE FROM guide_published")
    publish(hall, published(guide_of_another_item(guide)))
    answer = window.get(f"/cases/{case_id}")
    assert answer.status_code == 200
    assert guide.item in answer.text


def guide_of_another_item(guide: Guide) -> Guide:

    return msgspec.structs.replace(guide, item="OTHER-1")


def test_a_step_of_the_case_is_one_entry_of_the_log(window: Browser, hall: Hall, guide: Guide):
    case_id = take_in(window, guide)
    assert hall.state().size == 2
    steps = casebook.steps_of(hall, case_id)
    assert [type(taken.step) for taken in steps] == [CaseStep]
    assert steps[0].actor == "T01-001"
