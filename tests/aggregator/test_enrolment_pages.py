"""An administrator registers a hall, hands over a code, and decides after the call."""

import re

from aggregator.halls import roster
from aggregator.halls.enrolment import groups
from tests.aggregator.office import Office, fresh_key

CODE = re.compile(r'big-code">([A-Z0-9]{5}) ([A-Z0-9]{5})<')


def asked(office: Office, hall: str = "T01") -> str:
    """A request as the roster keeps it while it waits for the telephone."""
    office.center.db.execute(
        "INSERT INTO enrolment (id, hall, request, mac_key, digits, state, asked_at, decided_at,"
        " decided_by) VALUES ('e-1', :hall, 'text', :key, :digits, 'pending', :at, '', '')",
        hall=hall,
        key=b"key",
        digits="123450987611223344556677889900",
        at=office.center.clock.stamp(),
    )
    return "e-1"


def state(office: Office) -> tuple[str, str]:
    (one,) = roster.pending(office.center)
    return one.state, one.decided_by


def test_a_hall_is_registered_with_its_id_and_name(office: Office):
    data = {"hall": "t03", "name": "社保分厅"}
    assert office.person("guanli").post("/enrolment", data).status_code == 303
    assert "社保分厅" in office.person("guanli").text("/enrolment")
    assert [hall.hall for hall in roster.halls(office.center)] == ["T01", "T02", "T03"]


def test_a_wrong_or_taken_hall_id_is_told_at_its_field(office: Office):
    for hall, said in (("1", "以字母开头"), ("T01", "已经登记过"), ("", "以字母开头")):
        refused = office.person("guanli").post("/enrolment", {"hall": hall, "name": "某分厅"})
        assert refused.status_code == 422
        assert said in refused.text
    refused = office.person("guanli").post("/enrolment", {"hall": "T09", "name": "长" * 61})
    assert refused.status_code == 422


def test_a_code_is_shown_once_and_stands_in_no_table(office: Office):
    key = fresh_key()
    first = office.person("guanli").post("/enrolment/T01/code", once=key)
    shown = CODE.search(first.text)
    assert shown is not None
    code = shown.group(1) + shown.group(2)
    assert code not in str(office.center.db.query("SELECT * FROM enrolment_code"))
    again = office.person("guanli").post("/enrolment/T01/code", once=key)
    assert again.status_code == 303
    assert code not in office.person("guanli").text("/enrolment")


def test_an_unknown_hall_gets_no_code(office: Office):
    assert office.person("guanli").post("/enrolment/T99/code").status_code == 404


def test_the_thirty_digits_stand_in_six_groups_of_five(office: Office):
    asked(office)
    shown = office.person("guanli").text("/enrolment")
    for group in ("12345", "09876", "11223", "34455", "66778", "89900"):
        assert f">{group}</span>" in shown
    assert groups("12345 09876\n11223 34455 66778 89900")[5] == "89900"


def test_approval_needs_the_word_that_the_digits_were_compared(office: Office):
    request = asked(office)
    refused = office.person("guanli").post(f"/enrolment/requests/{request}/approve")
    assert refused.status_code == 422
    assert "电话核对30位数字" in refused.text
    assert state(office) == ("pending", "")


def test_a_refusal_names_who_refused_and_stands(office: Office):
    request = asked(office)
    assert office.person("guanli").post(f"/enrolment/requests/{request}/refuse").status_code == 303
    assert state(office) == ("refused", "Z006")
    data = {"compared": "1"}
    again = office.person("guanli").post(f"/enrolment/requests/{request}/approve", data)
    assert again.status_code == 422
    assert "已经处理过" in again.text


def test_nobody_but_an_administrator_enrols_halls(office: Office):
    request = asked(office)
    for login in ("duizhang", "ducha", "fabu"):
        person = office.person(login)
        assert person.get("/enrolment").status_code == 403
        assert person.post("/enrolment/T01/code").status_code == 403
        data = {"compared": "1"}
        path = f"/enrolment/requests/{request}/approve"
        assert person.post(path, data).status_code == 403
    assert state(office) == ("pending", "")
