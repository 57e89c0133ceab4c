"""Scans are attached at the case page, kept sealed, opened again; each says where it stands."""

from __future__ import annotations

import io
import re
from datetime import date
from itertools import count
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from node.files import scanbook
from node.hall import Hall
from node.safekeeping import archives
from standards.guides import Guide
from standards.records import FileHanded, FileMissing, Inspection
from standards.records.files import MAX_PLAIN_BYTES
from tests.node.filed import MARK, scan
from tests.node.hall import Browser, how_many, take_in
from web.uploads import MAX_FILES, MAX_UPLOAD_BYTES

JPEG, PNG = b"\xff\xd8\xff\xe0" + MARK, b"\x89PNG\r\n\x1a\n" + MARK
PDF = scan(150_000, 1)


def attach(
    person: Browser, case_id: str, material: str, *files: tuple[str, bytes], once: str = ""
) -> TestResponse:
    """A form with files as a browser sends it."""
    fields = {"csrf": person.token(), "once": once or fresh_key(), "material": material}
    parts = [part(f'name="{name}"', value.encode()) for name, value in fields.items()]
    parts += [part(f'name="scans"; filename="{name}"', content) for name, content in files]
    return person.client.post(
        f"/cases/{case_id}/scans",
        data=b"".join(parts) + b"--edge--\r\n",
        content_type="multipart/form-data; boundary=edge",
        base_url="http://localhost",
        headers={"Origin": "http://localhost"},
    )


def part(said: str, content: bytes) -> bytes:
    head = f"--edge\r\nContent-Disposition: form-data; {said}\r\n\r\n"
    return head.encode() + content + b"\r\n"


_keys = count()


def fresh_key() -> str:
    return f"form-key-{next(_keys):016d}"


@pytest.fixture
def case_id(window: Browser, guide: Guide) -> str:
    return take_in(window, guide)


@pytest.fixture
def material(guide: Guide) -> str:
    return guide.materials[0].code


def opened(person: Browser, case_id: str, number: int = 0) -> TestResponse:
    page = person.get(f"/cases/{case_id}").text
    found = re.findall(rf'action="(/cases/{case_id}/scans/[0-9a-f-]+)"', page)
    return person.post(found[number])


def test_scans_are_attached_listed_and_opened_again(
    window: Browser, hall: Hall, case_id: str, material: str
) -> None:
    files = [("身份证.pdf", PDF), ("背面.JPG", JPEG), ("图.png", PNG)]
    assert attach(window, case_id, material, *files).status_code == 303
    page = window.get(f"/cases/{case_id}").text
    in_full = window.post(f"/cases/{case_id}/reveal", {"reason": "review"}).text
    assert "1份材料已扫描，其中1份传送中" in page
    for number, (name, content) in enumerate(files):
        assert name in in_full and name not in page, "a file's name may name a person"
        answer = opened(window, case_id, number)
        assert (answer.status_code, answer.data) == (200, content)
        assert answer.headers["Content-Disposition"].startswith("attachment;")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert opened(window, case_id).mimetype == "application/pdf"


def test_opening_a_scan_is_registered_like_any_look_at_full_data(
    window: Browser, office: Browser, case_id: str, material: str
) -> None:
    attach(window, case_id, material, ("a.pdf", PDF))
    assert "打开材料扫描件" not in office.get("/cases/reveals").text
    opened(window, case_id)
    assert "打开材料扫描件" in office.get("/cases/reveals").text


