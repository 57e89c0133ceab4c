"""A center that was put back, on both engines: what it does with what halls prove and bring."""

from __future__ import annotations

import pytest
from msgspec import structs

from aggregator.center import Center
from aggregator.safekeeping import forks, returning, set_aside, unheard
from standards.records import NumberScheme
from sync.batch import MEDIA_TYPE, hashes_of, pack_relayed
from sync.contact import messages
from sync.contact.messages import LogHead, RoundAnswer
from sync.contact.sending import signed_head
from sync.drafts import Draft, drawn_up
from sync.entries import encode_leaf
from sync.errors import ComesBack
from sync.merkle import root_of
from sync.notes import Checkpoint
from sync.storage.tables import records
from tests.aggregator.intake_desk import Asker, Desk


def scheme(version: int) -> NumberScheme:
    return NumberScheme(version=version, template=f"{{tail}}{version}")


def versions(center: Center) -> list[int]:
    return [one.version for one in records(center.db, NumberScheme)]


@pytest.fixture
def lost(desk: Desk) -> tuple[Desk, list[bytes]]:
    """A center that holds version 1, and what it once had published after it and does not know."""
    center = desk.center
    center.publish(scheme(1), actor="ZX-01")
    signed_head(center.logs, center.standards_origin, center.signer)
    leaf, _ = drawn_up(Draft(scheme(2), "ZX-01", None), center.clock, 1)
    return desk, [*center.logs.leaves(center.standards_origin, 0, 1), encode_leaf(leaf)]


def proof(desk: Desk, hall: Asker, leaves: list[bytes]) -> tuple[Checkpoint, bytes, bytes]:
    """A head of the standards as the center signed it, and under the hall's cosignature."""
    center = desk.center
    head = Checkpoint(center.standards_origin, len(leaves), root_of(hashes_of(leaves)))
    note = center.signer.sign(head.text)
    return head, note, note + hall.cosigner.cosign(head.text, 1)


def told(desk: Desk, hall: Asker, leaves: list[bytes]) -> RoundAnswer:
    """A round in which the hall shows that proof."""
    head, _, note = proof(desk, hall, leaves)
    shown = LogHead(origin=head.origin, size=head.size, note=note.decode())
    answer = desk.round(hall, messages.write(structs.replace(hall.ask(), logs=(shown,))))
    assert answer.status_code == 200, answer.text
    return messages.read(answer.data, RoundAnswer)


def test_what_nobody_was_shown_makes_room_and_goes_on_behind(lost: tuple[Desk, list[bytes]]):
    desk, leaves = lost
    center, hall = desk.center, desk.halls["T01"]
    center.publish(scheme(7), actor="ZX-01")
    wants = told(desk, hall, leaves).wants
    assert isinstance(wants, tuple)
    (want,) = wants
    assert (want.origin, want.size) == (center.standards_origin, 1)
    assert set_aside.counts(center) == {center.standards_origin: 1} and versions(center) == [1]
    with pytest.raises(ComesBack):
        center.publish(scheme(8), actor="ZX-01")
    head, note, _ = proof(desk, hall, leaves)
    raw = pack_relayed(hall.signer, (head, note), 1, 2, (leaves[1:], {}, center.sealing.public))
    brought = desk.post("/logs/standards/1", raw, MEDIA_TYPE)
    assert brought.status_code == 200, brought.text
    assert versions(center) == [1, 2, 7] and set_aside.counts(center) == {}
    center.publish(scheme(8), actor="ZX-01")
    ways = {(one.way, one.first, one.stop) for one in returning.returned(center)}
    assert ways == {("own", 1, 2), ("behind", 2, 3)}


def test_what_was_shown_is_a_fork_and_nothing_of_it_moves(lost: tuple[Desk, list[bytes]]):
    desk, leaves = lost
    center, hall = desk.center, desk.halls["T01"]
    center.publish(scheme(7), actor="ZX-01")
    ours = signed_head(center.logs, center.standards_origin, center.signer)
    answer = told(desk, hall, leaves)
    (head,) = [one for one in answer.logs if one.origin == center.standards_origin]
    assert head.size == 2 and head.note.encode() == ours, "equal sizes, and said all the same"
    (split,) = forks.split_heads(center)
    assert (split.hall, split.size, split.ours.encode()) == ("T01", 2, ours)
    assert versions(center) == [1, 7] and unheard.waited_for(center.db) == {}
    told(desk, hall, leaves)
    assert len(forks.split_heads(center)) == 1


def test_whoever_is_waited_for_is_heard_once_and_not_asked_again(lost: tuple[Desk, list[bytes]]):
    desk, leaves = lost
    center, hall = desk.center, desk.halls["T01"]
    other = Asker("T02")
    desk.admit(other)
    unheard.wait_for_all(center.db, center.clock.stamp())
    told(desk, hall, leaves[:1])
    unheard.wait_for_all(center.db, center.clock.stamp())
    assert list(unheard.waited_for(center.db)) == ["T02"]
    assert unheard.holds(center.db, center.standards_origin)
    assert not unheard.holds(center.db, center.orders_origin("T01"))
    assert unheard.holds(center.db, center.orders_origin("T02"))
    returning.go_on_unheard(center, "T02")
    assert not unheard.holds(center.db, center.orders_origin("T02"))
    center.publish(scheme(2), actor="ZX-01")
