"""The printed papers: what stands on them, when a case has them, and how a reprint is marked."""

from __future__ import annotations

import re

import pytest

from node.cases import codes, notices
from node.hall import Hall
from standards.guides import Guide
from tests.node.hall import PERSON, Browser, complete, how_many, take_in
from tests.node.test_review import DENY, GRANT
from web.shell import Shell


def printed(browser: Browser, case_id: str, paper: str) -> str:
    noted = browser.post(f"/notices/{case_id}/{paper}")
    assert noted.status_code == 303, noted.text
    answer = browser.get(noted.location)
    assert answer.status_code == 200
    return answer.text


def test_the_notice_of_acceptance_names_law_both_limits_and_the_code(
    window: Browser, hall: Hall, guide: Guide
):
    case_id = take_in(window, guide)
    sheet = printed(window, case_id, "acceptance")
    for wanted in (
        "受理通知书",
        "《中华人民共和国行政许可法》第三十二条第一款第（五）项",
        "法定办结期限",
        "承诺办结期限",
        "自受理次日起",
        guide.task_name,
        PERSON["applicant_name"],
        "加盖业务专用印章",
        "一式两份",
        *(m.material_name for m in guide.materials if m.code in complete(guide)),
    ):
        assert wanted in sheet
    code = codes.code_of(hall, case_id)
    assert code is not None
    assert codes.printed(code) in sheet
    assert PERSON["paper_no"].upper() not in sheet


def test_the_one_time_notice_lists_everything_that_is_missing(window: Browser, guide: Guide):
    first, *rest = complete(guide)
    case_id = take_in(window, guide, "notify", materials=[first])
    sheet = printed(window, case_id, "notice")
    names = {m.code: m.material_name for m in guide.materials}
    assert all(names[code] in sheet for code in rest)
    assert names[first] not in sheet
    assert f"以上共{len(rest)}项" in sheet
    assert "请于<b>2026年12月24日</b>前补正" in sheet


def test_the_slip_says_that_nothing_is_accepted_yet(window: Browser, guide: Guide):
    sheet = printed(window, take_in(window, guide, "receive"), "receipt")
    assert "不表示已经受理" in sheet
    assert "五个工作日" in sheet


def test_the_refusal_names_reasons_and_where_to_seek_redress(window: Browser, guide: Guide):
    case_id = take_in(window, guide, "receive")
    reasons = {"ground": "not_our_power", "opinion": "请向县级市场监管局申请"}
    window.post(f"/cases/{case_id}/refuse", reasons)
    sheet = printed(window, case_id, "refusal")
    assert reasons["opinion"] in sheet
    for remedy in guide.remedies:
        assert remedy.organ in sheet
        assert remedy.within in sheet


def test_on_paper_a_sheet_stands_alone_and_any_other_page_keeps_its_heading(
    window: Browser, guide: Guide
):
    sheet = printed(window, take_in(window, guide), "acceptance")
    assert sheet.index('<div class="no-print">') < sheet.index('class="toolbar"')
    assert sheet.index("</button>") < sheet.index('<article class="sheet">')
    month = window.get("/days/mine").text
    assert 'class="toolbar"' in month and "no-print" not in month
    for style in ("/shell/onehall.css", "/counters/counters.css"):
        answer = window.get(style)
        on_paper = answer.text.split("@media print", 1)[1]
        answer.close()
        assert re.search(r"\.toolbar\b(?!-)", on_paper.partition("\n}")[0]) is None


@pytest.mark.parametrize(("decision", "word"), [(GRANT, "准予"), (DENY, "不予")])
def test_the_decision_is_printed_with_its_outcome(
    window: Browser, desk: Browser, guide: Guide, decision: dict[str, str], word: str
):
    case_id = take_in(window, guide)
    desk.post(f"/review/{case_id}", decision)
    sheet = printed(window, case_id, "decision")
    assert re.search(rf"<h1>{word}(行政许可|办理)决定书</h1>", sheet)
    assert decision["opinion"] in sheet
    redress = any(remedy.organ in sheet for remedy in guide.remedies)
    assert redress is (decision is DENY)


@pytest.mark.parametrize("paper", ["notice", "refusal", "decision", "passport", "../receipt"])
def test_a_paper_the_case_does_not_have_is_not_printed(
    window: Browser, hall: Hall, guide: Guide, paper: str
):
    case_id = take_in(window, guide)
    assert window.post(f"/notices/{case_id}/{paper}").status_code == 404
    assert how_many(hall, "paper_print") == 0


def test_the_second_print_is_noted_and_says_so(window: Browser, hall: Hall, guide: Guide):
    case_id = take_in(window, guide)
    assert "补打" not in printed(window, case_id, "acceptance").split("<article")[1]
    assert "补打" in printed(window, case_id, "acceptance").split("<article")[1]
    rows = hall.db.query("SELECT paper, copy, staff_no FROM paper_print ORDER BY copy")
    assert [tuple(dict(row).values()) for row in rows] == [
        ("acceptance", 1, "T01-001"),
        ("acceptance", 2, "T01-001"),
    ]


def test_a_double_click_prints_once(window: Browser, hall: Hall, guide: Guide):
    case_id = take_in(window, guide)
    form = {"once": "p" * 22}
    first = window.post(f"/notices/{case_id}/receipt", form)
    assert window.post(f"/notices/{case_id}/receipt", form).location == first.location
    assert how_many(hall, "paper_print") == 1


@pytest.mark.parametrize("copy", ["", "2", "-1", "x", "1e3", "99999999999"])
def test_a_sheet_that_was_not_noted_is_not_shown(window: Browser, guide: Guide, copy: str):
    case_id = take_in(window, guide)
    answer = window.get(f"/notices/{case_id}/receipt", query_string={"copy": copy})
    assert answer.status_code == 303
    assert answer.location == f"/cases/{case_id}"


def test_the_qr_code_holds_the_random_code_and_nothing_about_anybody(hall: Hall):
    payload = codes.payload_of(hall, "ab" * 16)
    assert re.fullmatch(r"HS1\.C\.[A-Z2-7]{40}", payload)
    drawn = notices.qr_code(payload)
    assert drawn.startswith("<svg")
    assert "style" not in drawn


def test_two_cases_have_unrelated_codes_of_128_bits(window: Browser, hall: Hall, guide: Guide):
    found = {codes.code_of(hall, take_in(window, guide)) for _ in range(5)}
    assert len(found) == 5
    assert all(code is not None and len(bytes.fromhex(code)) == 16 for code in found)


def test_an_administrator_prints_nothing(app: Shell, window: Browser, guide: Guide):
    case_id = take_in(window, guide)
    root = Browser(app.test_client()).sign_in("root")
    assert root.post(f"/notices/{case_id}/receipt").status_code == 403


def test_a_name_with_markup_is_printed_as_text(window: Browser, guide: Guide):
    case_id = take_in(window, guide, applicant_name="<script>alert(1)</script>")
    sheet = printed(window, case_id, "receipt")
    assert "<script>alert" not in sheet
    assert "&lt;script&gt;alert(1)" in sheet
