"""One effect for one form, however often it is sent."""

import re
import threading

import pytest

from tests.web.conftest import Browser
from web.once import once_field

FORM = {"name": "王小明", "once": "k" * 22}


def taken(database) -> int:
    return len(database.query("SELECT * FROM taken"))


def test_a_replayed_form_gets_the_same_address_and_causes_nothing(browser, database):
    browser.sign_in("li")

    first = browser.post("/windows", FORM)
    second = browser.post("/windows", FORM)

    assert first.status_code == second.status_code == 303
    assert first.location == second.location == "/windows?case=1"
    assert taken(database) == 1


def test_two_forms_are_two_cases(browser, database):
    browser.sign_in("li")

    browser.post("/windows", FORM)
    browser.post("/windows", {**FORM, "once": "m" * 22})

    assert taken(database) == 2


def test_a_double_click_is_one_case(hall, browser, database):
    browser.sign_in("li")
    data = {**FORM, "csrf": browser.token()}
    cookie = browser.client.get_cookie("onehall-test")
    assert cookie is not None
    answers = []
    together = threading.Barrier(8)

    def click():
        hand = Browser(hall.test_client())
        hand.client.set_cookie("onehall-test", cookie.value)
        together.wait()
        answers.append(hand.send("/windows", data, headers={"Origin": hand.site}))

    clicks = [threading.Thread(target=click) for _ in range(8)]
    for one in clicks:
        one.start()
    for one in clicks:
        one.join()

    assert {(answer.status_code, answer.location) for answer in answers} == {
        (303, "/windows?case=1")
    }
    assert taken(database) == 1


def test_another_persons_form_with_the_same_key_is_another_form(hall, browser, database):
    browser.sign_in("li")
    browser.post("/windows", FORM)
    administrator = Browser(hall.test_client())
    administrator.sign_in("root")
    administrator.post("/staff-accounts/wang/roles", {"roles": ["clerk"]})
    colleague = Browser(hall.test_client())
    colleague.sign_in("wang")

    colleague.post("/windows", FORM)

    assert taken(database) == 2


@pytest.mark.parametrize("key", ["", "short", "x" * 65, "k" * 20 + "'; DROP TABLE taken; --"])
def test_a_form_without_a_proper_key_is_refused(browser, database, key):
    browser.sign_in("li")

    assert browser.post("/windows", {**FORM, "once": key}).status_code == 400
    assert taken(database) == 0


def test_each_form_gets_a_key_of_its_own_and_keeps_it_when_shown_again():
    first, second = once_field(), once_field()
    key = re.search(r'value="([^"]+)"', first)

    assert first != second
    assert key is not None
    assert once_field(key.group(1)) == first


def test_keys_are_kept_for_a_week(browser, database, clock):
    browser.sign_in("li")
    browser.post("/windows", FORM)
    clock.turn(days=8)
    browser.sign_in("li")
    browser.post("/windows", {**FORM, "once": "m" * 22})

    assert len(database.query("SELECT * FROM web_answer")) == 1


def test_an_effect_that_fails_leaves_the_form_usable(browser, database):
    browser.sign_in("li")
    database.fill_disk()
    assert browser.post("/windows", {**FORM, "name": "x" * 100_000}).status_code == 507
    database.free_disk()

    assert browser.post("/windows", FORM).status_code == 303
    assert taken(database) == 1
