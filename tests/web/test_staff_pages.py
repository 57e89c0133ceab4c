"""The administrator's pages of staff accounts."""

import re

import pytest

from tests.web.conftest import Browser

NEW = {
    "login": "zhang.min",
    "staff_no": "C007",
    "display_name": "张敏",
    "roles": ["clerk", "reviewer"],
    "once": "n" * 20,
}


@pytest.fixture
def administrator(hall) -> Browser:
    browser = Browser(hall.test_client())
    browser.sign_in("root")
    return browser


def first_password(page: str) -> str:
    found = re.search(r'class="big-code">([^<]+)<', page)
    assert found is not None
    return found.group(1)


def test_a_new_account_gets_a_first_password_that_is_shown_once(administrator, browser):
    created = administrator.post("/staff-accounts", NEW)
    password = first_password(created.text)

    again = administrator.post("/staff-accounts", NEW)
    assert again.status_code == 303
    assert password not in administrator.get("/staff-accounts/zhang.min").text

    assert browser.sign_in("zhang.min", password).status_code == 303
    assert browser.get("/windows").location == "/password"


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("login", "张敏", "登录名为 2 至 32 位"),
        ("login", "li", "已经有人使用"),
        ("staff_no", "", "请填写工号"),
        ("display_name", "", "请填写姓名"),
        ("display_name", "张\n敏", "请填写姓名"),
        ("roles", [], "请至少选择一个岗位"),
        ("roles", ["king"], "请至少选择一个岗位"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_saved(
    administrator, database, field, value, message
):
    answer = administrator.post("/staff-accounts", {**NEW, field: value})

    assert answer.status_code == 422
    assert message in answer.text
    assert len(database.query("SELECT * FROM web_account")) == 3


def test_all_wrong_fields_are_shown_at_once(administrator):
    answer = administrator.post("/staff-accounts", {"once": "n" * 20})

    assert "有 4 处需要修改" in answer.text


def test_a_corrected_form_keeps_its_key_so_that_a_double_click_still_counts_once(administrator):
    wrong = administrator.post("/staff-accounts", {**NEW, "login": ""})

    assert f'name="once" value="{NEW["once"]}"' in wrong.text
    assert administrator.post("/staff-accounts", NEW).status_code == 200
    assert administrator.post("/staff-accounts", NEW).status_code == 303


def test_other_roles_hold_from_the_next_request_on(administrator, browser):
    browser.sign_in("li")
    assert browser.get("/review").status_code == 403

    administrator.post("/staff-accounts/li/roles", {"roles": ["reviewer"]})

    assert browser.get("/review").status_code == 200
    assert browser.get("/windows").status_code == 403


def test_a_closed_account_is_out_at_once_and_comes_back_when_opened(administrator, browser):
    browser.sign_in("li")

    administrator.post("/staff-accounts/li/disable")
    assert browser.get("/windows").status_code == 401
    assert "已停用" in administrator.get("/staff-accounts").text

    administrator.post("/staff-accounts/li/enable")
    assert browser.sign_in("li").status_code == 303


def test_an_administrator_cannot_lock_herself_out(administrator):
    assert administrator.post("/staff-accounts/root/disable").status_code == 422
    lost = administrator.post("/staff-accounts/root/roles", {"roles": ["clerk"]})
    assert lost.status_code == 422
    assert administrator.get("/staff-accounts").status_code == 200


def test_a_reset_password_works_once_and_ends_the_sessions(administrator, browser):
    browser.sign_in("li")

    reset = administrator.post("/staff-accounts/li/reset-password", {"once": "r" * 20})

    assert browser.get("/windows").status_code == 401
    assert browser.sign_in("li").status_code == 422
    assert browser.sign_in("li", first_password(reset.text)).status_code == 303


def test_a_reset_that_is_sent_twice_resets_once(administrator, browser):
    reset = administrator.post("/staff-accounts/li/reset-password", {"once": "r" * 20})
    again = administrator.post("/staff-accounts/li/reset-password", {"once": "r" * 20})

    assert again.status_code == 303
    assert browser.sign_in("li", first_password(reset.text)).status_code == 303


def test_a_locked_name_is_shown_and_unlocked(administrator, browser):
    for _ in range(5):
        browser.sign_in("li", "wrong-again")
    assert "已锁定" in administrator.get("/staff-accounts").text
    assert browser.sign_in("li").status_code == 429

    administrator.post("/staff-accounts/li/unlock")

    assert browser.sign_in("li").status_code == 303


def test_all_sessions_of_a_person_can_be_ended(administrator, browser):
    browser.sign_in("li")

    administrator.post("/staff-accounts/li/revoke-sessions")

    assert browser.get("/windows").status_code == 401


def test_an_account_that_does_not_exist_is_not_found(administrator):
    assert administrator.get("/staff-accounts/nobody").status_code == 404
    assert administrator.post("/staff-accounts/nobody/disable").status_code == 404
