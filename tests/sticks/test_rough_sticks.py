"""Sticks as they come: full, pulled out, failing, renamed, with other systems' files on them."""

from __future__ import annotations

import errno
import json
import os
import shutil
import threading
from collections.abc import Callable
from contextlib import nullcontext
from io import BytesIO
from itertools import count
from pathlib import Path

import pytest
from click.testing import CliRunner

from aggregator.commands import main as center_command
from aggregator.files import archives as at_center
from aggregator.receiving.apply import apply_all
from aggregator.sticks.sticks import bring_in_files as at_center_brought
from aggregator.sticks.sticks import bring_in_files_behind, export_down, import_up
from aggregator.sticks.sticks import carry_files as center_carries
from node.commands import main as hall_command
from node.hall import Hall
from node.keys import rotation
from node.outbox.sticks import bring_in_files as at_hall_brought
from node.outbox.sticks import carry_files
from node.outbox.syncing import contact
from node.safekeeping import archives
from standards.records import NumberScheme
from sync.errors import StickRefused
from sync.files.cabinet import Cabinet
from sync.sticks.stick import UP, Heading, Piece, digest_of
from sync.sticks.stick_export import Content, FileTarget, Sealer, export
from sync.sticks.usb import FileSource, check, sources
from tests.independent.center import Listening
from tests.node.contacts import line_of
from tests.sticks.carrying import arrive, back, counted, home, out, write
from tests.sticks.test_files_by_stick import carried, handed, scan
from web.sticks import Taken, sentences

Disk = Callable[[Path, int, int], None]


