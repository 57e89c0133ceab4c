"""The administrator enrols the hall at a page: address, code, 30 digits, and how it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from aggregator.halls import roster
from node.app import create_app
from node.hall import Hall, HallSettings
from node.keys import enrolment
from node.outbox.syncing import WORDS, Syncing
from tests.independent.center import CENTER, Listening, office
from tests.node.hall import Browser

__all__ = ["office"]

NOBODY = "http://127.0.0.1:1"


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    """A hall that was just set up."""
    made = Hall(tmp_path / "hall", HallSettings(hall="T03", name="社保分厅", center=CENTER))
    yield made
    made.close()


@pytest.fixture
def administrator(hall: Hall) -> Browser:
    return Browser(create_app(hall).test_client()).sign_in("root")


def digits_on(text: str) -> str:
    """The 30 digits of a page, as they are read out by telephone; empty when there are none."""
    found = re.search(r'id="digits">(.*?)</p>', text, re.DOTALL)
    return " ".join(re.findall(r"\d{5}", found.group(1))) if found else ""


def spoken(code: str) -> str:
    """A code as the center's screen shows it: two groups."""
    return f"{code[:5]} {code[5:]}".lower()


def test_both_screens_show_the_same_thirty_digits_until_the_center_approves(
    hall: Hall, administrator: Browser, office: Listening
):
    assert "尚未入网" in administrator.get("/enrolment").text
    form = {"url": office.url + "/", "code": spoken(office.code_for("T03"))}
    assert administrator.post("/enrolment", form).status_code == 303
    shown = administrator.get("/enrolment").text
    assert "等待中心核对" in shown
    assert digits_on(shown) == roster.pending(office.center)[0].digits
    office.approve("T03", digits_on(shown))
    assert Syncing(hall).turn().state == "waiting"
    shown = administrator.get("/enrolment").text
    assert "已入网" in shown
    assert 'name="code"' not in shown


def test_the_same_form_sent_twice_is_one_request(administrator: Browser, office: Listening):
    form = {"url": office.url, "code": office.code_for("T03")}
    assert administrator.post("/enrolment", form).status_code == 303
    assert administrator.post("/enrolment", form).status_code == 303
    assert len(roster.pending(office.center)) == 1


def test_a_wrong_code_is_told_and_leaves_nothing(
    hall: Hall, administrator: Browser, office: Listening
):
    code = office.code_for("T03")
    wrong = ("A" if code[0] != "A" else "B") + code[1:]
    answer = administrator.post("/enrolment", {"url": office.url, "code": wrong})
    assert answer.status_code == 422
    assert WORDS["enrolment_refused"] in answer.text
    assert office.url in answer.text
    assert wrong not in answer.text
    assert enrolment.trust(hall) is None


@pytest.mark.parametrize("code", ["", "K7M2P", "K7M2PQ9XRTT", "K" * 5000])
def test_a_code_of_another_length_is_not_sent(administrator: Browser, code: str):
    answer = administrator.post("/enrolment", {"url": NOBODY, "code": code})
    assert answer.status_code == 422
    assert "入网口令是10位" in answer.text


@pytest.mark.parametrize(
    "url",
    [
        "",
        "center.example",
        "ftp://center.example",
        "file:///etc/passwd",
        "http://",
        "http://a:b@center.example",
        "http://center.example/?q=1",
        "http://center.example:99999",
        "http://[::1",
        "http://center example",
        "http://center.example/\x00",
        "http://" + "长" * 300,
        "http://" + "a" * 80 + ".example",
        "http://.example",
    ],
)
def test_what_is_no_address_is_told_at_its_field(administrator: Browser, url: str):
    answer = administrator.post("/enrolment", {"url": url, "code": "K7M2PQ9XRT"})
    assert answer.status_code == 422
    assert "请填写中心的网址" in answer.text


def test_an_address_where_nobody_answers_is_told_and_changes_nothing(
    hall: Hall, administrator: Browser
):
    answer = administrator.post("/enrolment", {"url": NOBODY, "code": "K7M2PQ9XRT"})
    assert answer.status_code == 503
    assert "连不上这个地址" in answer.text
    assert enrolment.trust(hall) is None


def test_a_refused_hall_may_ask_anew(hall: Hall, administrator: Browser, office: Listening):
    form = {"url": office.url, "code": office.code_for("T03")}
    administrator.post("/enrolment", form)
    roster.refuse(office.center, roster.pending(office.center)[0].id, "ZX-01")
    assert Syncing(hall).turn().state == "refused"
    shown = administrator.get("/enrolment").text
    assert "中心已拒绝" in shown
    assert digits_on(shown) == ""
    form["code"] = office.code_for("T03")
    assert administrator.post("/enrolment", form).status_code == 303
    assert "等待中心核对" in administrator.get("/enrolment").text


def test_a_hall_that_is_enrolled_is_not_enrolled_again(
    hall: Hall, administrator: Browser, office: Listening
):
    administrator.post("/enrolment", {"url": office.url, "code": office.code_for("T03")})
    office.approve("T03", digits_on(administrator.get("/enrolment").text))
    Syncing(hall).turn()
    known = enrolment.trust(hall)
    again = administrator.post("/enrolment", {"url": office.url, "code": office.code_for("T03")})
    assert again.status_code == 422
    assert "本厅已经入网" in again.text
    assert enrolment.trust(hall) == known


def test_only_an_administrator_enrols_the_hall(hall: Hall, administrator: Browser):
    for login in ("li", "wang", "chen"):
        somebody = Browser(administrator.client.application.test_client()).sign_in(login)
        assert somebody.get("/enrolment").status_code == 403
        assert somebody.post("/enrolment", {}).status_code == 403
