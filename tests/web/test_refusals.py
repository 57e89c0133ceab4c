"""What is refused is refused clearly, in Chinese on a page and in English for a program."""

import sqlite3

import pytest

from sync.errors import DiskFull
from tests.web.conftest import Browser
from web.refusals import REFUSALS, is_disk_full

MIB = 1024 * 1024
SECRET = "110101199003070038"


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/no-such-page", 404, "没有找到"),
        ("/break/fault", 500, "系统出了故障"),
        ("/break/invalid", 422, "手机号应为 11 位数字"),
        ("/break/memory", 503, "系统暂时忙"),
        ("/break/space", 507, "磁盘已满"),
    ],
)
def test_a_page_says_what_happened_and_who_can_help(browser, path, status, words):
    answer = browser.get(path)

    assert answer.status_code == status
    assert answer.content_type.startswith("text/html")
    assert words in answer.text
    assert answer.headers["X-Request-Id"] in answer.text


@pytest.mark.parametrize("path", ["/break/fault", "/break/space", "/break/memory"])
def test_no_answer_shows_a_traceback_or_a_value(browser, path):
    for accept in ("text/html", "application/json"):
        text = browser.get(path, headers={"Accept": accept}).text
        assert "Traceback" not in text
        assert SECRET not in text
        assert "hall.py" not in text


def test_a_program_gets_a_problem_object_with_the_rule(browser):
    answer = browser.get("/break/invalid", headers={"Accept": "application/json"})

    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    body = answer.get_json()
    assert body["title"] == "invalid"
    assert body["fields"] == {"phone": "手机号应为 11 位数字"}
    assert body["request"] == answer.headers["X-Request-Id"]


def test_interface_paths_answer_in_json_whatever_is_accepted(browser):
    answer = browser.get("/api/v1/no-such-thing", headers={"Accept": "text/html"})

    assert answer.get_json()["status"] == 404


def test_a_refusal_of_the_sync_names_its_rule(browser):
    as_program = browser.get("/break/gap", headers={"Accept": "application/json"})
    as_person = browser.get("/break/gap", headers={"Accept": "text/html"})

    assert as_program.status_code == 409
    assert as_program.get_json()["error"] == "gap"
    assert as_program.get_json()["size"] == 7
    assert as_person.status_code == 409
    assert "本地业务不受影响" in as_person.text


def test_a_wrong_method_is_told_which_are_right(browser):
    answer = browser.send("/board", headers={"Origin": browser.site})

    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]
    assert "不能这样打开" in answer.text


def test_a_form_of_ten_megabytes_is_refused_with_a_page(browser, database):
    browser.sign_in("li")

    answer = browser.post("/windows", {"name": "x" * 10 * MIB, "once": "k" * 20})

    assert answer.status_code == 413
    assert "提交的内容太大" in answer.text
    assert database.query("SELECT * FROM taken") == []


def test_a_form_of_sixty_thousand_fields_is_refused(browser):
    browser.sign_in("li")
    many = "&".join(f"a{number}=1" for number in range(60_000))
    assert len(many) < MIB

    for path in ("/windows", "/sign-in"):
        answer = browser.send(
            path,
            many,
            headers={"Origin": browser.site},
            content_type="application/x-www-form-urlencoded",
        )
        assert answer.status_code == 413


def test_a_multipart_form_of_too_many_parts_is_refused(browser):
    browser.sign_in("li")
    fields = {f"a{number}": "1" for number in range(1_500)}

    answer = browser.post("/windows", fields, content_type="multipart/form-data")

    assert answer.status_code == 413


def test_one_view_may_take_more_than_the_others(browser):
    browser.sign_in("li")
    token = browser.token()

    def upload(size):
        parts = {"csrf": "", "scan": '; filename="scan.jpg"'}
        values = {"csrf": token.encode(), "scan": b"x" * size}
        body = b"".join(
            f'--B\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode()
            + values[name]
            + b"\r\n"
            for name, more in parts.items()
        )
        return browser.send(
            "/scans",
            body + b"--B--\r\n",
            headers={"Origin": browser.site},
            content_type="multipart/form-data; boundary=B",
        )

    assert upload(3 * MIB).text == str(3 * MIB)
    assert upload(5 * MIB).status_code == 413


