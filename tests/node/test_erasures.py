"""依法删除 at the hall: two people, finished matters only, gone everywhere, and no page breaks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from node.commands import main
from node.hall import Hall
from node.safekeeping.erasures import sweeper
from standards.guides import Guide
from standards.identity import ERASED
from standards.records import CaseReceived, ErasureDecided
from sync.applied.applying import rebuild
from tests.node.hall import PASSWORD, PERSON, Browser, how_many, take_in
from web.shell import Shell

NUMBER = "11010519491231002X"


@pytest.fixture
def root(app: Shell) -> Browser:
    """The administrator; the supervisor who decides has an account too."""
    Browser(app.test_client()).sign_in("chen")
    return Browser(app.test_client()).sign_in("root")


@pytest.fixture
def case_id(window: Browser, guide: Guide) -> str:
    """A case that is over: the applicant took it back."""
    found = take_in(window, guide, "receive")
    assert window.post(f"/cases/{found}/withdraw", {"opinion": "不办了"}).status_code == 303
    return found


def case_no(hall: Hall, case_id: str) -> str:
    received = hall.read(CaseReceived, case_id)
    assert received is not None
    return received.case_no


def form(number: str, **more: str) -> dict[str, str]:
    return {
        "about": "case",
        "number": number,
        "ground": "consent_withdrawn",
        "document": "通公分〔2026〕3号",
        "second": "chen",
        "password": PASSWORD,
        **more,
    }


def test_a_finished_case_is_erased_by_two_people_and_every_page_says_so(
    app: Shell, root: Browser, window: Browser, hall: Hall, case_id: str
):
    number = case_no(hall, case_id)
    shown = root.get(f"/erasures?about=case&number={number}").text
    assert "不能恢复" in shown
    assert PERSON["applicant_name"] not in shown
    assert root.post("/erasures", form(number)).status_code == 303

    assert hall.logs.personal(hall.origin, 0, hall.state().size) == {}
    page = window.get(f"/cases/{case_id}").text
    assert ERASED in page
    assert ERASED in window.post(f"/cases/{case_id}/reveal", {"reason": "verify"}).text
    assert ERASED in window.get("/cases").text
    for path in (f"/cases/{case_id}", "/cases", "/erasures"):
        answer = (root if path == "/erasures" else window).get(path)
        assert answer.status_code == 200, path
        assert PERSON["applicant_name"] not in answer.text
    assert hall.logs.find_personal("paper_no", NUMBER) == []
    assert hall.logs.verify(hall.origin) is None
    rebuild(hall.logs)
    assert hall.logs.personal(hall.origin, 0, hall.state().size) == {}

    listed = root.get("/erasures").text
    for said in (number, "通公分〔2026〕3号", "T01-005", "T01-006", "个人撤回同意", "90 天"):
        assert said in listed


def test_a_printed_sheet_of_an_erased_case_says_so(
    root: Browser, window: Browser, hall: Hall, case_id: str
):
    links = re.findall(rf'href="(/[^"]*{case_id}[^"]*)"', window.get(f"/cases/{case_id}").text)
    root.post("/erasures", form(case_no(hall, case_id)))
    for link in links:
        assert window.get(link).status_code < 500, link


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"password": "falsch-falsch-falsch"}, "second"),
        ({"second": "nobody"}, "second"),
        ({"second": "root"}, "second"),
        ({"second": "li"}, "second"),
        ({"ground": ""}, "ground"),
        ({"ground": "because"}, "ground"),
        ({"document": " "}, "document"),
        ({"number": "T01-0"}, "number"),
    ],
)
def test_nothing_is_erased_without(
    root: Browser, hall: Hall, case_id: str, changed: dict[str, str], field: str
):
    answer = root.post("/erasures", form(case_no(hall, case_id)) | changed)
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert how_many(hall, ErasureDecided.kind) == 0
    assert PASSWORD not in answer.text


def test_a_case_that_is_not_over_is_not_erased(
    root: Browser, window: Browser, hall: Hall, guide: Guide
):
    number = case_no(hall, take_in(window, guide, "receive"))
    assert "尚未办结" in root.get(f"/erasures?about=case&number={number}").text
    assert root.post("/erasures", form(number)).status_code == 422
    assert how_many(hall, ErasureDecided.kind) == 0


def test_nobody_guesses_the_password_of_whoever_decides(root: Browser, hall: Hall, case_id: str):
    number = case_no(hall, case_id)
    for _ in range(5):
        assert root.post("/erasures", form(number, password="a guess")).status_code == 422
    assert root.post("/erasures", form(number)).status_code == 429
    assert hall.logs.personal(hall.origin, 0, hall.state().size) != {}


def test_the_same_form_twice_is_one_decision_and_a_second_one_finds_nothing(
    root: Browser, hall: Hall, case_id: str
):
    sent = form(case_no(hall, case_id)) | {"once": "form-key-the-same-one"}
    assert [root.post("/erasures", sent).status_code for _ in range(2)] == [303, 303]
    assert how_many(hall, ErasureDecided.kind) == 1
    again = root.post("/erasures", form(case_no(hall, case_id)))
    assert again.status_code == 422
    assert "可能已经删除" in again.text


def test_a_former_member_of_staff_is_erased_and_one_on_post_is_not(
    app: Shell, root: Browser, hall: Hall
):
    for path, data in (
        ("/staff", {"staff_no": "T01-088", "name": "司马测试", "mobile": "13800138000"}),
        ("/erasures", form("T01-088", about="staff")),
    ):
        answer = root.post(path, data)
    assert answer.status_code == 422
    assert "在岗" in answer.text
    root.post("/staff/T01-088/leave")
    assert root.post("/erasures", form("T01-088", about="staff")).status_code == 303
    assert ERASED in root.get("/staff/T01-088").text
    assert root.get("/staff").status_code == root.get("/staff/T01-088/change").status_code == 200


def test_the_bytes_are_gone_from_the_files_of_the_hall(root: Browser, hall: Hall, case_id: str):
    rows = hall.db.query("SELECT sealed FROM personal")
    sealed = [bytes(row["sealed"]) for row in rows]
    files = [path for path in hall.data.iterdir() if path.is_file()]
    assert any(one[:24] in path.read_bytes() for one in sealed for path in files)
    root.post("/erasures", form(case_no(hall, case_id)))
    sweeper(hall)()
    files = [path for path in hall.data.iterdir() if path.is_file()]
    assert not any(one[:24] in path.read_bytes() for one in sealed for path in files)


def test_the_command_tells_first_and_erases_only_when_told(
    hall: Hall, case_id: str, tmp_path: Path
):
    number, data = case_no(hall, case_id), hall.data
    hall.settings.save(data)
    hall.close()
    words = ["erase", "--data", str(data), "case", number, "--ground", "retention_over"]
    words += ["--document", "通公分〔2026〕4号", "--ordered-by", "T01-005"]
    alone = CliRunner().invoke(main, [*words, "--carried-out-by", "T01-005", "--yes"])
    assert alone.exit_code == 1
    assert "两个人" in alone.output
    words += ["--carried-out-by", "T01-006"]
    told = CliRunner().invoke(main, words)
    assert (told.exit_code, "Nothing was erased" in told.output) == (0, True), told.output
    done = CliRunner().invoke(main, [*words, "--yes"])
    assert done.exit_code == 0, done.output
    assert CliRunner().invoke(main, [*words, "--yes"]).exit_code == 1
