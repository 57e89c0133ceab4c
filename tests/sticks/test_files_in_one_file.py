"""A stick as one file carries scans and hand-over files, too: as many as a person picks."""

from __future__ import annotations

import errno
from contextlib import nullcontext
from io import BytesIO
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from aggregator.app import create_app as center_app
from aggregator.files import archives as at_center
from aggregator.sticks.sticks import bring_in_files_behind, import_up
from node.app import create_app as hall_app
from node.hall import Hall
from node.outbox import sticks as hall_sticks
from node.safekeeping import archives
from sync.errors import StickRefused
from sync.files.cabinet import Cabinet
from sync.sticks.stick import FILE_ENDING, Index
from sync.sticks.stick_export import FileTarget
from sync.sticks.usb import FileSource
from tests.aggregator.office import Hands, Office, Person
from tests.independent.center import Listening
from tests.node.hall import Browser
from tests.sticks.carrying import at_center as cases_at_center
from tests.sticks.test_files_by_stick import SECRET, handed, scan
from tests.sticks.test_pages_of_sticks import bring_home, bring_up, words
from web.sticks import MEGABYTES


@pytest.fixture
def supervisor(hall: Hall) -> Browser:
    return Browser(hall_app(hall).test_client()).sign_in("chen")


@pytest.fixture
def reconciler(office: Listening) -> Person:
    return Office(office.center, center_app(office.center), Hands()).person("duizhang")


def given(person: Browser | Person, path: str, megabytes: int = 100) -> bytes:
    answer = person.get(f"{path}?files={megabytes}")
    assert answer.status_code == 200
    assert int(answer.headers["Content-Length"]) == len(answer.data)
    return answer.data


def up_from(hall: Hall) -> bytes:
    """A stick up as one file, without a page."""
    files = hall_sticks.files_behind(hall, 100)
    target = FileTarget(BytesIO(), 1 << 26)
    hall_sticks.export_up(hall, lambda heading: target, files=files.pieces)
    return b"".join([*target.blocks(), *files.blocks()])


def source_of(raw: bytes) -> FileSource:
    return FileSource(lambda: nullcontext(BytesIO(raw)), "T01-UP.OHS")


def index_of(raw: bytes) -> Index:
    return source_of(raw).index()


def here(office: Listening) -> set[str]:
    return set(at_center.archive_of(office.center, "T01").cabinet.names())


def told(person: Browser | Person, answer: TestResponse) -> str:
    assert answer.status_code == 303, words(answer)
    return words(person.get(answer.location))


def test_scans_go_up_and_files_come_down_in_one_file_and_each_side_learns_what_arrived(
    hall: Hall, office: Listening, supervisor: Browser, reconciler: Person
):
    names, down = {scan(hall), scan(hall)}, handed(office)
    raw = given(supervisor, "/outbox/stick/file")
    assert SECRET not in raw and b"T01-001" not in raw
    assert len(index_of(raw).claimed.files) == 2
    assert "收下扫描件和文件 2 个" in told(reconciler, bring_up(reconciler, raw))
    assert names <= here(office)
    assert "没有影响" in told(reconciler, bring_up(reconciler, raw))

    raw = given(reconciler, "/halls/stick/T01")
    assert "收下扫描件和文件 1 个" in told(supervisor, bring_home(supervisor, raw))
    assert archives.archive_of(hall).cabinet.is_sound(down)
    # The hall knows that its scans arrived, and says so of the center's file the next time.
    raw = given(supervisor, "/outbox/stick/file")
    assert index_of(raw).claimed.files == ()
    told(reconciler, bring_up(reconciler, raw))
    assert index_of(given(reconciler, "/halls/stick/T01")).claimed.files == ()


def test_the_person_picks_how_much_and_the_smallest_go_first(
    hall: Hall, office: Listening, supervisor: Browser
):
    large, small, middle = (scan(hall, size) for size in (500_000, 300_000, 400_000))
    chosen = hall_sticks.files_behind(hall, 1)
    assert [piece.digest for piece in chosen.pieces] == [small, middle] and chosen.left == 1
    assert all(piece.name.endswith(FILE_ENDING) for piece in chosen.pieces)
    for picked in ("0", "-1", "99999", "x"):
        assert index_of(given(supervisor, "/outbox/stick/file", picked)).claimed.files == ()  # type: ignore[arg-type]
    page = supervisor.get("/outbox/stick").text
    assert all(f'<option value="{size}"' in page for size in MEGABYTES)
    # One that was altered on this disk is not carried.
    path = hall.data / "files" / small[:2] / small
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    pieces = hall_sticks.files_behind(hall, 100).pieces
    assert {piece.digest for piece in pieces} == {middle, large}


