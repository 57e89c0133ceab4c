"""A hall that says nothing for too long is an alarm, wherever people of the office look."""

from __future__ import annotations

from dataclasses import replace

from aggregator.halls import roster
from aggregator.halls.silence import silent_halls
from sync.contact import messages
from tests.aggregator.intake_desk import Asker, Desk
from tests.aggregator.office import Office


def spoke(desk: Desk, hall: str) -> None:
    asker = desk.halls[hall]
    assert desk.round(asker, messages.write(asker.ask())).status_code == 200


def test_a_hall_is_an_alarm_after_the_hours_that_were_set(desk: Desk):
    center = desk.center
    desk.admit(Asker("T02"))
    spoke(desk, "T01")
    desk.hands.turn(hours=24)
    assert silent_halls(center, center.clock.now()) == []
    desk.hands.turn(minutes=1)
    spoke(desk, "T02")
    late = silent_halls(center, center.clock.now())
    assert [(one.hall, one.words) for one in late] == [("T01", "24小时")]
    desk.hands.turn(days=3)
    late = silent_halls(center, center.clock.now())
    assert [(one.hall, one.words) for one in late] == [("T01", "4天"), ("T02", "3天")]
    center.settings = replace(center.settings, silent_hours=200)
    assert silent_halls(center, center.clock.now()) == []


def test_a_hall_that_was_admitted_and_never_spoke_counts_too_and_one_without_keys_does_not(
    desk: Desk,
):
    roster.register_hall(desk.center, "T09", "没有机器的分厅")
    desk.hands.turn(hours=30)
    late = silent_halls(desk.center, desk.center.clock.now())
    assert [one.hall for one in late] == ["T01"]


def test_the_alarm_stands_above_every_page_on_the_start_page_and_on_the_overview(desk: Desk):
    office = Office(desk.center, desk.app, desk.hands)
    spoke(desk, "T01")
    assert "失联：" not in office.person("guanli").text("/")
    desk.hands.turn(hours=49)
    fresh = Office(desk.center, desk.app, desk.hands)
    person = fresh.person("duizhang")
    for path in ("/", "/halls", "/findings"):
        assert "1个分厅失联：T01分厅，最长已2天没有联系" in person.text(path)
    assert '失联</span><b class="tile-value">1</b>' in person.text("/").replace("\n", "")
    assert "失联2天" in person.text("/halls")
    assert "失联：" not in fresh.person("qicao").text("/")


def test_healthz_names_the_silent_halls_and_stays_well_so_that_the_others_reach_the_center(
    desk: Desk,
):
    def told() -> tuple[int, str]:
        answer = desk.app.test_client().get("/healthz", base_url="http://localhost")
        assert answer.json is not None
        return answer.status_code, answer.json["checks"]["halls"]["reason"]

    desk.admit(Asker("T02"))
    spoke(desk, "T01")
    spoke(desk, "T02")
    assert told() == (200, "no hall is silent")
    desk.hands.turn(hours=25)
    spoke(desk, "T02")
    assert told() == (200, "silent for more than 24 h: T01")
