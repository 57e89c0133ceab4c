"""送达: what halls show of the center's own logs. Proof of what they were given; or that a log was
longer once, or is another there than here, before the center itself can know it.
"""

from __future__ import annotations

from collections.abc import Sequence

from aggregator.center import Center
from aggregator.safekeeping import forks, returning, unheard
from sync.contact.messages import LogHead
from sync.errors import Malformed, UnknownLog
from sync.keys.keysets import HallKeys
from sync.notes import Checkpoint, open_note, text_of


def take_proof(center: Center, keys: HallKeys, head: LogHead) -> bool:
    """Take in a head of one of our own logs, under our signature and the hall's cosignature.

    Returns:
        Whether what the hall holds is the history that stands here, as far as can be said.

    Raises:
        UnknownKey, Malformed: no head of ours where it is not what stands here.
    """
    if head.origin not in ours(center, keys.hall):
        return True
    point = Checkpoint.parse(open_note(head.note.encode(), center.keys.ring.keys.log_keys).text)
    if point.origin != head.origin or point.size > head.size:
        raise Malformed("a head that speaks of another log or size")
    held = _size(center, point.origin)
    if point.size <= held and _keeps(center, keys, point, head.note.encode()):
        return True
    if forks.is_given_up(center, keys.hall, point.origin, point.size):
        return False
    if point.size > min(held, center.offered.reached(point.origin)):
        # Longer; or what stands there was written since and shown to nobody: it makes room.
        returning.found_longer(center, point)
        return True
    forks.note_split(center, keys.hall, point, head.note.encode())
    return False


def _keeps(center: Center, keys: HallKeys, point: Checkpoint, note: bytes) -> bool:
    """Keep this proof when it speaks of the history that stands here; whether it does.

    The first proof for a size stands; one without the hall's cosignature proves nothing.
    """
    with center.db.transaction():
        if center.logs.root_at(point.origin, point.size) != point.root:
            return False
        if open_note(note, [keys.cosigning]).times:
            center.logs.keep_receipt(point.origin, point.size, keys.hall, note)
        return True


def ours(center: Center, hall: str) -> tuple[str, str]:
    """Our own logs that a hall may read."""
    return center.standards_origin, center.orders_origin(hall)


def hear(center: Center, hall: str, heads: Sequence[LogHead]) -> None:
    """A hall was in contact and said what it holds; it is waited for no more when it proved that.

    A hall that believes its proof is here already leaves it out; it sends it again as soon as this
    center said that it is not.
    """
    if unheard.is_heard(center.db, hall):
        return
    mine = ours(center, hall)
    if all(_is_proved(center, hall, head) for head in heads if head.origin in mine):
        unheard.wait_no_more(center.db, hall)
        returning.go_on_where_whole(center)


def _is_proved(center: Center, hall: str, head: LogHead) -> bool:
    if not head.size:
        return True
    if head.note:
        return Checkpoint.parse(text_of(head.note.encode())).size == head.size
    return center.logs.receipt(head.origin, hall, head.size) is not None


def is_unproved(center: Center, hall: str, head: LogHead | None, size: int) -> bool:
    """Whether a hall says without proof what it holds of a log of ours, and it is more than stands
    here, or something stands here that nobody was shown: it may hold another history. It shows its
    proof next time.
    """
    if head is None or (head.size <= size and center.offered.covers(head.origin, size)):
        return False
    if head.size > size:
        # There is nothing to offer it; it may not have heard the answer that asked for its proof.
        return not head.note
    if center.offered.reached(head.origin) >= size or _is_proved(center, hall, head):
        return False
    asked = (hall, head.origin, head.size)
    if asked in center.asked_to_prove:
        # It has none, as programs before this one after a change of their keys.
        center.asked_to_prove.discard(asked)
        return False
    center.asked_to_prove.add(asked)
    return True


def shown(center: Center, origin: str) -> int:
    """How much of a log of ours is given to a hall that asks for its entries: what a head was
    signed over before. Asking says nothing of what the hall holds, and the request may be an old
    one; more is shown only in the answer to a round, or on a stick.
    """
    return min(_size(center, origin), center.offered.reached(origin))


def _size(center: Center, origin: str) -> int:
    try:
        return center.logs.state(origin).size
    except UnknownLog:
        return 0