def spoilt(raw: bytes, at: int) -> bytes:
    return raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]


def test_a_scan_that_is_not_whole_is_told_by_its_name_and_costs_only_itself(
    hall: Hall, office: Listening, reconciler: Person
):
    names = {scan(hall) for _ in range(3)}
    raw = up_from(hall)
    files = index_of(raw).claimed.files
    behind = len(raw) - sum(piece.size for piece in files)

    answer = bring_up(reconciler, spoilt(raw, behind + 10))
    assert answer.status_code == 422 and f"文件 {files[0].name} 与导出时不一致" in words(answer)
    assert "收下扫描件和文件 2 个" in words(answer) and "收下新记录 9 条" in words(answer)
    assert here(office) == {piece.digest for piece in files[1:]}
    assert cases_at_center(office) == 6
    assert "收下扫描件和文件 1 个" in told(reconciler, bring_up(reconciler, raw))
    assert here(office) == names


def test_a_file_that_was_cut_among_its_scans_brings_what_is_whole_and_names_the_others(
    hall: Hall, office: Listening, reconciler: Person
):
    for _ in range(3):
        scan(hall)
    raw = up_from(hall)
    files = index_of(raw).claimed.files
    answer = bring_up(reconciler, raw[: -files[2].size - 5])
    assert answer.status_code == 422
    assert f"文件 {files[1].name} 不完整" in words(answer)
    assert f"缺少文件 {files[2].name}" in words(answer)
    assert here(office) == {files[0].digest}
    answer = bring_up(reconciler, raw + b"x")
    assert f"文件 {files[2].name} 与导出时不一致" in words(answer)
    assert here(office) == {files[0].digest, files[1].digest}


def test_what_no_entry_names_is_not_taken_in_and_not_even_read(hall: Hall, office: Listening):
    mine = scan(hall)
    raw = up_from(hall)
    taken = import_up(office.center, source_of(raw))
    # The entries were not applied: nothing names the scan yet.
    bring_in_files_behind(office.center, taken)
    (piece,) = index_of(raw).claimed.files
    assert (taken.scans, taken.strange, taken.names) == (0, 1, [piece.name])
    assert here(office) == set() and mine == piece.digest
    assert piece.name in [*taken.lines("center")][-1]


def test_a_center_whose_disk_is_full_says_so_and_the_same_file_works_later(
    hall: Hall, office: Listening, reconciler: Person, monkeypatch: pytest.MonkeyPatch
):
    names = {scan(hall), scan(hall)}
    raw = up_from(hall)

    def full(*_: object) -> tuple[str, int]:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(Cabinet, "keep", full)
        answer = bring_up(reconciler, raw)
    assert answer.status_code == 422 and "中心暂时忙或磁盘已满" in words(answer)
    assert "收下新记录 8 条" in words(answer)
    assert "收下扫描件和文件 2 个" in told(reconciler, bring_up(reconciler, raw))
    assert here(office) == names


def test_wherever_a_small_stick_is_cut_what_is_missing_is_told_and_nothing_comes_in(
    hall: Hall, office: Listening, tmp_path: Path
):
    scan(hall, 20)
    raw = up_from(hall)
    manifest = index_of(raw).claimed
    starts, at = {}, len(raw) - sum(piece.size for piece in manifest.every)
    index = at
    for piece in manifest.every:
        starts[piece.name] = at
        at += piece.size
    entries = starts[manifest.files[0].name]
    for end in [*range(0, entries, 53), index - 1, index, entries - 1]:
        with pytest.raises(StickRefused) as refused:
            import_up(office.center, source_of(raw[:end]))
        lost = [name for name, start in starts.items() if start <= end]
        assert refused.value.name == (lost[-1] if end >= index else "INDEX.OHS"), end
    assert cases_at_center(office) == 0
    assert all(state.size == 0 for state in office.center.logs.states() if not state.own)
