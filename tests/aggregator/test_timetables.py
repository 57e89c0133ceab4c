"""The center publishes hours for the days to come; what cannot be used is not published."""

from __future__ import annotations

from datetime import date, timedelta

from standards.packaged import packaged_text
from standards.timetables import books_in_force
from tests.aggregator.office import Office, fresh_key

TEXT = packaged_text("timetables.toml")
LATER = TEXT.replace('by = "09:00", until = "11:00"', 'by = "08:45", until = "11:00"')


def publish(office: Office, text: str, since: date, login: str = "fabu", once: str | None = None):
    form = {"rules": text, "since": since.isoformat()}
    return office.person(login).post("/standards/timetables", form, once=once)


def tomorrow(office: Office) -> date:
    return office.center.clock.today() + timedelta(days=1)


def test_published_hours_hold_from_their_day_on_and_are_shown_in_words(office: Office):
    assert "第1版" in office.person("duizhang").text("/standards/timetables")
    day, key = tomorrow(office), fresh_key()
    assert {publish(office, LATER, day, once=key).status_code for _ in range(2)} == {303}
    (_, first), (since, second) = office.center.shelf().timetables
    assert (first.version, second.version, since) == (1, 2, day)
    assert second.by_code()["four"].seasons[0].slots[0].due == 8 * 60 + 45
    page = office.person("duizhang").text("/standards/timetables")
    assert "上午签到 08:45" in page and "第2版" in page


def test_hours_that_cannot_be_used_or_reach_back_are_not_published(office: Office):
    day = tomorrow(office)
    broken = ("", "version = 1", TEXT.replace('by = "09:00"', 'by = "07:00"'), TEXT + "#" * 20_000)
    assert [publish(office, text, day).status_code for text in broken] == [422] * 4
    assert publish(office, LATER, day - timedelta(days=1)).status_code == 422
    assert publish(office, LATER, day, login="qicao").status_code == 403
    assert len(office.center.shelf().timetables) == 1


def test_hours_for_a_later_program_are_passed_over():
    day = date(2027, 1, 1)
    newer = TEXT.replace("version = 1", 'version = 1\nsomething_new = "?"', 1)
    assert [book.version for _, book in books_in_force([(3, day, newer)])] == [1]
    assert [book.version for _, book in books_in_force([(2, day, LATER), (3, day, newer)])] == [
        1,
        2,
    ]
