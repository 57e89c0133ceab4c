"""The window: finding an item, taking a case in, accepting it or saying once what is missing."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import msgspec
import pytest

from node.cases import casebook
from node.hall import Hall
from standards.guides import Guide
from standards.records import CaseReceived, StaffMember
from tests.node.hall import (
    ORGANISATION,
    PERSON,
    Browser,
    complete,
    errors_of,
    fill_disk,
    how_many,
    publish,
    published,
    take_in,
)
from web.shell import Shell


def names_found(browser: Browser, **asked: str) -> list[str]:
    text = browser.get("/windows", query_string=asked).text
    return re.findall(r"<b>([^<]+)</b></a> <small>", text)


@pytest.fixture
def all_items(hall: Hall, catalogue: tuple[Guide, ...]) -> None:
    with hall.db.transaction():
        here = {guide.item for guide in hall.shelf().current()}
        publish(hall, *(published(guide) for guide in catalogue if guide.item not in here))


@pytest.mark.usefixtures("all_items")
def test_a_word_of_two_characters_finds_every_item_that_has_it(window: Browser, catalogue):
    wanted = {g.task_name for g in catalogue if "登记" in g.task_name}
    assert len(wanted) > 3
    assert set(names_found(window, q="登记")[: len(wanted)]) == wanted


@pytest.mark.usefixtures("all_items")
def test_pinyin_initials_find_an_item(window: Browser):
    found = names_found(window, q="sfz")
    assert found
    assert all("身份证" in name for name in found)


@pytest.mark.usefixtures("all_items")
def test_department_and_class_narrow_what_is_found(window: Browser, catalogue):
    department = catalogue[0].department
    of_department = {g.task_name for g in catalogue if g.department == department}
    assert set(names_found(window, department=department)) == of_department
    commerce = {g.task_name for g in catalogue if g.item_class == "commerce"}
    assert set(names_found(window, **{"class": "commerce"})) == commerce


@pytest.mark.parametrize("words", ["%", "_", "' OR 1=1 --", "没有这样的事项", "\x00"])
def test_nothing_but_the_words_themselves_is_looked_for(window: Browser, words: str):
    assert names_found(window, q=words) == []


def test_a_new_standard_is_found_at_once(window: Browser, hall: Hall, guide: Guide):
    publish(hall, published(msgspec.structs.replace(guide, version=2, task_name="全新事项名称")))
    assert names_found(window, q="qxsx") == ["全新事项名称"]


def test_a_complete_case_is_taken_in_and_accepted_in_one_step(
    window: Browser, hall: Hall, guide: Guide
):
    case_id = take_in(window, guide)
    page = window.get(f"/cases/{case_id}?done=accept").text
    assert re.search(r"T01-20261124A0001[2-9A-Z]{2}", page)
    case = casebook.standing_of(hall, case_id)
    assert case is not None
    assert (case.stage, case.accepted_on, case.accepted_by) == (
        "accepted",
        date(2026, 11, 24),
        "T01-001",
    )
    assert str(case.legal_due) in page
    assert str(case.promised_due) in page


def test_the_case_keeps_its_guide_version_and_the_number_in_its_normal_form(
    window: Browser, hall: Hall, guide: Guide
):
    case_id = take_in(window, guide)
    kept = hall.read(CaseReceived, case_id)
    assert kept is not None
    assert kept.guide_version == guide.version
    assert (kept.paper_no, kept.mobile) == ("11010519491231002X", "13800138000")
    assert kept.materials == tuple(complete(guide))


def test_the_number_carries_two_characters_of_the_random_id(
    window: Browser, hall: Hall, guide: Guide
):
    tails = {
        casebook.standing_of(hall, take_in(window, guide)).case_no[-2:]  # type: ignore[union-attr]
        for _ in range(6)
    }
    assert len(tails) > 1


def test_an_organisation_applies_with_its_credit_code(window: Browser, hall: Hall, guide: Guide):
    case_id = take_in(window, guide, **ORGANISATION)
    kept = hall.read(CaseReceived, case_id)
    assert kept is not None
    assert (kept.paper_kind, kept.paper_no) == ("USCC", "91110000600037341L")


def test_what_is_missing_is_said_once_and_wholly(window: Browser, hall: Hall, guide: Guide):
    first, *rest = complete(guide)
    case_id = take_in(window, guide, "notify", materials=[first])
    case = casebook.standing_of(hall, case_id)
    assert case is not None
    assert (case.stage, case.missing, case.notices) == ("notified", tuple(rest), 1)


def test_only_taking_in_leaves_the_case_open_with_its_last_day_for_a_notice(
    window: Browser, hall: Hall, guide: Guide
):
    case_id = take_in(window, guide, "receive", materials=[])
    case = casebook.standing_of(hall, case_id)
    assert case is not None
    assert case.stage == "received"
    assert "2026年12月1日" in window.get(f"/cases/{case_id}").text


def test_the_window_of_the_clerk_stands_in_the_case(window: Browser, hall: Hall, guide: Guide):
    hall.write(StaffMember(staff_no="T01-001", window="3", name="测试"), actor="T01-006")
    case_id = take_in(window, guide)
    kept = hall.read(CaseReceived, case_id)
    assert kept is not None
    assert kept.window == "3"


# --- what a clerk can get wrong -----------------------------------------------------------------

WRONG: dict[str, tuple[dict[str, str | list[str]], str]] = {
    "a wrong check digit": ({"paper_no": "110105194912310021"}, "校验位不符"),
    "a wrong credit code": (
        {**ORGANISATION, "paper_no": "91110000600037341M"},
        "校验位不符",
    ),
    "a birth date after today": ({"paper_no": "110105203001010018"}, "晚于今天"),
    "an old card": ({"paper_no": "110105491231002"}, "15位"),
    "no name": ({"applicant_name": "   "}, "请填写申请人"),
    "a wrong mobile number": ({"mobile": "12345"}, "11位数字"),
    "an unknown kind of paper": ({"paper_kind": "999"}, "不认识的证件类型"),
    "a credit code for a person": ({"paper_kind": "USCC"}, "不认识的证件类型"),
    "an over-long text": ({"subject": "长" * 2001}, "最多 2000 个字"),
    "an over-long name": ({"applicant_name": "长" * 201}, "最多 200 个字"),
    "a control character": ({"address": "路\x00号"}, "控制字符"),
    "an unknown material": ({"materials": ["M-none"]}, "指南中没有这些材料"),
    "an unknown kind of applicant": ({"applicant_kind": "robot"}, "从列表中选择"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_mistake_is_said_in_chinese_and_nothing_is_written(
    window: Browser, hall: Hall, guide: Guide, case: str
):
    changed, message = WRONG[case]
    form = {**PERSON, "wish": "receive", "materials": complete(guide), **changed}
    answer = window.post(f"/windows/{guide.item}", form)
    assert answer.status_code == 422
    assert message in errors_of(answer.text)
    assert hall.state().size == 0


def test_every_mistake_is_said_at_once_and_the_form_keeps_what_was_typed(
    window: Browser, guide: Guide
):
    form = {**PERSON, "applicant_name": "", "paper_no": "1", "mobile": "2", "wish": "accept"}
    answer = window.post(f"/windows/{guide.item}", form)
    said = errors_of(answer.text)
    for message in ("请填写申请人", "身份证号码应为18位", "手机号码应为11位", "缺少必要材料"):
        assert message in said
    assert PERSON["subject"] in answer.text


def test_a_missing_material_is_named_and_the_case_is_not_accepted(
    window: Browser, hall: Hall, guide: Guide
):
    first, *rest = complete(guide)
    form = {**PERSON, "wish": "accept", "materials": [first]}
    answer = window.post(f"/windows/{guide.item}", form)
    assert answer.status_code == 422
    names = [m.material_name for m in guide.materials if m.code in rest]
    assert all(name in errors_of(answer.text) for name in names)
    assert hall.state().size == 0


def test_an_unknown_item_is_refused_with_what_to_do(window: Browser, hall: Hall):
    for answer in (
        window.get("/windows/NONE-1"),
        window.post("/windows/NONE-1", {**PERSON, "wish": "receive"}),
    ):
        assert answer.status_code == 422
        assert "没有这个事项" in answer.text
    assert hall.state().size == 0


def test_a_closed_item_is_refused(window: Browser, hall: Hall, guide: Guide):
    closed = msgspec.structs.replace(guide, version=2, closed_from=date(2026, 11, 24))
    publish(hall, published(closed))
    form = {**PERSON, "wish": "accept", "materials": complete(guide)}
    answer = window.post(f"/windows/{guide.item}", form)
    assert answer.status_code == 422
    assert "停止收件" in errors_of(answer.text)
    assert hall.state().size == 0


def test_a_guide_that_changed_under_the_clerk_is_shown_before_anything_is_written(
    window: Browser, hall: Hall, guide: Guide
):
    publish(hall, published(msgspec.structs.replace(guide, version=2)))
    form = {**PERSON, "wish": "receive", "guide_version": "1"}
    answer = window.post(f"/windows/{guide.item}", form)
    assert answer.status_code == 422
    assert "第2版" in errors_of(answer.text)
    assert hall.state().size == 0


@pytest.mark.parametrize("wish", ["", "decide", "accept\n"])
def test_a_button_that_does_not_exist_does_nothing(
    window: Browser, hall: Hall, guide: Guide, wish: str
):
    assert window.post(f"/windows/{guide.item}", {**PERSON, "wish": wish}).status_code == 400
    assert hall.state().size == 0


def test_a_form_of_ten_megabytes_is_refused_before_it_is_read(
    window: Browser, hall: Hall, guide: Guide
):
    answer = window.post(f"/windows/{guide.item}", {**PERSON, "subject": "x" * 10_000_000})
    assert answer.status_code == 413
    assert "太大" in answer.text
    assert hall.state().size == 0


@pytest.mark.parametrize("login", ["wang", "chen", "root"])
def test_only_a_clerk_takes_cases_in(app: Shell, hall: Hall, guide: Guide, login: str):
    other = Browser(app.test_client()).sign_in(login)
    answer = other.post(f"/windows/{guide.item}", {**PERSON, "wish": "receive"})
    assert answer.status_code == 403
    assert "窗口人员" in answer.text
    assert hall.state().size == 0


def test_nobody_takes_a_case_in_without_signing_in(app: Shell, hall: Hall, guide: Guide):
    stranger = Browser(app.test_client())
    assert stranger.send(f"/windows/{guide.item}", PERSON).status_code == 401
    assert hall.state().size == 0


# --- once, and only once ------------------------------------------------------------------------


def test_a_double_click_on_accept_makes_one_case(window: Browser, hall: Hall, guide: Guide):
    form = {**PERSON, "wish": "accept", "materials": complete(guide), "once": "k" * 22}
    first = window.post(f"/windows/{guide.item}", form)
    again = window.post(f"/windows/{guide.item}", form)
    assert first.status_code == again.status_code == 303
    assert first.location == again.location
    assert how_many(hall, "case_received") == 1
    assert how_many(hall, "case_step") == 1


def test_two_clicks_at_the_same_moment_make_one_case(app: Shell, hall: Hall, guide: Guide):
    window = Browser(app.test_client()).sign_in("li")
    form = {**PERSON, "wish": "accept", "materials": complete(guide), "once": "d" * 22}
    form["csrf"] = window.token()
    cookie = window.client.get_cookie("onehall-t01")
    assert cookie is not None

    def click(_: int) -> str:
        client = app.test_client()
        client.set_cookie("onehall-t01", cookie.value)
        return str(Browser(client).send(f"/windows/{guide.item}", form).location)

    with ThreadPoolExecutor(4) as pool:
        places = list(pool.map(click, range(4)))
    assert len(set(places)) == 1
    assert how_many(hall, "case_received") == 1


def test_a_form_sent_again_days_later_makes_no_second_case(
    app: Shell, window: Browser, hall: Hall, guide: Guide, clock
):
    form = {**PERSON, "wish": "accept", "materials": complete(guide), "once": "r" * 22}
    first = window.post(f"/windows/{guide.item}", form)
    clock.turn(days=2)
    later = Browser(app.test_client()).sign_in("li")
    assert later.post(f"/windows/{guide.item}", form).location == first.location
    assert how_many(hall, "case_received") == 1


def test_a_form_without_a_key_of_ours_is_refused(window: Browser, hall: Hall, guide: Guide):
    answer = window.post(f"/windows/{guide.item}", {**PERSON, "wish": "receive", "once": ""})
    assert answer.status_code == 400
    assert hall.state().size == 0


def test_sixty_fast_submissions_of_two_clerks_have_sixty_numbers(
    app: Shell, hall: Hall, guide: Guide
):
    browsers = [Browser(app.test_client()).sign_in(login) for login in ("li", "zhao")]

    def work(browser: Browser) -> list[str]:
        return [take_in(browser, guide) for _ in range(30)]

    with ThreadPoolExecutor(2) as pool:
        ids = [case_id for found in pool.map(work, browsers) for case_id in found]
    rows = hall.db.query("SELECT case_no FROM case_received")
    numbers = [str(row["case_no"]) for row in rows]
    assert len(set(ids)) == len(set(numbers)) == 60
    serials = sorted(int(number[-6:-2]) for number in numbers)
    assert serials == list(range(1, 61))
    assert hall.logs.verify(hall.origin) is None


# --- a full disk --------------------------------------------------------------------------------


def test_a_full_disk_refuses_before_a_number_is_given_and_reading_goes_on(
    window: Browser, hall: Hall, guide: Guide
):
    case_id = take_in(window, guide)
    fill_disk(hall)
    form = {**PERSON, "wish": "accept", "materials": complete(guide), "subject": "满" * 2000}
    answers = [window.post(f"/windows/{guide.item}", form) for _ in range(5)]
    refused = [answer for answer in answers if answer.status_code == 507]
    assert refused
    assert "磁盘已满" in refused[0].text
    taken = sum(answer.status_code == 303 for answer in answers)
    assert how_many(hall, "case_received") == 1 + taken
    assert how_many(hall, "case_code") == 1 + taken
    assert window.get(f"/cases/{case_id}").status_code == 200
    assert window.get("/cases").status_code == 200
    assert hall.logs.verify(hall.origin) is None


def test_after_a_full_disk_the_next_number_follows_the_last_one(
    window: Browser, hall: Hall, guide: Guide
):
    fill_disk(hall)
    form = {**PERSON, "wish": "accept", "materials": complete(guide), "subject": "满" * 2000}
    while window.post(f"/windows/{guide.item}", form).status_code != 507:
        pass
    before = how_many(hall, "case_received")
    hall.db.limit_pages(1_000_000)
    case_id = take_in(window, guide)
    case = casebook.standing_of(hall, case_id)
    assert case is not None
    assert case.case_no[-6:-2] == f"{before + 1:04}"
