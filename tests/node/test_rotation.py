"""A hall goes over to new keys, and asks anew when its old ones are not valid any more."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from aggregator.halls import roster
from aggregator.keys import keybook
from aggregator.receiving.apply import apply_all
from node.app import create_app
from node.commands import main
from node.hall import Hall
from node.keys import enrolment, rotation
from node.outbox.syncing import Syncing, contact
from standards.errors import Invalid
from standards.records import KeysRotated, StaffMember
from sync.errors import Revoked
from sync.keys import keyfiles
from sync.keys.keysets import sign_rotation
from sync.notes import Signer
from tests.independent.center import CENTER, Listening, office
from tests.node.contacts import enrolled, hall, line_of, meet, new_hall
from tests.node.hall import Browser

__all__ = ["hall", "office"]

RECORD = StaffMember(staff_no="T01-003", name="赵小明")


def numbers(office: Listening) -> list[int]:
    return [row.keys.first_epoch for row in keybook.keys_of(office.center, "T01")]


def quarantined(office: Listening) -> list[str]:
    return [str(r["reason"]) for r in office.center.db.query("SELECT reason FROM quarantine")]


def rotated(hall: Hall, office: Listening) -> None:
    rotation.ask(hall, "T01-006")
    for _ in range(3):
        meet(hall, office)


def test_a_hall_goes_over_to_new_keys_in_the_epoch_after_and_keeps_what_the_old_ones_signed(
    hall: Hall, office: Listening
):
    hall.write(RECORD, actor="T01-003")
    meet(hall, office)
    old = hall.signer.verifier
    rotated(hall, office)
    assert numbers(office) == [1, 2] and quarantined(office) == []
    assert hall.signer.verifier != old and hall.keys.current.first_epoch == 2
    hall.write(RECORD, actor="T01-003")
    meet(hall, office)
    assert keybook.writer_of(office.center, f"{CENTER}/T01/1").verifier == old
    assert keybook.writer_of(office.center, f"{CENTER}/T01/2").verifier == hall.signer.verifier
    again = Hall(hall.data, hall.settings)
    assert again.signer.verifier == hall.signer.verifier
    again.close()


def test_hall_keys_are_rotated_again_and_again(hall: Hall, office: Listening):
    for _ in range(3):
        rotated(hall, office)
    assert numbers(office) == [1, 2, 3, 4] and quarantined(office) == []
    assert [one.first_epoch for one in hall.keys.sets] == [1, 2, 3, 4]
    assert len({one.signer.verifier.public for one in hall.keys.sets}) == 4


def test_the_old_key_may_not_ask_any_more_once_the_new_one_did(
    hall: Hall, office: Listening, tmp_path: Path
):
    old = line_of(hall, office.url)
    rotated(hall, office)
    with pytest.raises(Revoked, match="later key"):
        old.send("POST", "/sync/v1/round", b"{}", "application/json")


def test_asking_twice_changes_keys_once(hall: Hall, office: Listening):
    rotation.ask(hall, "T01-006")
    rotation.ask(hall, "T01-006")
    for _ in range(3):
        meet(hall, office)
    assert numbers(office) == [1, 2] and quarantined(office) == []


CUTS = [("write_file", 1), ("write_file", 2), ("write_file", 3), ("remove_file", 2)]


@pytest.mark.parametrize(("step", "nth"), CUTS)
def test_power_may_go_while_new_keys_get_their_number(
    hall: Hall, office: Listening, step: str, nth: int, monkeypatch: pytest.MonkeyPatch
):
    rotation.ask(hall, "T01-006")
    meet(hall, office)
    real, calls = getattr(keyfiles, step), count(1)

    def cut(*args: Any) -> None:
        if next(calls) == nth:
            raise OSError("power cut")
        real(*args)

    monkeypatch.setattr(keyfiles, step, cut)
    with pytest.raises(OSError, match="power cut"):
        contact(hall, line_of(hall, office.url))
    monkeypatch.undo()
    hall.close()
    again = Hall(hall.data, hall.settings)
    for _ in range(2):
        meet(again, office)
    assert again.keys.current.first_epoch == 2 and again.keys.waiting() is None
    assert numbers(office) == [1, 2]
    again.close()


# --- statements that are not believed -------------------------------------------------------------


def test_new_keys_of_somebody_else_or_without_proof_or_shared_are_quarantined(
    hall: Hall, office: Listening
):
    keys = hall.keys.renew()
    mine, other = keys.request("T01"), keys.request("T02")
    stranger = Signer("x", b"x" * 32)
    wrong = [
        sign_rotation(stranger, CENTER, mine),
        sign_rotation(keys.signer, "other.example", mine),
        sign_rotation(keys.signer, CENTER, other),
        sign_rotation(hall.signer, CENTER, hall.keys.current.request("T01"))[:-20],
        sign_rotation(keys.signer, CENTER, mine).replace(b"rotate/v1", b"rotate/v2"),
        b"\n\n",
    ]
    after = str(hall.signer.verifier)
    for note in wrong:
        hall.write(KeysRotated(statement=note.decode(), succeeds=after), actor="T01-006")
    proved = sign_rotation(keys.signer, CENTER, mine).decode()
    hall.write(KeysRotated(statement=proved, succeeds=str(stranger.verifier)), actor="T01-006")
    meet(hall, office)
    assert numbers(office) == [1] and len(quarantined(office)) == len(wrong) + 1


def test_the_keys_of_another_hall_are_not_taken_over_however_well_proved(
    hall: Hall, office: Listening, tmp_path: Path
):
    with new_hall(tmp_path / "two", "T02") as two:
        enrolled(two, office)
        current = two.keys.current
        note = sign_rotation(current.signer, CENTER, current.request("T01"))
    after = str(hall.signer.verifier)
    hall.write(KeysRotated(statement=note.decode(), succeeds=after), actor="T01-006")
    meet(hall, office)
    assert numbers(office) == [1] and len(quarantined(office)) == 1


def test_a_key_that_was_revoked_gets_no_successor_by_its_own_word(hall: Hall, office: Listening):
    rotation.ask(hall, "T01-006")
    contact(hall, line_of(hall, office.url))
    with office.center.db.transaction():
        keybook.revoke(office.center, "T01", (1, 1), ("机器被盗", "C-006"))
    apply_all(office.center)
    assert numbers(office) == [1]
    assert "not in force" in quarantined(office)[0]


# --- revoked, and asking anew ---------------------------------------------------------------------


def test_a_revoked_hall_reads_why_works_on_and_comes_back_with_new_keys(
    hall: Hall, office: Listening
):
    hall.write(RECORD, actor="T01-003")
    meet(hall, office)
    with office.center.db.transaction():
        place = keybook.held_place(office.center, "T01")
        keybook.revoke(office.center, "T01", place, ("机器被盗", "C-006"))
    syncing = Syncing(hall)
    status = syncing.turn()
    assert status.error_code == "revoked" and "机器被盗" in status.last_error
    hall.write(RECORD, actor="T01-003")
    old = hall.signer.verifier

    asked = enrolment.ask(
        hall, line_of(hall, office.url), office.url, office.code_for("T01"), anew=True
    )
    (waiting,) = [e for e in roster.pending(office.center) if e.state == "pending"]
    assert waiting.digits == asked.digits
    roster.approve(office.center, waiting.id, "C-006", replaces=True)
    found = enrolment.ask_again(hall, line_of(hall, office.url))
    assert found is not None and found.state == "approved"
    assert hall.signer.verifier != old and hall.keys.current.first_epoch == 2
    assert [syncing.turn().error_code for _ in range(2)] == ["", ""]
    apply_all(office.center)
    rows = office.center.db.query("SELECT staff_no FROM staff_member")
    assert len(rows) == 2, "what was written while it was revoked came in the new epoch, once"
    assert quarantined(office) == [] and hall.state().mark.size == hall.state().size


def test_an_enrolled_hall_is_not_enrolled_anew_by_mistake(hall: Hall, office: Listening):
    with pytest.raises(Invalid, match="已经入网"):
        enrolment.ask(hall, line_of(hall, office.url), office.url, office.code_for("T01"))
    assert hall.keys.waiting() is None


def test_a_new_machine_takes_over_a_hall_and_the_old_one_is_refused(
    hall: Hall, office: Listening, tmp_path: Path
):
    hall.write(RECORD, actor="T01-003")
    meet(hall, office)
    with new_hall(tmp_path / "new") as new:
        asked = enrolment.ask(new, line_of(new, office.url), office.url, office.code_for("T01"))
        (waiting,) = [e for e in roster.pending(office.center) if e.digits == asked.digits]
        roster.approve(office.center, waiting.id, "C-006", replaces=True)
        enrolment.ask_again(new, line_of(new, office.url))
        assert new.keys.current.first_epoch == 2 and len(new.keys.sets) == 1
        new.write(RECORD, actor="T01-003")
        meet(new, office)
        meet(new, office)
        came_back = new.logs.payload(f"{CENTER}/T01/1", 0)
        assert came_back is not None and "赵小明" in came_back.decode()
        assert new.origin == f"{CENTER}/T01/2" and new.state().mark.size == new.state().size
        with pytest.raises(Revoked):
            contact(hall, line_of(hall, office.url))
        again = Hall(new.data, new.settings)
        assert again.signer.name == f"{CENTER}/T01/2"
        again.close()


# --- page and command -----------------------------------------------------------------------------


def test_the_page_shows_the_key_and_changes_it(hall: Hall, office: Listening):
    admin = Browser(create_app(hall).test_client()).sign_in("root")
    shown = admin.get("/enrolment").text
    assert "本厅密钥" in shown and "第 1 卷起" in shown
    assert admin.post("/enrolment/rotate").status_code == 303
    assert "已写入日志，等待上报" in admin.get("/enrolment").text
    meet(hall, office)
    assert "中心已收到，等待启用" in admin.get("/enrolment").text
    meet(hall, office)
    shown = admin.get("/enrolment").text
    assert "第 2 卷起" in shown and "没有进行中的换钥" in shown
    assert "重新入网" in admin.get("/enrolment?anew=1").text


def test_keys_are_shown_and_changed_by_command(tmp_path: Path, office: Listening):
    data = tmp_path / "hall"
    with new_hall(data) as made:
        made.settings.save(data)
        early = CliRunner().invoke(
            main, ["keys", "rotate", "--data", str(data), "--actor", "T01-006"]
        )
        enrolled(made, office)
    assert early.exit_code == 1 and "没有入网" in early.output
    done = CliRunner().invoke(main, ["keys", "rotate", "--data", str(data), "--actor", "T01-006"])
    assert done.exit_code == 0, done.output
    shown = CliRunner().invoke(main, ["keys", "show", "--data", str(data), "--json"])
    facts = json.loads(shown.output)
    assert facts["first_epoch"] == 1 and facts["waiting_since"] and not facts["sent"]
