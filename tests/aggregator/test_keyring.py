"""The center's key sets: an offline root, rotations, and what is never installed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from aggregator.center import Center
from aggregator.commands import main
from aggregator.keys import ceremony, rotation
from standards.errors import Invalid
from standards.records import NumberScheme
from sync.batch import unpack
from sync.contact.sending import signed_head
from sync.errors import KeySetRefused, Malformed, UnknownKey
from sync.keys.keyfiles import KeyMissing
from sync.keys.keysets import CenterKeys, HallKeys
from sync.notes import Signer
from tests.aggregator.intake_desk import Asker, Desk, bare_desk, open_desk
from tests.aggregator.office import Office
from tests.aggregator.rotations import EVERYTHING, rotate, signed, take_root_away


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = open_desk(tmp_path / "center")
    yield made
    made.center.close()


@pytest.fixture
def safe(tmp_path: Path, desk: Desk) -> Path:
    """Where the root is kept; it is gone from the center's machine."""
    take_root_away(desk.center, tmp_path / "safe")
    return tmp_path / "safe"


def reopened(desk: Desk) -> Center:
    return Center(desk.center.data, desk.center.settings)


# --- the root elsewhere -------------------------------------------------------------------------


def test_without_the_root_on_its_machine_a_center_starts_and_admits_halls(desk: Desk, safe: Path):
    keys = desk.center.data / "keys"
    assert not (keys / "root.key").exists() and (safe / "root.key").exists()
    desk.admit(Asker("T02"))
    center = reopened(desk)
    assert str(center.root) == (safe / "root.pub").read_text().strip()
    assert center.keys.note() == desk.center.keys.note()
    center.close()


def test_a_root_moves_once_and_to_one_folder_only(desk: Desk, safe: Path, tmp_path: Path):
    with pytest.raises(Invalid, match="已经移走"):
        take_root_away(desk.center, tmp_path / "elsewhere")
    with pytest.raises(Invalid, match="已经有根密钥"):
        ceremony.new_root(safe, "c.example")


def test_a_move_that_the_power_cut_short_is_finished_by_the_same_command(
    desk: Desk, tmp_path: Path
):
    kept = desk.center.data / "keys" / "root.key"
    seed = kept.read_text()
    take_root_away(desk.center, tmp_path / "safe")
    kept.write_text(seed)
    kept.chmod(0o600)
    take_root_away(desk.center, tmp_path / "safe")
    assert not kept.exists()


def test_a_root_is_not_moved_over_another_root(desk: Desk, tmp_path: Path):
    ceremony.new_root(tmp_path / "other", "c.example")
    with pytest.raises(Invalid, match="另一个根密钥"):
        take_root_away(desk.center, tmp_path / "other")
    assert (desk.center.data / "keys" / "root.key").exists()


def test_a_root_behind_a_passphrase_opens_with_it_only(tmp_path: Path):
    public = ceremony.new_root(tmp_path, "c.example", "一句只有两个人知道的话")
    assert ceremony.open_root(tmp_path, "一句只有两个人知道的话").verifier == public
    with pytest.raises(Invalid, match="口令不对"):
        ceremony.open_root(tmp_path, "另一句话")
    seed = Signer(public.name, b"x" * 32)
    assert seed.verifier != public and (tmp_path / "root.key").stat().st_mode & 0o077 == 0


def test_a_center_whose_public_root_is_another_one_does_not_start(desk: Desk, tmp_path: Path):
    other = ceremony.new_root(tmp_path / "other", "c.example")
    (desk.center.data / "keys" / "root.pub").write_text(f"{other}\n")
    with pytest.raises(KeyMissing, match="not of one root"):
        reopened(desk)


# --- rotating -----------------------------------------------------------------------------------


