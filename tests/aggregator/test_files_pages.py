"""Files at the center's pages: scans open for a stated reason, pictures and hand-overs go down."""

from __future__ import annotations

import io
import re
import shutil
from datetime import date, timedelta

from werkzeug.test import TestResponse

from aggregator.files import archives, scanbook
from standards.records import FileHanded, FileMissing, Inspection, MaterialScanned
from sync.files.archive import Kept
from sync.files.cabinet import Piece
from sync.files.sealed_files import content_key, digest_of, sealed
from sync.storage.tables import records
from tests.aggregator.office import SITE, Office, Person, a_case, fresh_key
from tests.node.filed import scan
from tests.node.test_scans import part

PDF, PNG = scan(90_000, 1), b"\x89PNG\r\n\x1a\n" + b"picture" * 100
OTHER = "0193b2c4-2222-7aaa-8bbb-000000000002"


def a_scan(case: str, plain: bytes, material: str = "M1") -> tuple[MaterialScanned, bytes]:
    """What a hall writes about a scan, and the sealed bytes that come behind it."""
    key = content_key(b"s" * 32, "T01", digest_of(io.BytesIO(plain)))
    raw = b"".join(sealed(io.BytesIO(plain), key))
    name = digest_of(io.BytesIO(raw)).hex()
    record = MaterialScanned(
        case_id=case, material=material, media="application/pdf", size=len(plain), file=name,
        name="张三.pdf", key=key.hex(),
    )  # fmt: skip
    return record, raw


def scanned(office: Office, *sizes: int) -> tuple[str, list[tuple[MaterialScanned, bytes]]]:
    """A case of T01 with a scan of each size, of which nothing has come yet."""
    item = sorted(office.center.shelf().latest)[0]
    case = office.hall_writes("T01", a_case(item, "T01-1")).leaf.id
    scans = [a_scan(case, scan(size, size), f"M{n}") for n, size in enumerate(sizes)]
    for record, _ in scans:
        office.hall_writes("T01", record)
    return case, scans


def come(office: Office, record: MaterialScanned, raw: bytes, share: float = 1.0) -> None:
    """A part of a scan has come up."""
    body = raw[: int(len(raw) * share)]
    archives.archive_of(office.center, "T01").take(record.file, Piece(0, len(raw), body))


def send_files(person: Person, path: str, *files: tuple[str, bytes], **fields: str) -> TestResponse:
    fields = {"csrf": person.csrf, "once": fresh_key(), **fields}
    parts = [part(f'name="{name}"', value.encode()) for name, value in fields.items()]
    parts += [part(f'name="files"; filename="{name}"', content) for name, content in files]
    return person.client.post(
        path,
        data=b"".join(parts) + b"--edge--\r\n",
        content_type="multipart/form-data; boundary=edge",
        headers={"Origin": SITE},
        base_url=SITE,
    )


# --- scans ------------------------------------------------------------------------------------


def test_a_case_says_of_each_scan_where_it_stands(furnished: Office) -> None:
    case, scans = scanned(furnished, 50_000, 60_000, 70_000)
    inspector = furnished.person("ducha")
    path = f"/cases/T01/{case}"
    assert "3份材料有扫描件，其中3份传送中" in inspector.text(path)
    come(furnished, *scans[0])
    come(furnished, *scans[1], share=0.5)
    furnished.hall_writes("T01", FileMissing(missing=scans[2][0].file, absence="gone"))
    page = inspector.text(path)
    assert "3份材料有扫描件，其中1份传送中，1个文件缺失" in page
    assert all(words in page for words in ("已收到", "源文件缺失", "50%", ">打开</button>"))
    assert "张三" not in page
    assert ">打开</button>" not in furnished.person("duizhang").text(path)


def test_a_scan_is_opened_for_a_reason_that_is_kept(furnished: Office) -> None:
    case, scans = scanned(furnished, 50_000)
    come(furnished, *scans[0])
    path, inspector = f"/cases/T01/{case}", furnished.person("ducha")
    wanted = scanbook.scans_of(furnished.center, "T01", case)[0].id
    refused = inspector.post(f"{path}/scans", {"scan": wanted, "scan-reason": " "})
    assert refused.status_code == 422 and "请写明打开扫描件的原因" in refused.text
    assert furnished.center.db.query("SELECT reason FROM reveal") == []
    given = {"scan": wanted, "scan-reason": "核查材料真伪"}
    answer = inspector.post(f"{path}/scans", given)
    assert (answer.status_code, answer.data) == (200, scan(50_000, 50_000))
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "核查材料真伪" in inspector.text(path)
    assert furnished.person("duizhang").post(f"{path}/scans", given).status_code == 403
    assert inspector.post(f"/cases/T02/{case}/scans", given).status_code == 404


def test_a_scan_whose_bytes_were_altered_here_is_not_given_out_and_wanted_again(
    furnished: Office,
) -> None:
    case, scans = scanned(furnished, 50_000)
    come(furnished, *scans[0])
    name = scans[0][0].file
    path = furnished.center.data / "files" / "T01" / name[:2] / name
    path.write_bytes(b"?" + path.read_bytes()[1:])
    wanted = scanbook.scans_of(furnished.center, "T01", case)[0].id
    given = {"scan": wanted, "scan-reason": "核查材料真伪"}
    assert furnished.person("ducha").post(f"/cases/T01/{case}/scans", given).status_code == 404
    assert archives.archive_of(furnished.center, "T01").wanted("T01") == [name]


