"""Signs of a wrong number: voided by two people, nothing is erased, the right person has them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from attendance.holders import Holding
from node.days import voids
from node.hall import Hall
from node.presence import holders, raw_punches
from standards.records import PunchVoided
from sync.storage.tables import records
from tests.node.duty import CHEN, FOUR, LI, TUESDAY, ZHANG, begin_duty, punch, results
from tests.node.hall import Browser, TurnableClock, how_many
from tests.node.test_day_pages import day_page, decide
from tests.node.test_raw_punches import told
from web.shell import Shell

ROOT = "T01-006"
FORM = {"belongs_to": LI, "reason": "37号是李大山，登记时写成了张小敏"}


@pytest.fixture
def on_duty(hall: Hall, app: Shell, clock: TurnableClock) -> Hall:
    begin_duty(hall, clock)
    return hall


def wrongly_said(hall: Hall) -> str:
    """37 is Li, and was said to be Zhang: four signs stand for the wrong person."""
    holders.say(hall, Holding("37", ZHANG, "", TUESDAY - timedelta(days=1), None), ROOT)
    raw_punches.take_in(hall, signs())
    (said,) = holders.all_said(hall)
    return said.id


def signs() -> list:
    def shown(text: str) -> str:
        return f"2026-11-24 {text}:00"

    minutes = [int(text[:2]) * 60 + int(text[3:]) - 510 for text in FOUR]
    return [told(minute=n, local_text=shown(t)) for n, t in zip(minutes, FOUR, strict=True)]


def test_signs_of_a_wrong_number_are_voided_by_two_people_and_become_the_right_persons(
    on_duty: Hall, office: Browser, administration: Browser
):
    number = wrongly_said(on_duty)
    assert [results(on_duty, who)[-1].status for who in (ZHANG, LI)] == ["normal", "absent"]
    page = f"/corrections/void?number={number}"
    office.sign_in("chen")
    assert "因此记下 <b>4</b> 次签到" in office.get(page).text
    assert office.post(page, FORM).status_code == 303
    # The list is right at once; the signs wait for another person, who is not the first one.
    assert [one.holding.staff_no for one in holders.all_said(on_duty)] == [LI]
    assert how_many(on_duty, "punch_voided") == 0
    assert decide(office, on_duty).status_code == 422
    administration.sign_in("root")
    assert decide(administration, on_duty, reason="与考勤机核对一致").status_code == 303
    wrong, right = results(on_duty, ZHANG)[-1], results(on_duty, LI)[-1]
    assert (wrong.status, wrong.change, wrong.revision) == ("absent", "voided", 2)
    assert wrong.old is not None and wrong.old.status == "normal"
    assert (right.status, right.revision) == ("normal", 2)
    assert how_many(on_duty, "punch") == 8
    (void, *_) = records(on_duty.db, PunchVoided)
    assert (void.asked_by, void.moved_to != "") == (CHEN, True)
    # The terminal sends all of it again.
    assert raw_punches.take_in(on_duty, signs()).duplicate == 4
    text = administration.get(day_page()).text
    assert "已作废" in text and "T01-005 提出、T01-006 同意作废" in text and FORM["reason"] in text
    assert "未签到" in administration.get("/presence?day=2026-11-24").text


def test_after_a_machine_died_voided_signs_stay_voided(
    on_duty: Hall, office: Browser, administration: Browser
):
    page = f"/corrections/void?number={wrongly_said(on_duty)}"
    office.sign_in("chen").post(page, FORM)
    assert decide(administration.sign_in("root"), on_duty).status_code == 303
    on_duty.db.execute("DROP TABLE raw_punch")
    on_duty.db.create(raw_punches.TABLES)
    assert raw_punches.take_in(on_duty, signs()).duplicate == 4
    assert results(on_duty, ZHANG)[-1].status == "absent"
    assert results(on_duty, LI)[-1].status == "normal"


def test_one_sign_is_voided_from_the_day_it_stands_on_and_asked_for_once(
    on_duty: Hall, office: Browser, administration: Browser
):
    ids = [punch(on_duty, moment) for moment in FOUR]
    elsewhere = punch(on_duty, "2026-11-25T08:50:00+08:00")
    assert results(on_duty)[-1].status == "normal"
    page = f"/corrections/void?staff_no={ZHANG}&day=2026-11-24&punch={ids[0]}"
    office.sign_in("chen")
    text = office.get(page).text
    assert f'value="{ids[0]}" checked' in text and elsewhere not in text
    for form, said in (
        ({"reason": "认错了人"}, "请勾选要作废的签到"),
        ({"punch": ids[0], "reason": " "}, "请写明理由"),
        ({"punch": ids[0], "reason": "认错了人", "belongs_to": LI}, "只能作废"),
        ({"punch": ids[0], "reason": "认错了人", "belongs_to": CHEN}, "涉及本人"),
        ({"punch": ids[0], "reason": "认错了人", "belongs_to": "T01-999"}, "没有这个工号"),
    ):
        answer = office.post(page, form)
        assert answer.status_code == 422 and said in answer.text
    form = {"punch": ids[0], "reason": "人脸认错，本人当天休假"}
    assert office.post(page, form).status_code == 303
    assert ids[0] in voids.spoken_for(on_duty) and ids[0] not in office.get(page).text
    administration.sign_in("root")
    assert decide(administration, on_duty, "0", "没有认错").status_code == 303
    assert results(on_duty)[-1].status == "normal"
    assert office.sign_in("chen").post(page, form).status_code == 303
    assert decide(administration.sign_in("root"), on_duty).status_code == 303
    *_, last = results(on_duty)
    assert (last.status, last.change) == ("absent_half", "voided")


def test_a_clerk_voids_nothing(on_duty: Hall, window: Browser):
    page = f"/corrections/void?staff_no={ZHANG}&day=2026-11-24"
    assert window.get(page).status_code == 403
    assert window.post(page, {"reason": "x"}).status_code == 403