def test_nothing_readable_of_a_scan_is_on_the_disk(
    window: Browser, hall: Hall, case_id: str, material: str
) -> None:
    attach(window, case_id, material, ("张三.pdf", PDF))
    files = [path for path in hall.data.rglob("*") if path.is_file()]
    assert any("files" in path.parts for path in files)
    for secret in (MARK, "张三.pdf".encode()):
        assert [path for path in files if secret in path.read_bytes()] == []


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ((), "请选择文件"),
        ((("空.pdf", b""),), "是空文件"),
        ((("a.svg", b"<svg onload=alert(1)>"),), "不是 JPEG、PNG 或 PDF"),
        ((("a.pdf", b"MZ\x90\x00"),), "不是 JPEG、PNG 或 PDF"),
        ((("a.pdf", PDF), ("b.gif", b"GIF89a")), "b.gif"),
        ((("大.pdf", b"%PDF-".ljust(MAX_PLAIN_BYTES + 1, b"x")),), "超过 20 MB"),
        (tuple((f"{n}.png", PNG) for n in range(MAX_FILES + 1)), "一次最多"),
    ],
)
def test_what_is_no_scan_is_refused_in_words_and_nothing_is_kept(
    window: Browser, hall: Hall, case_id: str, material: str, files, said: str
) -> None:
    answer = attach(window, case_id, material, *files)
    assert answer.status_code == 422
    assert said in answer.text
    assert how_many(hall, "material_scanned") == 0


def test_a_material_that_the_guide_does_not_have_is_refused(
    window: Browser, hall: Hall, case_id: str
) -> None:
    answer = attach(window, case_id, "NONE", ("a.pdf", PDF))
    assert (answer.status_code, how_many(hall, "material_scanned")) == (422, 0)


def test_a_body_beyond_the_cap_is_refused_before_it_is_read(
    window: Browser, hall: Hall, case_id: str
) -> None:
    answer = window.client.post(
        f"/cases/{case_id}/scans",
        environ_overrides={"CONTENT_LENGTH": str(MAX_UPLOAD_BYTES + 1)},
        content_type="multipart/form-data; boundary=edge",
        base_url="http://localhost",
        headers={"Origin": "http://localhost"},
    )
    assert answer.status_code == 413
    assert not (hall.data / "files").exists()


def test_the_same_form_twice_and_the_same_file_again_make_one_scan(
    window: Browser, hall: Hall, case_id: str, material: str, guide: Guide
) -> None:
    for _ in range(2):
        attach(window, case_id, material, ("a.pdf", PDF), once="form-key-0123456789abcdef")
    attach(window, case_id, material, ("b.pdf", PDF), ("c.pdf", PDF))
    assert how_many(hall, "material_scanned") == 1
    attach(window, case_id, guide.materials[1].code, ("a.pdf", PDF))
    assert (how_many(hall, "material_scanned"), how_many(hall, "file_held")) == (2, 1)


@pytest.mark.parametrize("login", ["chen", "root"])
def test_only_who_works_on_cases_attaches(app, case_id: str, material: str, login: str) -> None:
    person = Browser(app.test_client()).sign_in(login)
    assert attach(person, case_id, material, ("a.pdf", PDF)).status_code == 403


def test_a_scan_is_opened_only_under_its_own_case(
    window: Browser, guide: Guide, case_id: str, material: str
) -> None:
    attach(window, case_id, material, ("a.pdf", PDF))
    other = take_in(window, guide)
    page = window.get(f"/cases/{case_id}").text
    found = re.search(rf"/cases/{case_id}/scans/([0-9a-f-]+)", page)
    assert found
    assert window.post(f"/cases/{other}/scans/{found[1]}").status_code == 404


# --- where a file stands ------------------------------------------------------------------------


def states(hall: Hall, case_id: str) -> list[str]:
    return [line.state for line in scanbook.scans_of(hall, case_id)]


def test_a_case_says_how_many_of_its_materials_are_still_on_the_way(
    window: Browser, hall: Hall, case_id: str, guide: Guide
) -> None:
    codes = [one.code for one in guide.materials[:3]]
    for number, code in enumerate(codes):
        attach(window, case_id, code, ("a.pdf", scan(20_000 + number, number)))
    archive = archives.archive_of(hall)
    names = [line.scan.file for line in scanbook.scans_of(hall, case_id)]
    archive.note_delivered(names[0])
    assert "3份材料已扫描，其中2份传送中" in window.get(f"/cases/{case_id}").text
    archive.note_delivered(names[1])
    archive.cabinet.drop(names[2])
    archive.note_lost(names[2])
    assert states(hall, case_id) == ["delivered", "delivered", "back"]
    hall.write(FileMissing(missing=names[2], absence="gone"), actor="SYSTEM")
    page = window.get(f"/cases/{case_id}").text
    assert "源文件缺失" in page and "1个文件缺失" in page
    assert page.count(">打开</button>") == 2


