"""Sticks that are old, torn, altered, somebody else's, or there for the second time."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from node.hall import Hall
from sync.batch import pack
from sync.errors import StickRefused
from sync.notes import Checkpoint
from sync.private.sealing import SealingKey
from sync.sticks.stick import DOWN, UP, Heading
from sync.sticks.stick_export import Content, FolderTarget, Sealer, export
from sync.sticks.usb import FolderSource
from tests.independent.center import CENTER, Listening
from tests.node.contacts import enrolled, new_hall
from tests.sticks.carrying import arrive, at_center, back, counted, home, out, state_of, write
from web.sticks import sentences


def test_the_same_stick_twice_is_known_and_doubles_nothing(
    hall: Hall, office: Listening, stick: Path
):
    out(hall, stick)
    arrive(office, stick)
    before = state_of(office)
    assert counted(arrive(office, stick)) == (0, 6, True)
    assert state_of(office) == before
    back(office, stick)
    home(hall, stick)
    again = home(hall, stick)
    assert (again.new, again.known, again.receipts) == (0, 8, 0)
    assert any("以前都收到过" in line for line in again.lines("hall"))


def test_an_old_stick_is_said_to_be_known_and_does_no_harm(
    hall: Hall, office: Listening, stick: Path, tmp_path: Path
):
    out(hall, stick)
    shutil.copytree(stick, tmp_path / "drawer")
    write(hall, 5)
    out(hall, stick)
    assert counted(arrive(office, stick)) == (11, 0, True)
    before = state_of(office)
    old = arrive(office, tmp_path / "drawer")
    assert counted(old) == (0, 6, True)
    assert "分厅 T01 收下新记录 0 条；已经有的 6 条，没有重复。" in [*old.lines("center")]
    assert state_of(office) == before


def spoil(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)


HARMS: dict[str, tuple[Callable[[Path], object], str]] = {
    "half copied: the last file is not there": (lambda path: path.unlink(), "缺少文件"),
    "half copied: the last file is cut short": (
        lambda path: os.truncate(path, path.stat().st_size // 2),
        "不完整",
    ),
    "altered": (spoil, "不一致"),
}


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize("way", [UP, DOWN])
def test_a_stick_is_refused_by_the_name_of_its_file_before_anything_is_opened_when(
    hall: Hall, office: Listening, stick: Path, harm: str, way: str
):
    out(hall, stick)
    if way == DOWN:
        arrive(office, stick)
        back(office, stick)
    folder = stick / "ONEHALL/T01" / way.upper()
    last = folder / FolderSource(folder).index().claimed.pieces[-1].name
    HARMS[harm][0](last)
    before = state_of(office), hall.logs.states()
    with pytest.raises(StickRefused) as refused:
        arrive(office, stick) if way == UP else home(hall, stick)
    said = sentences(refused.value, "center" if way == UP else "hall")
    assert len(said) == 1 and last.name in said[0] and HARMS[harm][1] in said[0]
    assert ("分厅" if way == UP else "中心") in said[0]
    assert (state_of(office), hall.logs.states()) == before


def refused_at_hall(hall: Hall, stick: Path) -> list[str]:
    before = hall.logs.states()
    with pytest.raises(StickRefused) as refused:
        home(hall, stick)
    assert hall.logs.states() == before
    return sentences(refused.value, "hall")


def refused_at_center(office: Listening, stick: Path) -> list[str]:
    before = state_of(office)
    with pytest.raises(StickRefused) as refused:
        arrive(office, stick)
    assert state_of(office) == before
    return sentences(refused.value, "center")


def test_the_stick_of_another_hall_is_sent_to_that_hall(
    hall: Hall, office: Listening, stick: Path, tmp_path: Path
):
    with new_hall(tmp_path / "other", "T02") as other:
        enrolled(other, office)
        back(office, stick, hall="T02")
        assert "这是分厅 T02 的U盘" in refused_at_hall(hall, stick)[0]
        # A stick that carries both is taken by each.
        back(office, stick)
        assert (home(hall, stick).new, home(other, stick).new) == (2, 1)


def test_the_stick_of_another_center_is_refused_on_both_sides(
    hall: Hall, office: Listening, stick: Path
):
    signer, receiver = hall.signer, office.center.sealing.public
    for way in (UP, DOWN):
        heading = Heading("other.example", "T01", way, hall.clock.stamp())
        export(FolderTarget(stick, heading), heading, Sealer(signer, receiver), [Content(b"{}")])
    assert "另一个中心（other.example）" in refused_at_center(office, stick)[0]
    assert "另一个中心（other.example）" in refused_at_hall(hall, stick)[0]


def test_a_stick_that_is_carried_the_wrong_way_is_sent_on(
    hall: Hall, office: Listening, stick: Path
):
    out(hall, stick)
    assert "没有中心导出的内容" in refused_at_hall(hall, stick)[0]
    (stick / "ONEHALL/T01/UP").rename(stick / "ONEHALL/T01/DOWN")
    assert "请拿到中心导入" in refused_at_hall(hall, stick)[0]


def test_a_stick_of_a_machine_that_only_says_it_is_the_hall_is_refused(
    hall: Hall, office: Listening, stick: Path, tmp_path: Path
):
    with new_hall(tmp_path / "thief") as thief:
        heading = Heading(CENTER, "T01", UP, thief.clock.stamp())
        sealer = Sealer(thief.signer, office.center.sealing.public)
        export(FolderTarget(stick, heading), heading, sealer, [Content(b"{}")])
    assert "签名不是分厅的" in refused_at_center(office, stick)[0]


def test_a_stick_of_a_hall_that_nobody_admitted_is_refused(
    hall: Hall, office: Listening, stick: Path
):
    heading = Heading(CENTER, "T09", UP, hall.clock.stamp())
    sealer = Sealer(hall.signer, office.center.sealing.public)
    export(FolderTarget(stick, heading), heading, sealer, [Content(b"{}")])
    assert "分厅 T09 没有在本中心入网" in refused_at_center(office, stick)[0]


def test_a_hall_that_is_not_enrolled_says_so(tmp_path: Path, office: Listening, stick: Path):
    with new_hall(tmp_path / "new", "T03") as new, pytest.raises(StickRefused) as refused:
        out(new, stick)
    assert "尚未入网" in sentences(refused.value, "hall")[0]


def test_a_stick_that_was_sealed_to_a_machine_that_is_gone_is_named_so(
    hall: Hall, office: Listening, stick: Path
):
    heading = Heading(CENTER, "T01", UP, hall.clock.stamp())
    sealer = Sealer(hall.signer, SealingKey(b"n" * 32).public)
    export(FolderTarget(stick, heading), heading, sealer, [Content(b"{}")])
    taken = arrive(office, stick)
    assert taken.refused is not None and taken.refused.reason == "not_for_us"
    assert "另一把密钥" in [*taken.lines("center")][-1]


def test_a_batch_that_no_rule_lets_in_is_named_by_its_file_and_the_rest_of_its_log_waits(
    hall: Hall, office: Listening, stick: Path
):
    leaves = hall.logs.leaves(hall.origin, 0, 6)
    changed = [leaves[0].replace(b"T01-001", b"T01-002"), *leaves[1:]]
    head = Checkpoint(hall.origin, 4, hall.logs.root_at(hall.origin, 4))
    false = pack(hall.signer, head, 0, 6, (changed[:4], {}, office.center.sealing.public))
    heading = Heading(CENTER, "T01", UP, hall.clock.stamp())
    contents = [Content(false, hall.origin, 0, 4), Content(false, hall.origin, 4, 6)]
    sealer = Sealer(hall.signer, office.center.sealing.public)
    export(FolderTarget(stick, heading), heading, sealer, contents)
    taken = arrive(office, stick)
    assert taken.refused is not None
    assert (taken.refused.reason, taken.refused.name[3:]) == ("fork", "00000.OHS")
    assert at_center(office) == 0
