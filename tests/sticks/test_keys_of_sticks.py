"""Keys that change while a stick is on its way, and a stick of a machine whose key was revoked."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from aggregator.halls import roster
from aggregator.keys import keybook
from node.hall import Hall
from node.keys import enrolment, rotation
from node.outbox.syncing import contact
from sync.errors import StickRefused
from sync.keys.keysets import CenterKeys
from tests.aggregator.rotations import rotate, take_root_away
from tests.independent.center import Listening
from tests.node.contacts import line_of, new_hall
from tests.sticks.carrying import arrive, at_center, back, counted, home, out, write
from web.sticks import sentences


@pytest.fixture
def safe(tmp_path: Path, office: Listening) -> Path:
    take_root_away(office.center, tmp_path / "safe")
    return tmp_path / "safe"


def keys_of(hall: Hall) -> CenterKeys:
    peer = enrolment.peer(hall)
    assert peer is not None
    return peer.keys


def test_a_hall_without_a_line_learns_the_center_s_new_keys_from_the_stick(
    hall: Hall, office: Listening, stick: Path, safe: Path
):
    out(hall, stick)
    for _ in range(2):
        rotate(office.center, safe)
    assert counted(arrive(office, stick)) == (6, 0, True)
    back(office, stick)
    assert home(hall, stick).refused is None
    assert hall.state().mark.size == 6
    assert keys_of(hall) == office.center.keys.ring.keys and keys_of(hall).version == 3
    write(hall, 1)
    out(hall, stick)
    assert counted(arrive(office, stick)) == (1, 0, True)


def test_a_stick_from_before_the_center_changed_its_keys_is_named_so(
    hall: Hall, office: Listening, stick: Path, safe: Path, tmp_path: Path
):
    back(office, stick)
    shutil.copytree(stick, tmp_path / "old")
    rotate(office.center, safe)
    back(office, stick)
    home(hall, stick)
    before = hall.logs.states()
    with pytest.raises(StickRefused) as refused:
        home(hall, tmp_path / "old")
    assert "更换密钥以前导出的" in sentences(refused.value, "hall")[0]
    assert hall.logs.states() == before and keys_of(hall).version == 2


def test_a_hall_goes_over_to_new_keys_by_stick_alone(hall: Hall, office: Listening, stick: Path):
    rotation.ask(hall, "T01-006")
    out(hall, stick)
    arrive(office, stick)
    back(office, stick)
    assert home(hall, stick).refused is None
    latest = keybook.latest(office.center, "T01")
    assert latest.first_epoch > 1
    assert hall.keys.current.is_listed(latest)
    write(hall, 1)
    out(hall, stick)
    assert arrive(office, stick).refused is None
    assert office.center.logs.state(hall.origin).size == hall.state().size
    assert hall.origin.endswith(f"/{latest.first_epoch}")


def test_above_the_place_of_a_revocation_a_stick_brings_nothing_and_below_it_everything(
    hall: Hall, office: Listening, stick: Path
):
    out(hall, stick)
    with office.center.db.transaction():
        keybook.revoke(office.center, "T01", (1, 4), ("机器被盗", "C-006"))
    taken = arrive(office, stick)
    assert counted(taken) == (4, 0, False) and at_center(office) == 4
    assert taken.refused is not None and taken.refused.reason == "revoked"
    assert "重新入网" in [*taken.lines("center")][-1]
    assert office.center.db.query("SELECT hall FROM hall_contact") == []


def test_a_machine_that_replaced_another_speaks_on_its_stick_of_its_own_logs_only(
    hall: Hall, office: Listening, stick: Path, tmp_path: Path
):
    contact(hall, line_of(hall, office.url))
    with new_hall(tmp_path / "new") as new:
        line = line_of(new, office.url)
        asked = enrolment.ask(new, line, office.url, office.code_for("T01"))
        (waiting,) = [e for e in roster.pending(office.center) if e.digits == asked.digits]
        roster.approve(office.center, waiting.id, "C-006", replaces=True)
        enrolment.ask_again(new, line)
        contact(new, line_of(new, office.url))
        write(new, 2)
        out(new, stick, everything=True)
        assert arrive(office, stick).refused is None
        assert office.center.logs.state(new.origin).size == new.state().size
