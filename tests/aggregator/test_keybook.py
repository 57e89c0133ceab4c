"""Which key of a hall writes which epochs, and what a revocation ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from aggregator.commands import main
from aggregator.halls import roster
from aggregator.keys import keybook
from standards.errors import Invalid
from sync.contact import messages
from sync.errors import UnknownLog
from sync.keys.keysets import HallKeys, Request, key_name
from sync.notes import COSIGNATURE, Signer
from sync.private.sealing import SealingKey
from tests.aggregator.intake_desk import NAME, Asker, Desk, bare_desk, open_desk, refusal
from tests.aggregator.office import Office


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = open_desk(tmp_path / "center")
    yield made
    made.center.close()


class Later(Asker):
    """A second machine of a hall, with keys that the center numbers from an epoch on."""

    def __init__(self, hall: str, first_epoch: int, seed: bytes = b"later".ljust(31, b".")) -> None:
        super().__init__(hall, seed)
        name = key_name(NAME, hall, first_epoch)
        self.asked = super().request
        self.signer = Signer(name, seed + b"s")
        self.cosigner = Signer(name, seed + b"c", COSIGNATURE)
        self.origin = f"{NAME}/{hall}/{first_epoch}"


def ask_as(desk: Desk, asked: Request) -> str:
    """Ask under a fresh code; the id of the request that waits."""
    answer = desk.enrol(asked, desk.code(asked.hall), asked.hall)
    assert answer.status_code == 200, answer.text
    return next(e.id for e in roster.pending(desk.center) if e.state == "pending")


def replace_machine(desk: Desk, first_epoch: int) -> Later:
    later = Later("T01", first_epoch)
    roster.approve(desk.center, ask_as(desk, later.asked), "C-006", replaces=True)
    return later


def revoke(desk: Desk, epoch: int, size: int, reason: str = "机器被盗") -> None:
    with desk.center.db.transaction():
        keybook.revoke(desk.center, "T01", (epoch, size), (reason, "C-006"))


# --- revoking -----------------------------------------------------------------------------------


def test_after_a_revocation_further_batches_and_requests_are_refused_and_history_stays(desk: Desk):
    hall = desk.halls["T01"]
    receipt = desk.push(desk.packed(hall, 0, 5)).data
    revoke(desk, 1, 5)
    answer = desk.push(desk.packed(hall, 5, 6))
    assert refusal(answer) == (403, "revoked") and json.loads(answer.data)["size"] == 5
    asked = desk.round(hall, _round_of(hall))
    assert refusal(asked) == (403, "revoked")
    said = json.loads(asked.data)
    assert (said["reason"], said["epoch"], said["size"]) == ("机器被盗", 1, 5)
    refused = desk.get(hall, f"/sync/v1/logs/{NAME}/standards/1?from=0")
    assert refusal(refused) == (403, "revoked")
    assert desk.push(desk.packed(hall, 0, 5)).data == receipt, "what it proves stays provable"
    assert desk.center.logs.verify(hall.origin) is None


def _round_of(hall: Asker) -> bytes:
    return messages.write(hall.ask())


def test_a_later_epoch_of_a_revoked_key_is_refused_altogether(desk: Desk):
    revoke(desk, 1, 0)
    writer = keybook.writer_of(desk.center, f"{NAME}/T01/2")
    assert writer.revoked_above == 0
    assert refusal(desk.push(desk.packed(desk.halls["T01"], 0, 1))) == (403, "revoked")


def test_a_revocation_needs_a_reason_and_something_to_revoke(desk: Desk):
    with pytest.raises(Invalid, match="原因"):
        revoke(desk, 1, 5, " ")
    revoke(desk, 1, 5)
    with pytest.raises(Invalid, match="没有可以吊销"):
        revoke(desk, 1, 5)
    revoke(desk, 1, 3)
    with pytest.raises(Invalid, match="没有可以吊销"):
        revoke(desk, 1, 9)
    assert [row.keys.revoked_at for row in keybook.keys_of(desk.center, "T01")] == [(1, 3)]


@given(
    st.lists(st.integers(1, 30), min_size=1, max_size=5, unique=True).map(sorted),
    st.tuples(st.integers(1, 32), st.integers(0, 9)),
    st.tuples(st.integers(1, 32), st.integers(0, 9)),
)
def test_above_a_revoked_place_no_key_vouches_and_below_it_all_do_as_before(
    firsts: list[int], place: tuple[int, int], asked: tuple[int, int]
):
    asker = Asker("T01")
    keys = [
        HallKeys(NAME, "T01", asker.signer.verifier, asker.cosigner.verifier, b"x", first_epoch=n)
        for n in [1, *(first for first in firsts if first > 1)]
    ]
    ended = {key.first_epoch: key for key in keybook.end_at(keys, place)}
    writes = [key for key in keys if key.first_epoch <= asked[0]][-1]
    end = ended.get(writes.first_epoch, writes).end_of(asked[0])
    vouches = end is None or asked[1] <= end
    assert vouches == (asked <= place or (asked[1] == 0 and asked[0] > place[0]))


# --- one hall enrolled twice ----------------------------------------------------------------------


def test_a_second_machine_of_a_hall_is_not_admitted_unless_it_replaces_the_first(desk: Desk):
    waiting = ask_as(desk, Later("T01", 2).asked)
    with pytest.raises(Invalid, match="更换机器"):
        roster.approve(desk.center, waiting, "C-006")
    assert len(keybook.keys_of(desk.center, "T01")) == 1
    assert desk.round(desk.halls["T01"], _round_of(desk.halls["T01"])).status_code == 200
    roster.refuse(desk.center, waiting, "C-006")


def test_a_machine_that_replaces_another_takes_over_with_the_next_epoch_and_nothing_doubles(
    desk: Desk,
):
    first = desk.halls["T01"]
    desk.push(desk.packed(first, 0, 4))
    later = replace_machine(desk, 2)
    old, new = keybook.keys_of(desk.center, "T01")
    assert old.keys.revoked_at == (1, 4) and new.keys.first_epoch == 2
    assert refusal(desk.push(desk.packed(first, 4, 6))) == (403, "revoked")
    assert desk.push(desk.packed(first, 0, 4)).status_code == 200
    # The new key cannot write the old epoch, nor the old key the new one.
    assert refusal(desk.push(desk.packed(later, 0, 4, origin=first.origin)))[0] == 403
    assert keybook.writer_of(desk.center, later.origin).verifier == later.signer.verifier
    assert keybook.writer_of(desk.center, first.origin).verifier == first.signer.verifier
    raw = desk.packed(later, 0, 3)
    assert desk.post("/logs/T01/2", raw, "application/vnd.onehall.batch").status_code == 200


def test_keys_that_anybody_has_or_had_are_refused_at_the_ask(desk: Desk):
    first = desk.halls["T01"]
    replace_machine(desk, 2)
    for asked in (first.request, Later("T01", 2).asked):
        answer = desk.enrol(asked, desk.code("T01"), "T01")
        assert refusal(answer) == (403, "enrolment_refused"), "an earlier machine's keys"
    ring = desk.center.keys.ring
    stolen = Request(
        "T01", Signer("x", b"q" * 32).verifier, Signer("x", b"p" * 32, COSIGNATURE).verifier,
        ring.keys.sealing,
    )  # fmt: skip
    assert refusal(desk.enrol(stolen, desk.code("T01"), "T01"))[1] == "enrolment_refused"


def test_a_center_from_before_there_were_later_keys_knows_its_halls(tmp_path: Path):
    desk = open_desk(tmp_path / "center")
    with desk.center.db.transaction():
        desk.center.db.execute("DELETE FROM hall_key")
    keybook.create(desk.center)
    assert keybook.writer_of(desk.center, desk.halls["T01"].origin).name == "T01"
    assert desk.push(desk.packed(desk.halls["T01"], 0, 2)).status_code == 200
    desk.center.close()


def test_an_origin_that_is_no_epoch_of_an_enrolled_hall_is_unknown(desk: Desk):
    for origin in ("T01/0", "T01/01", "T01/x", "T01/-1", "T02/1"):
        with pytest.raises(UnknownLog):
            keybook.writer_of(desk.center, f"{NAME}/{origin}")
    with pytest.raises(UnknownLog):
        keybook.writer_of(desk.center, "other.example/T01/1")


# --- pages and commands -------------------------------------------------------------------------


def enrolled_office(office: Office) -> Asker:
    """A hall of the office with keys of its own."""
    hall = Asker("T01")
    with office.center.db.transaction():
        keybook.give(office.center, hall.request)
    return hall


def test_an_administrator_revokes_a_key_in_two_steps(office: Office):
    enrolled_office(office)
    admin = office.person("guanli")
    assert "有效" in admin.text("/keys") or "等待分厅启用" in admin.text("/keys")
    assert "吊销密钥" in admin.text("/keys/T01")
    assert admin.get("/keys/T01/revoke").status_code == 422, "no reason"
    assert admin.get("/keys/T01/revoke?reason=x&epoch=a&size=1").status_code == 422
    shown = admin.text("/keys/T01/revoke?reason=机器被盗")
    assert "第 1 卷第 0 条之后" in shown and "输入分厅编号确认" in shown
    form = {"reason": "机器被盗", "epoch": "1", "size": "0"}
    assert admin.post("/keys/T01/revoke", form).status_code == 422
    assert admin.post("/keys/T01/revoke", {**form, "hall": "T02"}).status_code == 422
    assert keybook.keys_of(office.center, "T01")[0].keys.revoked_at is None
    assert admin.post("/keys/T01/revoke", {**form, "hall": "t01"}).status_code == 303
    page = admin.text("/keys/T01")
    assert "已吊销" in page and "机器被盗" in page and "Z006" in page and "重新入网" in page
    assert "密钥已吊销" in admin.text("/enrolment")
    again = admin.post("/keys/T01/revoke", {**form, "hall": "T01"})
    assert again.status_code == 422


def test_a_hall_that_is_not_there_has_no_page_and_others_than_administrators_have_none(
    office: Office,
):
    admin = office.person("guanli")
    assert admin.get("/keys/T99").status_code == 404
    assert admin.get("/keys/T99/revoke?reason=x").status_code == 404
    assert admin.post("/keys/T99/revoke").status_code == 404
    assert "还没有入网" in admin.text("/keys/T02")
    assert office.person("duizhang").get("/keys").status_code == 403


def test_a_replacement_is_approved_at_the_page_only_with_the_word_that_it_is_one(office: Office):
    enrolled_office(office)
    with office.center.db.transaction():
        office.center.db.execute(
            "INSERT INTO enrolment VALUES ('e-2', 'T01', :request, :key, '1', 'pending', :at, '', "
            "'')",
            request=Later("T01", 2).asked.text,
            key=b"k",
            at=office.center.clock.stamp(),
        )
    admin = office.person("guanli")
    assert "这是另一台机器" in admin.text("/enrolment")
    refused = admin.post("/enrolment/requests/e-2/approve", {"compared": "1"})
    assert refused.status_code == 422 and "更换机器" in refused.text
    form = {"compared": "1", "replaces": "1"}
    assert admin.post("/enrolment/requests/e-2/approve", form).status_code == 303
    assert [row.keys.first_epoch for row in keybook.keys_of(office.center, "T01")] == [1, 2]


def test_a_key_is_revoked_by_command_after_a_question(tmp_path: Path):
    data = tmp_path / "center"
    desk = bare_desk(data)
    desk.center.settings.save(data)
    desk.admit(Asker("T01"))
    desk.push(desk.packed(desk.halls["T01"], 0, 3))
    words = ["revoke", "T01", "--data", str(data), "--reason", "机器丢失", "--actor", "C-006"]
    no = CliRunner().invoke(main, words, input="n\n")
    assert no.exit_code == 1 and "entry 3 of epoch 1" in no.output
    yes = CliRunner().invoke(main, [*words, "--yes"])
    assert yes.exit_code == 0, yes.output
    assert keybook.keys_of(desk.center, "T01")[0].reason == "机器丢失"
    assert CliRunner().invoke(main, [*words, "--yes"]).exit_code == 1
    desk.center.close()


def test_the_hall_sealing_key_of_the_newest_note_is_the_one_parts_are_sealed_to(desk: Desk):
    later = replace_machine(desk, 2)
    assert roster.hall_keys(desk.center, "T01").sealing == later.sealing.public
    assert SealingKey(b"later".ljust(31, b".") + b"x").public == later.sealing.public
