"""Every answer carries the protective headers, also when it is a refusal."""

import pytest

from tests.web.conftest import PASSWORD, Browser, settings
from tests.web.hall import build
from web.app import TABLES

EVERY_KIND_OF_ANSWER = (
    "/board",
    "/sign-in",
    "/healthz",
    "/windows",
    "/no-such-page",
    "/break/fault",
    "/break/invalid",
    "/break/space",
    "/api/v1/no-such-thing",
    "/shell/onehall.css",
    "/shell/no-such-file.css",
)


@pytest.mark.parametrize("path", EVERY_KIND_OF_ANSWER)
def test_every_answer_carries_the_protective_headers(browser, path):
    given = browser.get(path).headers

    policy = given["Content-Security-Policy"]
    assert policy.startswith("default-src 'self';")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert given["X-Content-Type-Options"] == "nosniff"
    assert given["Referrer-Policy"] == "same-origin"
    assert "camera=(self)" in given["Permissions-Policy"]
    assert "Server" not in given or "Werkzeug" not in given["Server"]


def test_pages_are_never_kept_and_hashed_static_files_are(browser):
    assert browser.get("/board").headers["Cache-Control"] == "no-store"
    assert browser.get("/no-such-page").headers["Cache-Control"] == "no-store"
    sheet = next(line for line in browser.get("/board").text.splitlines() if "stylesheet" in line)
    address = sheet.split('href="')[1].split('"')[0]
    kept = browser.get(address)
    assert kept.status_code == 200
    assert "immutable" in kept.headers["Cache-Control"]


def test_strict_transport_security_is_sent_only_where_https_is_used(database, clock, browser):
    secure = build(database, settings(https=True), clock, password=PASSWORD)

    assert "Strict-Transport-Security" not in browser.get("/board").headers
    over_tls = Browser(secure.test_client(), "https://localhost").get("/board")
    assert over_tls.headers["Strict-Transport-Security"].startswith("max-age=")


def test_cookie_flags_follow_the_scheme(database, clock, hall):
    secure = build(database, settings(https=True), clock, password=PASSWORD)

    plain_cookie = Browser(hall.test_client()).sign_in("li").headers["Set-Cookie"]
    over_tls = Browser(secure.test_client(), "https://localhost").sign_in("li")
    secure_cookie = over_tls.headers["Set-Cookie"]

    assert plain_cookie.startswith("onehall-test=")
    assert "Secure" not in plain_cookie
    assert secure_cookie.startswith("__Host-onehall-test=")
    assert "; Secure" in secure_cookie
    for cookie in (plain_cookie, secure_cookie):
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "Path=/" in cookie
        assert "Domain" not in cookie


def test_two_installations_on_one_machine_use_different_cookies(database, clock, hall):
    other = build(database, settings(site="other"), clock, password=PASSWORD)

    first = Browser(hall.test_client()).sign_in("li").headers["Set-Cookie"]
    second = Browser(other.test_client()).sign_in("li").headers["Set-Cookie"]

    assert first.split("=")[0] != second.split("=")[0]


def test_a_public_listener_sets_no_cookie_and_has_no_sign_in(database, clock):
    database.create(TABLES)
    public = build(database, settings(sign_in=False), clock, password=PASSWORD)
    visitor = Browser(public.test_client())

    for path in ("/board", "/board?large=1", "/no-such-page", "/break/fault"):
        assert "Set-Cookie" not in visitor.get(path).headers
    assert visitor.get("/sign-in").status_code == 404
    assert visitor.get("/staff-accounts").status_code == 404
    changed = visitor.send("/large-type", {"large": "1"}, headers={"Origin": visitor.site})
    assert "Set-Cookie" not in changed.headers
    assert '<html lang="zh-CN" class="large">' in visitor.get("/board?large=1").text


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", ""])
def test_a_foreign_host_is_refused(hall, host):
    answer = hall.test_client().get("/board", headers={"Host": host})

    assert answer.status_code == 400
    assert "请求不完整" in answer.text


def test_no_template_holds_inline_script_or_style(hall):
    loader = hall.jinja_env.loader
    assert loader is not None
    for name in loader.list_templates():
        source = loader.get_source(hall.jinja_env, name)[0].lower()
        for forbidden in ("<style", " style=", "onclick=", "onload=", "onsubmit=", "javascript:"):
            assert forbidden not in source, (name, forbidden)
        assert "<script>" not in source, name
        assert "://" not in source, f"{name} names an outside address"
        if name.endswith(".html"):
            posts = source.count('method="post"')
            public = name == "sign_in.html"  # nobody is signed in there
            assert posts <= source.count("{{ csrf() }}") + public, f"{name} posts without a token"