def test_an_erased_scan_cannot_be_opened_and_says_so(
    window: Browser, hall: Hall, case_id: str, material: str
) -> None:
    attach(window, case_id, material, ("a.pdf", PDF))
    row = hall.db.query("SELECT * FROM material_scanned")[0]
    place = {"origin": row["origin"], "idx": row["idx"]}
    hall.db.execute("DELETE FROM personal WHERE origin = :origin AND idx = :idx", **place)
    assert archives.archive_of(hall).drop_unnamed(row["origin"], row["idx"]) == [row["file"]]
    page = window.get(f"/cases/{case_id}").text
    assert "已依法删除" in page and ">打开</button>" not in page
    assert [path for path in (hall.data / "files").rglob("*") if path.is_file()] == []


def test_bytes_that_were_altered_on_the_disk_are_not_given_out(
    window: Browser, hall: Hall, case_id: str, material: str
) -> None:
    attach(window, case_id, material, ("a.pdf", PDF))
    name = scanbook.scans_of(hall, case_id)[0].scan.file
    path: Path = hall.data / "files" / name[:2] / name
    path.write_bytes(b"?" + path.read_bytes()[1:])
    assert opened(window, case_id).status_code == 404
    assert states(hall, case_id) == ["back"]


# --- what came down ------------------------------------------------------------------------------


def handed_down(hall: Hall, plain: bytes, name: str, about: str = "0" * 36) -> FileHanded:
    """A file of the center's; its bytes are here only when they are fetched."""
    kept = archives.archive_of(hall).keep(io.BytesIO(plain), b"c" * 32)
    record = FileHanded(
        for_hall="T01", purpose="inspection", about_id=about, media="application/pdf",
        size=kept.size, file=kept.name, name=name, key=kept.key, note="等候区",
    )  # fmt: skip
    hall.logs.open(hall.orders_origin, "center", own=True)
    hall.logs.write(hall.orders_origin, record, actor="ZX-01")
    return record


def test_a_file_that_came_down_is_listed_and_opened(office: Browser, hall: Hall) -> None:
    record = handed_down(hall, PDF, "现场.pdf")
    page = office.get("/handed").text
    assert all(text in page for text in ("检查照片", "现场.pdf", "等候区", "已收到"))
    action = re.search(r'action="(/handed/[0-9a-f-]+)"', page)
    assert action and office.post(action[1]).data == PDF
    archive = archives.archive_of(hall)
    archive.cabinet.drop(record.file)
    archive.note_lost(record.file)
    assert "传送中" in office.get("/handed").text
    assert office.post(action[1]).status_code == 404
    archive.note_absent(record.file)
    assert "中心缺失" in office.get("/handed?about=" + "0" * 36).text
    assert "没有下发文件" in office.get("/handed?about=other").text


def test_an_inspection_says_how_many_of_its_pictures_are_here(office: Browser, hall: Hall) -> None:
    visit = Inspection(for_hall="T01", mode="covert", day=date(2026, 11, 24), inspector="ZX-01")
    hall.logs.open(hall.orders_origin, "center", own=True)
    about = hall.logs.write(hall.orders_origin, visit, actor="ZX-01").leaf.id
    handed_down(hall, PDF, "一.pdf", about)
    second = handed_down(hall, PDF + b"2", "二.pdf", about)
    assert "2张</a>" in office.get("/findings").text
    archives.archive_of(hall).note_lost(second.file)
    assert "2张，1张传送中" in office.get("/findings").text


def test_the_outbox_counts_what_is_on_its_way(
    window: Browser, hall: Hall, case_id: str, material: str
) -> None:
    assert "全部已传" in window.get("/outbox").text
    attach(window, case_id, material, ("a.pdf", PDF))
    assert "1 个，150.0 kB" in window.get("/outbox").text
    hall.write(FileMissing(missing="ab" * 32, absence="gone"), actor="SYSTEM")
    assert "1 个（源文件已不在或与登记不符）" in window.get("/outbox").text