def test_a_rotation_keeps_what_old_evidence_needs_and_opens_old_parts(desk: Desk, safe: Path):
    before = desk.center.keys.ring
    after = rotate(desk.center, safe)
    ring = desk.center.keys.ring
    assert after.version == 2 and ring.keys == after
    assert before.keys.log in after.log_keys and before.keys.receipts in after.receipts_keys
    assert not {before.keys.log, before.keys.receipts, before.keys.roster} & {
        after.log,
        after.receipts,
        after.roster,
    }
    again = reopened(desk)
    assert again.keys.ring.keys == after and again.sealing.public == after.sealing
    again.close()


def test_after_a_change_of_the_roster_key_every_hall_is_signed_anew(desk: Desk, safe: Path):
    old = desk.center.roster.verifier
    rotate(desk.center, safe, ["roster"])
    note = bytes(desk.center.db.query("SELECT note FROM hall WHERE hall = 'T01'")[0]["note"])
    assert HallKeys.open(note, desk.center.roster.verifier).hall == "T01"
    with pytest.raises(UnknownKey):
        HallKeys.open(note, old)


def test_several_rotations_follow_each_other_and_another_program_sees_them(desk: Desk, safe: Path):
    other = reopened(desk)
    for version, purpose in enumerate(EVERYTHING, start=2):
        assert rotate(desk.center, safe, [purpose]).version == version
    assert other.keys.ring.keys.version == 1
    assert other.keys.refresh().keys == desk.center.keys.ring.keys
    other.close()


def test_a_program_that_did_not_install_them_answers_its_next_request_with_the_new_keys(
    desk: Desk, safe: Path
):
    desk.center.publish(NumberScheme(version=1, template="x"), actor="C-003")
    signed_head(desk.center.logs, desk.center.standards_origin, desk.center.signer)
    other = reopened(desk)
    rotate(other, safe, ["log"])
    target = "/sync/v1/logs/c.example/standards/1?from=0"
    batch = desk.get(desk.halls["T01"], target).data
    assert unpack(batch, [other.signer.verifier]).header.stop == 1
    other.close()


def test_asking_twice_for_one_rotation_wishes_the_same_keys(desk: Desk, safe: Path):
    assert desk.center.keys.wish(["log"]) == desk.center.keys.wish(["log"])
    with pytest.raises(Invalid):
        desk.center.keys.wish([])
    with pytest.raises(Invalid):
        desk.center.keys.wish(["root"])


def test_the_root_never_signs_two_key_sets_of_one_version_nor_an_older_one(desk: Desk, safe: Path):
    root = ceremony.open_root(safe)
    wish = desk.center.keys.wish(["log"])
    assert ceremony.sign_wish(safe, root, wish) == ceremony.sign_wish(safe, root, wish)
    with pytest.raises(KeySetRefused, match="two key sets"):
        ceremony.sign_wish(safe, root, desk.center.keys.wish(["receipts"]))
    with pytest.raises(KeySetRefused, match="older"):
        ceremony.sign_wish(safe, root, desk.center.keys.ring.keys)
    with pytest.raises(Invalid, match="不是这个中心"):
        ceremony.sign_wish(safe, root, replace(wish, center="other.example", version=3))


def test_a_key_set_that_must_not_be_installed_is_refused_and_changes_nothing(
    desk: Desk, safe: Path, tmp_path: Path
):
    center, root = desk.center, ceremony.open_root(safe)
    held, wish = center.keys.ring.keys, center.keys.wish(EVERYTHING)
    foreign = ceremony.open_root(_foreign(tmp_path))
    hall = desk.halls["T01"]
    lost = replace(wish, log=Signer("c.example/log-2", b"l" * 32).verifier)
    refused = [
        (foreign.sign(wish.text), UnknownKey),
        (center.roster.sign(wish.text), UnknownKey),
        (root.sign(replace(wish, version=held.version).text), KeySetRefused),
        (root.sign(replace(wish, version=1 << 31).text), KeySetRefused),
        (root.sign(replace(wish, center="other.example").text), KeySetRefused),
        (root.sign(replace(wish, retired=()).text), Invalid),
        (root.sign(replace(wish, sealing=hall.sealing.public).text), Invalid),
        (root.sign(replace(wish, log=hall.signer.verifier).text), Invalid),
        (root.sign(held.text), Invalid),
        (root.sign(lost.text), KeyMissing),
        (root.sign(held.text.replace("keys/v1", "hall/v1")), Malformed),
    ]
    for note, kind in refused:
        with pytest.raises(kind):
            rotation.install(center, note, "C-006")
        assert center.keys.refresh().keys == held
    assert rotation.install(center, root.sign(wish.text), "C-006") == wish


