"""The center publishes the table of leave rules; what cannot be used is not published."""

from __future__ import annotations

from standards.leave_rules import packaged_rules, rules_in_force
from standards.packaged import packaged_text
from tests.aggregator.office import Office, fresh_key

TEXT = packaged_text("leave.toml")
SHORTER = TEXT.replace("days = 98", "days = 158")


def publish(office: Office, text: str, login: str = "fabu", once: str | None = None):
    return office.person(login).post("/standards/leave-rules", {"rules": text}, once=once)


def test_a_published_table_is_in_force_and_shown_in_words(office: Office):
    assert "第1版" in office.person("duizhang").text("/standards/leave-rules")
    assert publish(office, SHORTER).status_code == 303
    rules = office.center.shelf().leave_rules
    assert (rules.version, rules.ground_of("maternity", "birth").days) == (2, 158)
    page = office.person("duizhang").text("/standards/leave-rules")
    assert "158天" in page and "第2版" in page and "女职工劳动保护特别规定" in page


def test_a_table_that_cannot_be_read_or_does_not_fit_is_shown_again_and_not_published(
    office: Office,
):
    for broken in ("", "version = 1", TEXT.replace('above = "leader"', 'above = "nobody"'),
                   TEXT.replace('midday = "12:30"', 'midday = "noon"'),
                   TEXT.replace('"13:00-17:00"', '"11:00-17:00"'),
                   TEXT.replace('only_on = "03-08"', 'only_on = "3-8"'),
                   TEXT + "#" * 20_000):  # fmt: skip
        answer = publish(office, broken)
        assert answer.status_code == 422, broken[:40]
    assert office.center.shelf().leave_rules == packaged_rules()


def test_only_the_publisher_publishes_and_a_double_click_makes_one_version(office: Office):
    assert publish(office, SHORTER, login="qicao").status_code == 403
    key = fresh_key()
    assert {publish(office, SHORTER, once=key).status_code for _ in range(2)} == {303}
    assert office.center.shelf().leave_rules.version == 2
    assert publish(office, SHORTER).status_code == 422


def test_a_table_for_a_later_program_is_passed_over():
    newer = TEXT.replace("version = 1", 'version = 1\nsomething_new = "?"', 1)
    assert rules_in_force([(2, SHORTER), (3, newer)]).version == 2
    assert rules_in_force([(3, newer)]) == rules_in_force([]) == packaged_rules()
