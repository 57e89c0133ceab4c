"""Cases of all halls: found by what is not personal, shown masked, proven in the log."""

from datetime import date

import pytest
from msgspec import structs

from standards.records import CalendarPublished
from standards.workdays import CalendarYear
from tests.aggregator.office import Office, a_case, a_punch, a_step

PERSONAL = ("赵小明", "11010519491231002X", "13812345678")


def a_decided_case(office: Office, hall: str = "T01", number: str = "T01-20261124A0001X7") -> str:
    item = sorted(office.center.shelf().latest)[0]
    case = office.hall_writes(hall, a_case(item, number)).leaf.id
    office.hall_writes(hall, a_step(case, "accepted", opinion="材料齐全,申请人赵小明到场"))
    office.hall_writes(hall, a_step(case, "decided", outcome="granted"), actor="T01-002")
    return case


def test_the_list_masks_the_applicant(furnished: Office):
    a_decided_case(furnished)
    shown = furnished.person("duizhang").text("/cases")
    assert "赵**" in shown
    assert not [text for text in PERSONAL if text in shown]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("number=a0001x7", True),
        ("number=A0002", False),
        ("number=%25", False),
        ("number=_", False),
        ("hall=T01", True),
        ("hall=T02", False),
        ("hall=T99", False),
        ("stage=decided", True),
        ("stage=received", False),
        ("stage=nonsense", False),
    ],
)
def test_cases_are_found_by_number_hall_and_stage(furnished: Office, query: str, found: bool):
    a_decided_case(furnished)
    shown = furnished.person("duizhang").text(f"/cases?{query}")
    assert ("/cases/T01/" in shown) is found


def test_cases_are_found_by_item(furnished: Office):
    a_decided_case(furnished)
    first, second = sorted(furnished.center.shelf().latest)[:2]
    assert "/cases/T01/" in furnished.person("ducha").text(f"/cases?item={first}")
    assert "/cases/T01/" not in furnished.person("ducha").text(f"/cases?item={second}")


def test_the_page_of_a_case_shows_steps_and_log_position_without_personal_data(furnished: Office):
    case = a_decided_case(furnished)
    origin = "c.example/T01/1"
    furnished.center.logs.keep_receipt(origin, 2, furnished.center.cosigner.name, b"note")
    shown = furnished.person("duizhang").text(f"/cases/T01/{case}")
    assert "审批决定" in shown
    assert origin in shown
    assert "到 2 条" in shown
    assert "尚无回执" in shown
    assert not [text for text in PERSONAL if text in shown]


def test_a_provisional_due_date_is_shown_anew_when_the_calendar_is_published(furnished: Office):
    guides = furnished.center.shelf().current()
    item = next(g.item for g in guides if g.legal_limit.label == "60个自然日")
    case = furnished.hall_writes("T01", a_case(item)).leaf.id
    dues = {"legal_due": date(2027, 1, 25), "promised_due": date(2026, 12, 14)}
    furnished.hall_writes("T01", a_step(case, "accepted", **dues, provisional=True))
    shown = furnished.person("duizhang").text(f"/cases/T01/{case}")
    assert "2027-01-25 暂定" in shown
    assert "2026-12-14 暂定" not in shown
    off = tuple(date(2027, 1, day) for day in (1, 2, 3, 25))
    made = CalendarYear(year=2027, days_off=off, working_days=(), source="国办发明电")
    with furnished.center.db.transaction():
        furnished.center.publish(
            CalendarPublished(year=2027, version=1, calendar=made), actor="C-004"
        )
    shown = furnished.person("duizhang").text(f"/cases/T01/{case}")
    assert "2027-01-26" in shown
    assert "暂定" not in shown


def test_a_person_is_shown_in_full_for_a_reason_that_is_kept(furnished: Office):
    case = a_decided_case(furnished)
    path = f"/cases/T01/{case}/reveal"
    refused = furnished.person("ducha").post(path, {"reason": " "})
    assert refused.status_code == 422
    assert "赵小明" not in refused.text

    shown = furnished.person("ducha").post(path, {"reason": "核实投诉"})
    assert shown.status_code == 200
    assert not [text for text in PERSONAL if text not in shown.text]
    (kept,) = furnished.center.db.query("SELECT actor, case_id, reason FROM reveal")
    assert (kept["actor"], kept["case_id"], kept["reason"]) == ("Z005", case, "核实投诉")
    assert "赵小明" not in furnished.person("ducha").text(f"/cases/T01/{case}")


def test_a_reconciler_cannot_see_a_person_in_full(furnished: Office):
    case = a_decided_case(furnished)
    answer = furnished.person("duizhang").post(f"/cases/T01/{case}/reveal", {"reason": "看看"})
    assert answer.status_code == 403
    assert furnished.center.db.query("SELECT * FROM reveal") == []


def test_an_unknown_case_or_hall_has_no_page(furnished: Office):
    case = a_decided_case(furnished)
    person = furnished.person("ducha")
    assert person.get("/cases/T02/" + case).status_code == 404
    assert person.get("/cases/T01/none").status_code == 404
    assert person.post("/cases/T01/none/reveal", {"reason": "核实投诉"}).status_code == 404


def test_an_erased_person_leaves_the_case_readable(furnished: Office):
    case = a_decided_case(furnished)
    furnished.center.logs.parts.erase("c.example/T01/1", 0, 1_000)
    assert "审批决定" in furnished.person("ducha").text(f"/cases/T01/{case}")
    assert "赵" not in furnished.person("ducha").text("/cases")


def test_the_punches_of_a_day_are_listed_by_hall(office: Office):
    office.hall_writes("T01", a_punch("T01-001", "2026-11-24T08:25:00+08:00"))
    office.hall_writes("T02", a_punch("T02-001", "2026-11-24T23:59:59+08:00", "pin", "C"), "T02-1")
    office.hall_writes("T01", a_punch("T01-009", "2026-11-23T23:59:59+08:00"))
    shown = office.person("ducha").text("/presence")
    assert "T01-001" in shown
    assert "T02-001" in shown
    assert "T01-009" not in shown
    only = office.person("ducha").text("/presence?hall=T02&day=2026-11-24")
    assert "T01-001" not in only
    assert "C 口令" in only
    assert "T01-009" in office.person("ducha").text("/presence?day=2026-11-23")
    assert office.person("ducha").get("/presence?day=morgen").status_code == 200


@pytest.mark.parametrize(
    ("login", "heading"),
    [("duizhang", "对账"), ("qicao", "标准"), ("ducha", "督查"), ("guanli", "分厅登记")],
)
def test_the_start_page_shows_what_waits_for_the_role(furnished: Office, login: str, heading: str):
    assert f"<h2>{heading}</h2>" in furnished.person(login).text("/")


def test_a_case_of_an_outdated_guide_says_which_version_is_in_force(furnished: Office):
    shelf = furnished.center.shelf()
    item = sorted(shelf.latest)[0]
    case = furnished.hall_writes("T01", a_case(item)).leaf.id
    assert "旧版" not in furnished.person("duizhang").text(f"/cases/T01/{case}")
    published = shelf.guides[item, 1]
    newer = structs.replace(published, version=2, guide=structs.replace(published.guide, version=2))
    furnished.center.publish(newer, actor="Z004")
    shown = furnished.person("duizhang").text(f"/cases/T01/{case}")
    assert "第 1 版" in shown and "旧版，现行第 2 版" in shown
