"""The log holds one JSON object a line, no personal data, and nobody can forge a line."""

import json
import logging

import pytest

from tests.web.conftest import PASSWORD, Browser
from web import logs


@pytest.fixture
def log_file(tmp_path):
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    for handler in before:
        root.removeHandler(handler)
    path = tmp_path / "log" / "onehall.log"
    logs.set_up(path)
    yield path
    for handler in list(root.handlers):
        root.removeHandler(handler)
        handler.close()
    for handler in before:
        root.addHandler(handler)
    root.setLevel(level)


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_request_is_logged_by_its_rule_not_by_its_address(log_file, browser):
    browser.sign_in("li")
    browser.get("/staff-accounts/110101199003070038?phone=13800138000")

    text = log_file.read_text(encoding="utf-8")
    last = lines(log_file)[-1]
    assert last["event"] == "request"
    assert last["route"] == "/staff-accounts/<login>"
    assert last["status"] == 403
    assert last["staff_no"] == "A001"
    assert last["ms"] >= 0
    for personal in ("110101199003070038", "13800138000", "测试li", PASSWORD):
        assert personal not in text


def test_a_line_cannot_be_forged(log_file, browser):
    before = len(browser.get("/board").text)
    forged = 'x\n{"event":"sign-in.done"}\r\n\u2028{"event":"fake"}'
    browser.get("/board", query_string={"text": forged})
    logs.event("note", value=forged)
    logging.getLogger("foreign.library").warning("said %s", forged)
    logging.getLogger("foreign.library").warning(forged)

    assert before > 0
    events = [line["event"] for line in lines(log_file)]
    assert len(events) == 5
    assert "sign-in.done" not in events


def test_a_fault_is_logged_with_type_and_place_but_without_its_text(log_file, browser):
    number = browser.get("/break/fault").headers["X-Request-Id"]

    fault = next(line for line in lines(log_file) if line["event"] == "broken")
    assert fault["request"] == number
    assert fault["error"] == ["RuntimeError"]
    assert any(place.startswith("hall.py:") for place in fault["where"])
    assert "110101199003070038" not in log_file.read_text(encoding="utf-8")


def test_what_other_libraries_say_is_written_without_its_values(log_file):
    logging.getLogger("waitress").warning("Exception while serving %s", "/cases?id=1101011990")
    try:
        raise KeyError("13800138000")
    except KeyError:
        logging.getLogger("waitress").exception("trouble with %s", "13800138000")

    text = log_file.read_text(encoding="utf-8")
    assert "1101011990" not in text
    assert "13800138000" not in text
    assert lines(log_file)[1]["error"] == ["KeyError"]


def test_sign_ins_and_refusals_are_logged_without_the_typed_name(log_file, hall):
    browser = Browser(hall.test_client())
    browser.sign_in("13900139000", "x")
    browser.sign_in("li")

    events = [line["event"] for line in lines(log_file)]
    assert "sign-in.refused" in events
    assert "sign-in.done" in events
    assert "13900139000" not in log_file.read_text(encoding="utf-8")


def test_the_log_file_is_not_readable_for_everybody(log_file):
    logs.event("started")

    assert log_file.stat().st_mode & 0o007 == 0
