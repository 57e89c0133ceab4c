"""Who may use which view, and from which page."""

import pytest

from tests.web.conftest import Browser, settings
from tests.web.hall import ROLES
from web import access
from web.app import create_shell
from web.shell import NavItem, Undeclared

HTML = {"Accept": "text/html"}


def fresh_shell(database, **changed):
    return create_shell(__name__, database=database, settings=settings(**changed), title="测试")


def test_a_view_that_does_not_say_who_may_use_it_refuses_to_register(database):
    app = fresh_shell(database)

    with pytest.raises(Undeclared, match="does not say who may use it"):
        app.add_url_rule("/x", view_func=lambda: "x", endpoint="x")


def test_a_view_for_a_role_that_does_not_exist_refuses_to_register(database):
    app = fresh_shell(database)

    with pytest.raises(Undeclared, match="unknown roles"):
        app.get("/x")(access.roles("clark")(lambda: "x"))


def test_a_view_for_staff_refuses_to_register_on_a_public_listener(database):
    app = fresh_shell(database, sign_in=False)

    with pytest.raises(Undeclared, match="needs a sign-in"):
        app.get("/x")(access.roles("clerk")(lambda: "x"))


def test_a_view_cannot_declare_its_access_twice():
    with pytest.raises(Undeclared):
        access.public(access.roles("clerk")(lambda: "x"))


def test_every_route_declares_its_access(hall):
    declared = {rule for rule, _, _ in access.routes_by_access(hall)}
    static = {rule.rule for rule in hall.url_map.iter_rules() if rule.endpoint.endswith("static")}

    assert declared | static == {rule.rule for rule in hall.url_map.iter_rules()}


def test_a_person_without_the_role_sees_who_can_help(browser):
    browser.sign_in("li")

    answer = browser.get("/review", headers=HTML)

    assert answer.status_code == 403
    assert "审批人员、厅领导" in answer.text
    assert "管理员" in answer.text


def test_every_staff_page_refuses_every_role_that_it_does_not_name(hall):
    people = {"li": "clerk", "wang": "reviewer", "root": "administrator"}
    for login, role in people.items():
        browser = Browser(hall.test_client())
        browser.sign_in(login)
        token = browser.token()
        for rule, methods, declared in access.routes_by_access(hall):
            if declared.kind != "roles" or role in declared.roles:
                continue
            path = rule.replace("<login>", "li")
            if "GET" in methods:
                assert browser.get(path).status_code == 403, (login, rule)
            if "POST" in methods:
                sent = browser.send(path, {"csrf": token}, headers={"Origin": browser.site})
                assert sent.status_code == 403, (login, rule)


def test_every_page_for_staff_sends_a_stranger_to_the_sign_in(hall):
    stranger = Browser(hall.test_client())
    for rule, methods, declared in access.routes_by_access(hall):
        if declared.kind not in ("roles", "signed-in") or "GET" not in methods:
            continue
        answer = stranger.get(rule.replace("<login>", "li"), headers=HTML)
        assert answer.status_code == 303, rule
        assert answer.location.startswith("/sign-in?next=")


def test_a_stranger_who_posts_or_asks_for_json_gets_401(browser):
    assert browser.send("/windows", {"name": "x"}).status_code == 401
    assert browser.get("/windows", headers={"Accept": "application/json"}).status_code == 401
    assert browser.get("/windows", headers={**HTML, "X-Refresh": "1"}).status_code == 401


@pytest.mark.parametrize("csrf", ["", "0" * 64, "令牌", None])
def test_a_post_without_the_right_form_token_is_refused(browser, database, csrf):
    browser.sign_in("li")
    data = {"name": "x", "once": "k" * 20}
    if csrf is not None:
        data["csrf"] = csrf

    answer = browser.send("/windows", data, headers={"Origin": browser.site})

    assert answer.status_code == 403
    assert "这个页面已过时" in answer.text
    assert database.query("SELECT * FROM taken") == []


def test_the_form_token_of_another_session_is_refused(browser, other_browser):
    browser.sign_in("li")
    other_browser.sign_in("li")

    answer = browser.send(
        "/windows",
        {"once": "k" * 20, "csrf": other_browser.token()},
        headers={"Origin": browser.site},
    )

    assert answer.status_code == 403


@pytest.mark.parametrize(
    "sender",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://localhost"},
        {"Origin": "http://localhost:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_a_post_from_another_sites_page_is_refused_even_with_the_token(browser, database, sender):
    browser.sign_in("li")
    data = {"name": "x", "once": "k" * 20, "csrf": browser.token()}

    answer = browser.send("/windows", data, headers=sender)

    assert answer.status_code == 403
    assert "不是从本系统页面发出的" in answer.text
    assert database.query("SELECT * FROM taken") == []


def test_signing_in_and_out_is_refused_from_another_sites_page(browser):
    foreign = {"Origin": "http://evil.example"}

    refused = browser.send("/sign-in", {"login": "li", "password": "whatever"}, headers=foreign)

    assert refused.status_code == 403
    browser.sign_in("li")
    assert browser.send("/sign-out", {"csrf": browser.token()}, headers=foreign).status_code == 403
    assert browser.get("/windows").status_code == 200


def test_a_scripts_post_carries_the_token_in_a_header(browser):
    browser.sign_in("li")

    answer = browser.send(
        "/still-here", headers={"Origin": browser.site, "X-CSRF": browser.token()}
    )

    assert answer.status_code == 204


def test_a_terminal_that_signs_by_itself_needs_no_session_and_no_token(browser):
    answer = browser.send("/terminal/punch", headers={"X-Terminal": "T1", "Origin": "null"})

    assert answer.get_json() == {"taken": "T1"}


def test_navigation_shows_only_what_the_person_may_use(browser):
    browser.sign_in("li")
    page = browser.get("/windows").text
    assert 'href="/windows" aria-current="page"' in page
    assert 'href="/review"' not in page


def test_whoever_has_to_sign_in_first_is_offered_no_page_that_leads_back_there(hall, browser):
    hall.add_navigation(NavItem(endpoint="signin.own_sessions", label="给每个人的"))
    assert "给每个人的" not in browser.get("/sign-in").text
    browser.sign_in("li")
    assert "给每个人的" in browser.get("/windows").text


def test_text_typed_by_anybody_appears_escaped(browser):
    marker = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"

    page = browser.get("/board", query_string={"text": marker}).text

    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;" in page


def test_the_role_names_are_those_of_the_application():
    assert access.names_of(settings(), ["clerk", "supervisor"]) == (
        f"{ROLES['clerk']}、{ROLES['supervisor']}"
    )