def _foreign(tmp_path: Path) -> Path:
    ceremony.new_root(tmp_path / "foreign", "c.example")
    return tmp_path / "foreign"


# --- by command ---------------------------------------------------------------------------------


def run(*words: object, typed: str = "") -> Result:
    return CliRunner().invoke(main, [str(word) for word in words], input=typed)


def test_a_center_is_set_up_with_a_root_that_never_was_on_its_machine(tmp_path: Path):
    stick, data = tmp_path / "stick", tmp_path / "center"
    assert (
        run("root", "new", stick, "--center", "c.example", typed="甲乙丙\n甲乙丙\n").exit_code == 0
    )
    made = run("init", "--data", data, "--center", "c.example", "--name", "办公室",
               "--root", stick / "root.pub")  # fmt: skip
    assert made.exit_code == 0, made.output
    assert not (data / "keys" / "root.key").exists() and "root sign" in made.output
    assert run("register", "T01", "--data", data, "--name", "公安").exit_code == 0

    wish, note = tmp_path / "wish.txt", tmp_path / "keys.note"
    assert "not yet" in run("keys", "show", "--data", data).output
    assert run("keys", "request", wish, "--data", data).exit_code == 0
    wrong = run("root", "sign", stick, wish, note, "--yes", typed="甲乙\n")
    assert wrong.exit_code == 1 and not note.exists()
    refused = run("root", "sign", stick, wish, note, typed="n\n")
    assert refused.exit_code == 1 and not note.exists()
    shown = run("root", "sign", stick, wish, note, typed="y\n甲乙丙\n")
    assert shown.exit_code == 0 and "c.example/roster+" in shown.output
    installed = run("keys", "install", note, "--data", data, "--actor", "C-006")
    assert installed.exit_code == 0, installed.output
    facts = run("keys", "show", "--data", data, "--json").output
    assert '"signed": true' in facts and '"root_on_this_machine": false' in facts


def test_a_simple_set_up_says_that_the_root_is_there_and_one_command_takes_it_away(tmp_path: Path):
    data = tmp_path / "center"
    made = run("init", "--data", data, "--center", "c.example", "--name", "办公室")
    assert "root move" in made.output
    shown = run("keys", "show", "--data", data).output
    assert "ON THIS MACHINE" in shown
    assert (data / "keys" / "root.pub").read_text(encoding="utf-8").strip() in shown
    moved = run("root", "move", tmp_path / "stick", "--data", data, "--plain")
    assert moved.exit_code == 0, moved.output
    assert "kept elsewhere" in run("keys", "show", "--data", data).output
    assert run("status", "--data", data).exit_code == 0
    again = run("root", "move", tmp_path / "stick", "--data", data, "--plain")
    assert again.exit_code == 1 and "已经移走" in again.output
    no_root = run("root", "sign", tmp_path, tmp_path / "none", tmp_path / "out", "--yes")
    assert no_root.exit_code == 1