@pytest.fixture
def fails(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """Let a disk fail below a folder at its so-many-th sync, and from then on."""

    def begin(folder: Path, number: int, code: int) -> None:
        calls, real = count(1), os.fsync

        def fsync(descriptor: int) -> None:
            path = os.readlink(f"/proc/self/fd/{descriptor}")
            if path.startswith(str(folder)) and next(calls) >= number:
                raise OSError(code, os.strerror(code))
            real(descriptor)

        monkeypatch.setattr(os, "fsync", fsync)

    return begin


def entries_on(stick: Path, hall: Hall) -> int:
    """How many entries the export on a stick holds, every file of it whole."""
    (source,) = sources(stick, UP)
    manifest = source.index().opened([hall.signer.verifier])
    check(source, manifest)
    return sum(piece.stop - piece.start for piece in manifest.pieces)


def unfinished(stick: Path) -> list[Path]:
    return [path for path in stick.rglob("*") if path.suffix.upper() == ".NEW"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_stick_that_fills_up_or_fails_at_any_write_keeps_the_export_before_it_whole(
    hall: Hall, office: Listening, stick: Path, fails: Disk, code: int,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    out(hall, stick)
    shutil.copytree(stick, stick.with_name("whole"))
    write(hall, 5)
    for number in range(1, 30):
        shutil.rmtree(stick)
        shutil.copytree(stick.with_name("whole"), stick)
        fails(stick, number, code)
        try:
            written = out(hall, stick)
        except StickRefused as refused:
            assert refused.reason == ("no_room" if code == errno.ENOSPC else "broken"), number
            assert sentences(refused, "hall")[0].startswith(("U盘空间不够", "写 "))
            written = None
        finally:
            monkeypatch.undo()
        assert unfinished(stick) == []
        # The old one or the new one; never something between.
        assert entries_on(stick, hall) in ((6, 11) if written is None else (11 - written.left,))
        if written is not None and written.left == 0:
            break
    assert counted(arrive(office, stick)) == (11, 0, True)


def test_scans_that_find_the_stick_full_wait_for_the_next_one_and_nothing_half_stays(
    hall: Hall, office: Listening, stick: Path, fails: Disk, monkeypatch: pytest.MonkeyPatch
):
    names = {scan(hall) for _ in range(3)}
    out(hall, stick)
    fails(stick, 2, errno.ENOSPC)
    done = carry_files(hall, stick, 1_000)
    assert (done.count, done.left) == (1, 2) and unfinished(stick) == []
    monkeypatch.undo()
    fails(stick, 1, errno.EIO)
    with pytest.raises(StickRefused, match="broken"):
        carry_files(hall, stick, 1_000)
    assert unfinished(stick) == [] and len(carried(stick, "FUP")) == 1
    monkeypatch.undo()
    assert carry_files(hall, stick, 1_000).count == 3
    taken = arrive(office, stick)
    at_center_brought(office.center, taken, stick)
    assert (taken.scans, taken.refused) == (3, None)
    assert set(at_center.archive_of(office.center, "T01").cabinet.names()) == names


def commands(hall: Hall, office: Listening) -> tuple[Callable[..., list[dict]], ...]:
    """``import`` and ``export`` of both machines as a script calls them; nothing else runs."""
    hall.settings.save(hall.data)
    hall.close()
    office.center.settings.save(office.center.data)

    def of(command: object, data: Path) -> Callable[..., list[dict]]:
        def run(word: str, stick: Path) -> list[dict]:
            words = [word, str(stick), "--data", str(data), "--json"]
            return json.loads(CliRunner().invoke(command, words).stdout)  # type: ignore[arg-type]

        return run

    return of(hall_command, hall.data), of(center_command, office.center.data)


def test_a_scan_that_cannot_be_read_is_named_and_everything_else_comes_in(
    hall: Hall, office: Listening, stick: Path, monkeypatch: pytest.MonkeyPatch
):
    for _ in range(3):
        scan(hall)
    at_hall, at_the_center = commands(hall, office)
    at_hall("export", stick)
    torn, real = carried(stick, "FUP")[1], Path.open

    def opening(path: Path, *arguments: object, **named: object):
        if path == torn:
            raise OSError(errno.EIO, "Input/output error")
        return real(path, *arguments, **named)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", opening)
    (taken,) = at_the_center("import", stick)
    assert (taken["new"], taken["scans"]) == (9, 2)
    assert taken["refused"] == [{"reason": "unreadable", "file": torn.name}]
    assert f"读 {torn.name} 时U盘出错" in taken["said"][-1]


def test_an_older_export_beside_a_newer_one_does_not_hide_it(
    hall: Hall, office: Listening, stick: Path
):
    back(office, stick)
    for number in (2, 3):
        office.center.publish(NumberScheme(version=number, template="x"), actor="ZX-01")
        target = FileTarget(BytesIO(), 1 << 26)
        export_down(office.center, "T01", lambda heading, target=target: target)  # type: ignore[misc]
        # As a browser names what it saves for the second time.
        name = "T01-DOWN.OHS" if number == 2 else "T01-DOWN (1).OHS"
        (stick / name).write_bytes(b"".join(target.blocks()))
    whole = (stick / "T01-DOWN.OHS").read_bytes()
    (stick / "T01-DOWN.OHS").write_bytes(whole[:-1])
    at_hall, _ = commands(hall, office)
    told = at_hall("import", stick)
    assert sum(one["new"] for one in told) == 4
    assert [[r["reason"] for r in one["refused"]] for one in told] == [[], [], ["cut_short"]]


def test_a_scan_that_changes_while_it_is_read_is_named_and_kept_under_no_name(
    hall: Hall, office: Listening, stick: Path, monkeypatch: pytest.MonkeyPatch
):
    name = scan(hall)
    out(hall, stick)
    carry_files(hall, stick, 1_000)
    taken = arrive(office, stick)
    (path,), real, opened = carried(stick, "FUP"), Path.open, count(1)

    def opening(opened_path: Path, *arguments: object, **named: object):
        if opened_path == path and next(opened) == 2:
            return BytesIO(b"something else")
        return real(opened_path, *arguments, **named)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", opening)
    at_center_brought(office.center, taken, stick)
    assert taken.refused is not None
    assert (taken.refused.reason, taken.refused.name, taken.scans) == ("altered", path.name, 0)
    archive = at_center.archive_of(office.center, "T01")
    assert [*archive.cabinet.names()] == []
    at_center_brought(office.center, taken, stick)
    assert [*archive.cabinet.names()] == [name]


def test_a_full_disk_at_the_receiver_is_not_called_a_full_stick(
    hall: Hall, office: Listening, stick: Path, monkeypatch: pytest.MonkeyPatch
):
    scan(hall)
    at_hall, at_the_center = commands(hall, office)
    at_hall("export", stick)

    def full(*_: object) -> tuple[str, int]:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(Cabinet, "keep", full)
        (taken,) = at_the_center("import", stick)
    assert taken["new"] == 7 and "中心暂时忙或磁盘已满" in taken["said"][-1]
    (taken,) = at_the_center("import", stick)
    assert (taken["known"], taken["scans"], taken["refused"]) == (7, 1, [])


def test_small_letters_and_files_of_other_systems_do_no_harm_on_either_way(
    hall: Hall, office: Listening, stick: Path
):
    scan(hall), handed(office)

    def as_it_comes(way: str) -> None:
        for path in sorted(stick.rglob("*"), reverse=True):
            path.rename(path.with_name(path.name.lower()))
        (stick / "System Volume Information").mkdir(exist_ok=True)
        for folder in [path for path in stick.rglob("*") if path.is_dir()]:
            for path in [*folder.iterdir()]:
                if path.is_file() and not path.name.startswith("."):
                    (folder / f"._{path.name}").write_bytes(b"Mac OS X")
            (folder / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")

    out(hall, stick)
    carry_files(hall, stick, 1_000)
    as_it_comes("up")
    taken = arrive(office, stick)
    at_center_brought(office.center, taken, stick)
    assert (taken.new, taken.scans, taken.strange, taken.refused) == (7, 1, 0, None)
    back(office, stick)
    center_carries(office.center, "T01", stick, 1_000)
    as_it_comes("down")
    taken = home(hall, stick)
    at_hall_brought(hall, taken, stick)
    assert (taken.receipts, taken.scans, taken.strange, taken.refused) == (1, 1, 0, None)
    # And once more over what stands there under small letters.
    write(hall, 1)
    assert out(hall, stick).entries == 1
    assert counted(arrive(office, stick)) == (1, 0, True)


def test_a_stick_down_and_the_network_in_the_same_moment_bring_everything_once(
    hall: Hall, office: Listening, stick: Path
):
    out(hall, stick)
    arrive(office, stick)
    apply_all(office.center)
    back(office, stick)
    failed: list[Exception] = []

    def by_network() -> None:
        try:
            contact(hall, line_of(hall, office.url))
        except Exception as error:
            failed.append(error)

    network = threading.Thread(target=by_network)
    network.start()
    taken = home(hall, stick)
    network.join()
    assert all(getattr(error, "code", "") in ("gap", "try_later") for error in failed)
    assert taken.refused is None or taken.refused.reason in ("gap", "overlap")
    contact(hall, line_of(hall, office.url))
    assert home(hall, stick).refused is None
    assert hall.state().mark.size == hall.state().size
    orders = office.center.logs.state(hall.orders_origin).size
    assert hall.logs.state(hall.orders_origin).size == orders
    assert len(hall.db.query("SELECT id FROM finding")) == orders
    assert hall.logs.verify(hall.orders_origin) is None


def test_an_old_stick_down_sets_nothing_back_when_the_hall_has_new_keys_since(
    hall: Hall, office: Listening, stick: Path, tmp_path: Path
):
    out(hall, stick)
    arrive(office, stick)
    back(office, stick)
    shutil.copytree(stick, tmp_path / "drawer")
    rotation.ask(hall, "T01-006")
    for _ in range(3):
        out(hall, stick)
        arrive(office, stick)
        back(office, stick)
        home(hall, stick)
    mark, origin, keys = hall.state().mark, hall.origin, hall.keys.current
    assert origin.endswith("/2") and mark.size == hall.state().size
    taken = home(hall, tmp_path / "drawer")
    assert (taken.new, taken.refused) == (0, None)
    assert (hall.state().mark, hall.origin, hall.keys.current) == (mark, origin, keys)
    write(hall, 1)
    assert out(hall, stick).entries == 1
    assert counted(arrive(office, stick)) == (1, 0, True)


def test_of_another_center_s_file_not_even_a_scan_that_we_want_is_taken(
    hall: Hall, office: Listening, stick: Path
):
    name = scan(hall)
    out(hall, stick)
    arrive(office, stick)
    with archives.archive_of(hall).cabinet.open(name) as file:
        raw = file.read()
    files = (Piece("AAAAAAAA.OHF", len(raw), digest_of(raw)),)
    for center, signer in (("other.example", hall.signer), ("city.example", office.center.signer)):
        heading = Heading(center, "T01", UP, hall.clock.stamp())
        target = FileTarget(BytesIO(), 1 << 26)
        sealer = Sealer(signer, office.center.sealing.public)
        export(target, heading, sealer, [Content(b"{}")], files)
        whole = b"".join([*target.blocks(), raw])
        source = FileSource(lambda whole=whole: nullcontext(BytesIO(whole)), "T01-UP.OHS")  # type: ignore[misc]
        with pytest.raises(StickRefused, match=r"other_center|unsigned"):
            import_up(office.center, source)
    taken = Taken("", "T01")
    bring_in_files_behind(office.center, taken)
    assert (taken.scans, at_center.archive_of(office.center, "T01").cabinet.size(name)) == (0, None)
