"""The buttons: one file down and one file up, at the hall and at the center."""

from __future__ import annotations

import re
from io import BytesIO

import pytest
from werkzeug.test import TestResponse

from aggregator.app import create_app as center_app
from aggregator.receiving.apply import apply_all
from aggregator.sticks import stick_pages
from node.app import create_app as hall_app
from node.hall import Hall
from tests.aggregator.office import Hands, Office, Person
from tests.independent.center import Listening
from tests.node.hall import Browser
from tests.sticks.carrying import at_center, write
from web.uploads import MAX_UPLOAD_BYTES


@pytest.fixture
def supervisor(hall: Hall) -> Browser:
    return Browser(hall_app(hall).test_client()).sign_in("chen")


@pytest.fixture
def reconciler(office: Listening) -> Person:
    return Office(office.center, center_app(office.center), Hands()).person("duizhang")


def bring_up(reconciler: Person, raw: bytes) -> TestResponse:
    return reconciler.post("/halls/stick", {"stick": (BytesIO(raw), "T01-UP.OHS")})


def bring_home(supervisor: Browser, raw: bytes) -> TestResponse:
    return supervisor.post("/outbox/stick", {"stick": (BytesIO(raw), "T01-DOWN.OHS")})


def words(answer: TestResponse) -> str:
    return re.sub(r"<[^>]+>", "", answer.text)


def test_two_files_carry_everything_there_and_back(
    hall: Hall, office: Listening, supervisor: Browser, reconciler: Person
):
    page = words(supervisor.get("/outbox"))
    assert "导出到文件" in page and "从中心带回" in page
    up = supervisor.get("/outbox/stick/file")
    assert up.status_code == 200 and "T01-UP.OHS" in up.headers["Content-Disposition"]
    assert b"T01-001" not in up.data and b"case_received" not in up.data

    answer = bring_up(reconciler, up.data)
    assert answer.status_code == 303
    assert "分厅 T01 收下新记录 6 条" in words(reconciler.get(answer.location))
    assert "收下新记录 0 条" in words(reconciler.get(bring_up(reconciler, up.data).location))
    apply_all(office.center)
    assert at_center(office) == 6

    down = reconciler.get("/halls/stick/T01")
    assert "T01-DOWN.OHS" in down.headers["Content-Disposition"]
    answer = bring_home(supervisor, down.data)
    assert answer.status_code == 303
    assert "又核对了回执 1 份" in words(supervisor.get(answer.location))
    assert hall.state().mark.size == 6 and hall.shelf().size == 1
    again = words(supervisor.get(bring_home(supervisor, down.data).location))
    assert "以前都收到过" in again


def test_a_file_that_was_cut_is_refused_on_the_page_by_the_name_of_what_is_missing(
    hall: Hall, office: Listening, supervisor: Browser, reconciler: Person
):
    up = supervisor.get("/outbox/stick/file").data
    name = re.findall(rb"(\w+\.OHS) ", up)[-1].decode()
    answer = bring_up(reconciler, up[:-10])
    assert answer.status_code == 422
    assert f"文件 {name} 不完整" in words(answer) and "请到分厅重新导出" in words(answer)
    assert at_center(office) == 0
    answer = bring_home(supervisor, up)
    assert answer.status_code == 422 and "请拿到中心导入" in words(answer)


@pytest.mark.parametrize("raw", [b"", b"\xff\xd8\xff a picture", b"onehall-index/1 0 99999999\n"])
def test_any_other_file_is_refused_in_a_sentence(
    hall: Hall, supervisor: Browser, reconciler: Person, raw: bytes
):
    for answer in (bring_up(reconciler, raw), bring_home(supervisor, raw)):
        assert answer.status_code == 422 and "INDEX.OHS" in words(answer)
    assert "请先选择" in words(supervisor.post("/outbox/stick", {}))


def test_only_those_who_may_carry_a_stick_are_given_one(hall: Hall, office: Listening):
    clerk = Browser(hall_app(hall).test_client()).sign_in("li")
    assert clerk.get("/outbox/stick/file").status_code == 403
    assert "导出到文件" not in clerk.get("/outbox").text


def test_a_file_beyond_the_cap_is_refused_before_it_is_read(hall: Hall, supervisor: Browser):
    form = "multipart/form-data; boundary=x"
    answer = supervisor.send("/outbox/stick", bytes(MAX_UPLOAD_BYTES + 1), content_type=form)
    assert answer.status_code == 413


def test_a_hall_that_is_not_enrolled_gets_no_file(office: Listening, reconciler: Person):
    assert reconciler.get("/halls/stick/T77").status_code == 404


def test_one_stick_at_a_time_is_taken_in(hall: Hall, supervisor: Browser, reconciler: Person):
    write(hall, 1)
    up = supervisor.get("/outbox/stick/file").data
    with stick_pages._turn:
        answer = bring_up(reconciler, up)
    assert answer.status_code == 422 and "另一个U盘正在导入" in words(answer)
    assert bring_up(reconciler, up).status_code == 303