# --- down to the halls --------------------------------------------------------------------------


def a_visit(office: Office) -> str:
    visit = Inspection(for_hall="T01", mode="covert", day=date(2026, 11, 24), inspector="Z005")
    return office.center.order("T01", visit, actor="Z005").leaf.id


def test_pictures_of_a_visit_go_into_the_orders_of_its_hall(office: Office) -> None:
    visit = a_visit(office)
    inspector = office.person("ducha")
    answer = send_files(
        inspector, f"/inspections/{visit}/files", ("等候区.png", PNG), note="饮水机无水"
    )
    assert answer.status_code == 303, answer.text
    (record,) = records(office.center.db, FileHanded)
    assert (record.for_hall, record.purpose, record.about_id) == ("T01", "inspection", visit)
    assert (office.orders("T01"), office.orders("T02")) == (2, 0)
    page = inspector.text(f"/inspections/{visit}")
    assert all(text in page for text in ("等候区.png", "饮水机无水", "等待分厅取走"))
    action = re.search(r'action="(/handed/[0-9a-f-]+)"', page)
    assert action and inspector.post(action[1]).data == PNG
    archives.archive_of(office.center, "T01").note_delivered(record.file)
    assert "分厅已取走" in inspector.text(f"/inspections/{visit}")
    assert "等候区" not in str(office.center.db.query("SELECT * FROM file_handed"))


def test_a_file_is_handed_to_one_hall_and_sealed_for_it_alone(office: Office) -> None:
    for hall in ("T01", "T02"):
        answer = send_files(
            office.person("duizhang"), "/handed", ("移交.pdf", PDF), for_hall=hall, note="两家"
        )
        assert answer.status_code == 303, answer.text
    first, second = records(office.center.db, FileHanded)
    assert first.file != second.file, "one content for two halls has two keys"
    assert office.person("ducha").text("/handed").count("移交.pdf") == 2
    folder = office.center.data / "files"
    contents = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    assert len(contents) == 2 and b"MARKED" not in b"".join(contents)


def test_a_form_sent_twice_hands_a_file_over_once(office: Office) -> None:
    key = fresh_key()
    for _ in range(2):
        send_files(office.person("ducha"), "/handed", ("a.pdf", PDF), for_hall="T01", once=key)
    assert len(records(office.center.db, FileHanded)) == 1


def test_what_cannot_be_handed_over_is_said_and_nothing_is_written(office: Office) -> None:
    inspector = office.person("ducha")
    for files, fields, said in (
        ([("a.pdf", PDF)], {"for_hall": "T99"}, "请选择分厅"),
        ([], {"for_hall": "T01"}, "请选择文件"),
        ([("a.svg", b"<svg>")], {"for_hall": "T01"}, "不是 JPEG、PNG 或 PDF"),
        ([("a.pdf", PDF)], {"for_hall": "T01", "note": "x" * 201}, "最多 200 个字"),
    ):
        answer = send_files(inspector, "/handed", *files, **fields)
        assert answer.status_code == 422 and said in answer.text
    visit = a_visit(office)
    answer = send_files(inspector, f"/inspections/{visit}/files", ("a.gif", b"GIF89a"))
    assert answer.status_code == 422 and "不是 JPEG、PNG 或 PDF" in answer.text
    assert records(office.center.db, FileHanded) == []


def test_an_intake_that_was_cut_off_leaves_no_file_for_ever(office: Office) -> None:
    archive = archives.archive_of(office.center, "T01")
    kept: Kept = archive.keep(io.BytesIO(PDF), b"s" * 32)
    moment = office.center.clock.now()
    assert archive.drop_useless(moment - timedelta(minutes=1)) == 0
    assert archive.drop_useless(moment + timedelta(minutes=1)) == 1
    assert archive.cabinet.size(kept.name) is None


def test_a_file_that_no_key_opens_any_more_is_deleted_though_nobody_says_so(
    furnished: Office,
) -> None:
    _, scans = scanned(furnished, 50_000)
    come(furnished, *scans[0])
    archive = archives.archive_of(furnished.center, "T01")
    assert archives.look_through(furnished.center) == 0
    assert archive.cabinet.is_sound(scans[0][0].file)
    furnished.center.logs.parts.erase("c.example/T01/1", 0, 1_000)
    archives.look_through(furnished.center)
    assert archive.cabinet.size(scans[0][0].file) is None
    assert archive.wanted("T01") == []


def test_what_a_restored_center_lacks_is_wanted_again(furnished: Office) -> None:
    _, scans = scanned(furnished, 50_000)
    come(furnished, *scans[0])
    shutil.rmtree(furnished.center.data / "files")
    archive = archives.archive_of(furnished.center, "T01")
    assert archive.wanted("T01") == []
    assert archives.look_through(furnished.center) == 1
    assert archive.wanted("T01") == [scans[0][0].file]