def test_another_root_is_adopted_by_command_after_a_question_and_signs_the_same_keys(
    tmp_path: Path,
):
    data, stick = tmp_path / "center", tmp_path / "stick"
    run("init", "--data", data, "--center", "c.example", "--name", "办公室")
    run("root", "new", stick, "--center", "c.example", "--plain")
    words = ("root", "adopt", stick / "root.pub", "--data", data)
    assert run(*words, typed="n\n").exit_code == 1
    assert (data / "keys" / "root.key").exists()
    assert run(*words, typed="y\n").exit_code == 0
    assert not (data / "keys" / "root.key").exists()
    again = run(*words, "--yes")
    assert again.exit_code == 1 and "已经在用" in again.output
    run("root", "new", tmp_path / "town", "--center", "town.example", "--plain")
    foreign = run("root", "adopt", tmp_path / "town" / "root.pub", "--data", data, "--yes")
    assert foreign.exit_code == 1 and "不是本中心" in foreign.output
    wish, note = tmp_path / "wish.txt", tmp_path / "keys.note"
    assert run("keys", "request", wish, "--data", data).exit_code == 0
    assert run("root", "sign", stick, wish, note, "--yes").exit_code == 0
    assert "Key set 2" in run("keys", "install", note, "--data", data, "--actor", "C-006").output


def test_a_rotation_by_command_takes_four_steps(tmp_path: Path):
    data, stick = tmp_path / "center", tmp_path / "stick"
    run("init", "--data", data, "--center", "c.example", "--name", "办公室")
    run("root", "move", stick, "--data", data, "--plain")
    wish, note = tmp_path / "wish.txt", tmp_path / "keys.note"
    nothing = run("keys", "request", wish, "--data", data)
    assert nothing.exit_code == 1 and "请选择" in nothing.output
    run("keys", "request", wish, "--data", data, "--rotate", "log", "--rotate", "receipts")
    assert run("root", "sign", stick, wish, note, "--yes").exit_code == 0
    assert "Key set 2" in run("keys", "install", note, "--data", data, "--actor", "C-006").output
    twice = run("keys", "install", note, "--data", data, "--actor", "C-006")
    assert twice.exit_code == 1 and "已经在用" in twice.output


def test_a_rotation_at_the_page_takes_a_file_there_and_a_text_back(office: Office, tmp_path: Path):
    admin, center, safe = office.person("guanli"), office.center, tmp_path / "safe"
    assert "根密钥还在这台机器上" in admin.text("/keys")
    take_root_away(center, safe)
    assert "根密钥还在这台机器上" not in admin.text("/keys")
    nothing = admin.post("/keys/request", {})
    assert nothing.status_code == 422 and "请选择" in nothing.text
    file = admin.post("/keys/request", {"rotate": ["log", "receipts"]})
    assert file.status_code == 200 and "keys-2.txt" in file.headers["Content-Disposition"]
    note = ceremony.sign_wish(safe, ceremony.open_root(safe), CenterKeys.parse(file.text))
    altered = note.decode().replace("receipts-2", "receipts-3")
    for wrong in (file.text, "", altered, note.decode() + "x"):
        refused = admin.post("/keys/install", {"note": wrong})
        assert refused.status_code == 422 and "不是可以启用的密钥清单" in refused.text
    typed = note.decode().replace("\n", "\r\n")
    assert admin.post("/keys/install", {"note": typed}).status_code == 303
    assert center.keys.ring.keys.version == 2 and "清单第 2 版" in admin.text("/keys")
    assert "已经在用" in admin.post("/keys/install", {"note": typed}).text
    assert office.person("duizhang").post("/keys/install", {"note": typed}).status_code == 403


def test_before_the_root_signed_a_hall_that_asks_is_told_to_come_later(tmp_path: Path):
    stick, data = tmp_path / "stick", tmp_path / "center"
    ceremony.new_root(stick, "c.example")
    (data / "keys").mkdir(parents=True)
    (data / "keys" / "root.pub").write_text((stick / "root.pub").read_text())
    desk = bare_desk(data)
    answer = desk.enrol(Asker("T01").request, desk.code("T01"))
    assert answer.status_code == 503 and answer.headers["Retry-After"]
    note = signed(desk.center, stick, ())
    rotation.install(desk.center, note, "C-006")
    assert desk.enrol(Asker("T01").request, desk.code("T01")).status_code == 200
    desk.center.close()