def test_a_full_disk_refuses_writing_and_lets_reading_go_on(browser, database):
    browser.sign_in("li")
    database.fill_disk()

    refused = browser.post("/windows", {"name": "x" * 100_000, "once": "k" * 20})

    assert refused.status_code == 507
    assert "没有产生编号" in refused.text
    assert browser.get("/windows").status_code == 200
    database.free_disk()
    assert database.query("SELECT * FROM taken") == []
    assert browser.post("/windows", {"name": "x", "once": "k" * 20}).status_code == 303


def test_a_full_disk_does_not_end_the_sessions(browser, database, clock):
    browser.sign_in("li")
    database.fill_disk()
    clock.turn(minutes=5)

    assert browser.get("/windows").status_code == 200


def test_a_full_disk_is_recognised_through_every_layer():
    sqlite_full = sqlite3.OperationalError("database or disk is full")
    sqlite_full.sqlite_errorname = "SQLITE_FULL"
    wrapped = RuntimeError("driver")
    wrapped.__cause__ = sqlite_full
    by_sqlalchemy = RuntimeError("wrapped")
    by_sqlalchemy.orig = sqlite_full  # type: ignore[attr-defined]
    by_postgresql = RuntimeError("disk full")
    by_postgresql.sqlstate = "53100"  # type: ignore[attr-defined]

    for error in (DiskFull(), wrapped, by_sqlalchemy, by_postgresql, OSError(28, "no space")):
        assert is_disk_full(error), error
    assert not is_disk_full(OSError(13, "denied"))


@pytest.mark.parametrize("how", ["busy", "turn"])
def test_a_database_out_of_reach_is_no_fault_and_may_be_tried_again(browser, how):
    answer = browser.get(f"/break/{how}")

    assert answer.status_code == 503
    assert "系统暂时忙" in answer.text
    assert answer.headers["Retry-After"] == "5"


def test_a_value_that_the_database_cannot_keep_is_the_callers_matter(browser):
    answer = browser.get("/break/row")

    assert answer.status_code == 400
    assert "请求不完整或格式不对" in answer.text


def test_a_read_only_database_is_named_as_such(hall, database, browser):
    browser.sign_in("li")
    database.query("PRAGMA query_only = ON")

    answer = browser.post("/windows", {"name": "x", "once": "k" * 20})

    database.query("PRAGMA query_only = OFF")
    assert answer.status_code == 503
    assert "只读" in answer.text


def test_every_status_has_words_of_its_own():
    for status in (400, 401, 403, 404, 405, 413, 422, 429, 500, 503, 507):
        assert REFUSALS[status].status == status
        assert len(REFUSALS[status].advice) > 5


def test_a_warning_that_cannot_be_computed_never_costs_the_page(hall):
    def broken():
        raise RuntimeError("no such table")

    hall.add_banners(broken)

    answer = Browser(hall.test_client()).get("/board")

    assert answer.status_code == 200
    assert "有一项状态检查出错" in answer.text


def test_health_names_the_reason_and_survives_a_check_that_breaks(hall, browser):
    assert browser.get("/healthz").get_json() == {"status": "ok", "checks": {}}
    hall.health.register("disk", lambda: (True, "40 % free"))
    hall.health.register("log", lambda: (False, "head is behind the high-water mark"))
    hall.health.register("clock", lambda: (1 // 0 == 1, ""))

    answer = browser.get("/healthz")

    assert answer.status_code == 503
    checks = answer.get_json()["checks"]
    assert checks["disk"] == {"ok": True, "reason": "40 % free"}
    assert checks["log"]["reason"] == "head is behind the high-water mark"
    assert checks["clock"] == {"ok": False, "reason": "check failed: ZeroDivisionError"}
    with pytest.raises(ValueError, match="twice"):
        hall.health.register("disk", lambda: (True, ""))
