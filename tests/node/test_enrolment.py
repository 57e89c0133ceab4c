"""How a hall becomes known to a center, and what it does not believe on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from aggregator.halls import roster
from node.hall import Hall
from node.keys import enrolment
from standards.errors import Invalid
from sync.contact import messages
from sync.contact.messages import EnrolAnswer
from sync.errors import EnrolmentRefused, NotOurs, Unreachable
from sync.keys.keysets import HallKeys, code_key, code_mac, sign_hall
from sync.notes import COSIGNATURE, Signer, Verifier
from sync.private.sealing import SealingKey
from tests.independent.center import CENTER, Listening, office
from tests.node.contacts import Broken, Forged, enrolled, line_of, new_hall

__all__ = ["office"]


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    with new_hall(tmp_path / "hall") as made:
        yield made


def ask(hall: Hall, office: Listening, code: str) -> enrolment.Trust:
    return enrolment.ask(hall, line_of(hall, office.url), office.url, code)


def test_with_the_right_code_both_sides_show_the_same_thirty_digits(hall: Hall, office: Listening):
    asked = ask(hall, office, office.code_for("T01"))
    assert asked.state == "pending"
    assert [one.digits for one in roster.pending(office.center)] == [asked.digits]
    assert len(asked.digits.replace(" ", "")) == 30
    assert enrolment.peer(hall) is None


def test_a_code_may_be_typed_small_and_with_hyphens(hall: Hall, office: Listening):
    code = office.code_for("T01").lower()
    assert ask(hall, office, f" {code[:5]}-{code[5:]} ").state == "pending"


def test_until_the_center_approves_asking_again_changes_nothing(hall: Hall, office: Listening):
    asked = ask(hall, office, office.code_for("T01"))
    assert enrolment.ask_again(hall, line_of(hall, office.url)) == asked


def test_after_approval_the_hall_trusts_the_keys_that_the_pinned_root_signed(
    hall: Hall, office: Listening
):
    enrolled(hall, office)
    peer = enrolment.peer(hall)
    assert peer is not None
    assert peer.keys.log == office.center.signer.verifier
    assert peer.root == office.center.root
    assert [row.state for row in roster.halls(office.center)] == ["enrolled"]


def test_a_hall_that_is_enrolled_cannot_be_enrolled_again(hall: Hall, office: Listening):
    enrolled(hall, office)
    with pytest.raises(Invalid, match="已经入网"):
        ask(hall, office, office.code_for("T01"))


def test_a_wrong_code_is_refused_and_nothing_is_kept(hall: Hall, office: Listening):
    office.code_for("T01")
    with pytest.raises(EnrolmentRefused):
        ask(hall, office, "AAAAAAAAAA")
    assert enrolment.trust(hall) is None
    assert roster.pending(office.center) == []


def test_wrong_codes_from_anybody_do_not_spoil_the_right_one(hall: Hall, office: Listening):
    code = office.code_for("T01")
    for _ in range(6):
        with pytest.raises(EnrolmentRefused):
            ask(hall, office, "AAAAAAAAAA")
    assert ask(hall, office, code).state == "pending"


def test_the_code_of_one_hall_does_not_let_another_in(hall: Hall, office: Listening):
    office.code_for("T01")
    with pytest.raises(EnrolmentRefused):
        ask(hall, office, office.code_for("T02"))


def test_a_refused_hall_knows_it_and_may_ask_anew_with_another_code(hall: Hall, office: Listening):
    ask(hall, office, office.code_for("T01"))
    roster.refuse(office.center, roster.pending(office.center)[0].id, "ZX-01")
    found = enrolment.ask_again(hall, line_of(hall, office.url))
    assert found is not None and found.state == "refused"
    assert enrolment.peer(hall) is None
    enrolled(hall, office)


def test_a_center_that_cannot_be_reached_changes_nothing(hall: Hall, office: Listening):
    with pytest.raises(Unreachable):
        enrolment.ask(hall, Broken(Unreachable("no line")), office.url, office.code_for("T01"))
    assert enrolment.trust(hall) is None


def test_a_center_of_another_name_than_the_hall_was_set_up_for_is_refused(
    tmp_path: Path, office: Listening
):
    code = office.code_for("T01")
    with new_hall(tmp_path / "other", center="elsewhere.example") as stray:
        with pytest.raises(EnrolmentRefused):
            ask(stray, office, code)
        assert enrolment.trust(stray) is None


# --- somebody on the line -----------------------------------------------------------------------

STRANGER = Signer(f"{CENTER}/root", b"s" * 32)


def forging(change: Callable[[EnrolAnswer], EnrolAnswer]) -> Callable[[bytes], bytes]:
    return lambda raw: messages.write(change(messages.read(raw, EnrolAnswer)))


def test_a_root_put_in_by_somebody_without_the_code_is_not_believed(hall: Hall, office: Listening):
    def other_root(answer: EnrolAnswer) -> EnrolAnswer:
        return msgspec.structs.replace(answer, root=str(STRANGER.verifier))

    line = Forged(line_of(hall, office.url), forging(other_root))
    with pytest.raises(NotOurs):
        enrolment.ask(hall, line, office.url, office.code_for("T01"))
    assert enrolment.trust(hall) is None


def test_a_root_that_changed_after_the_digits_were_compared_is_not_believed(
    hall: Hall, office: Listening
):
    code = office.code_for("T01")
    before = ask(hall, office, code)
    office.approve("T01", before.digits)

    def other_root(answer: EnrolAnswer) -> EnrolAnswer:
        root = str(STRANGER.verifier)
        mac = code_mac(code_key(code, "T01"), root, "answer")
        return msgspec.structs.replace(answer, root=root, mac=mac)

    with pytest.raises(NotOurs):
        enrolment.ask_again(hall, Forged(line_of(hall, office.url), forging(other_root)))
    assert enrolment.trust(hall) == before


def test_a_roster_that_lists_other_keys_for_this_hall_is_not_believed(
    hall: Hall, office: Listening
):
    before = ask(hall, office, office.code_for("T01"))
    office.approve("T01", before.digits)
    mine = enrolment.request_of(hall)
    foreign = Signer(f"{CENTER}/T01", b"f" * 32)
    cosigner = Signer(f"{CENTER}/T01", b"g" * 32, COSIGNATURE)
    changes: list[dict[str, object]] = [
        {"signing": foreign.verifier},
        {"cosigning": cosigner.verifier},
        {"sealing": SealingKey(b"h" * 32).public},
        {"hall": "T02"},
    ]
    for changed in changes:
        listed = HallKeys(
            CENTER,
            *("T01", _named(mine.signing), _named(mine.cosigning), mine.sealing),
        )
        note = sign_hall(office.center.roster, _changed(listed, changed)).decode()

        def other_keys(answer: EnrolAnswer, note: str = note) -> EnrolAnswer:
            return msgspec.structs.replace(answer, hall=note)

        with pytest.raises(NotOurs):
            enrolment.ask_again(hall, Forged(line_of(hall, office.url), forging(other_keys)))
        assert enrolment.trust(hall) == before
    found = enrolment.ask_again(hall, line_of(hall, office.url))
    assert found is not None and found.state == "approved"


def _named(verifier: Verifier) -> Verifier:
    return Verifier(f"{CENTER}/T01", verifier.public, verifier.kind)


def _changed(listed: HallKeys, changed: dict[str, object]) -> HallKeys:
    values = {name: getattr(listed, name) for name in HallKeys.__dataclass_fields__}
    return HallKeys(**{**values, **changed})
