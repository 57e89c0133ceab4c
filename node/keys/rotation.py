"""换钥: this hall goes over to new keys, by itself or because its old ones are not valid any more.

New keys are made here and shown to the center in the hall's own log; the center lists them from the
next epoch on; the hall opens that epoch when its new roster note is here. Knows no Flask.
"""

from __future__ import annotations

from dataclasses import dataclass

from node.hall import Hall
from node.keys import enrolment
from standards.errors import Invalid
from standards.records import KeysRotated
from sync.keys.keysets import sign_rotation
from sync.storage.store import Row


@dataclass(frozen=True)
class Standing:
    """How the keys of this hall stand.

    Args:
        waiting_since: when new keys were last shown to the center (UTC text); empty when none wait.
        sent: the center has received that.
    """

    name: str
    first_epoch: int
    older: int
    waiting_since: str
    sent: bool


def standing(hall: Hall) -> Standing:
    """For the page and the command."""
    current = hall.keys.current
    waiting = hall.keys.waiting()
    asked = _last_asked(hall) if waiting is not None else None
    return Standing(
        str(current.signer.verifier),
        current.first_epoch,
        len(hall.keys.sets) - 1,
        str(asked["at"]) if asked else "",
        asked is not None and asked["idx"] < hall.logs.state(asked["origin"]).mark.size,
    )


def _last_asked(hall: Hall) -> Row | None:
    rows = hall.db.query("SELECT origin, idx, at FROM keys_rotated ORDER BY at DESC LIMIT 1")
    return rows[0] if rows else None


def ask(hall: Hall, actor: str) -> None:
    """Make new keys, if none wait yet, and write into the log that they are to follow.

    Raises:
        Invalid: the hall is not enrolled.
        DiskFull: nothing was written.
    """
    known = enrolment.trust(hall)
    if known is None or known.state != "approved":
        raise Invalid({"": "本厅还没有入网,不需要换钥"})
    waiting = hall.keys.waiting(make=True)
    assert waiting is not None
    request = waiting.request(hall.settings.hall)
    statement = sign_rotation(waiting.signer, hall.settings.center, request)
    succeeds = str(hall.signer.verifier)
    hall.write(KeysRotated(statement=statement.decode(), succeeds=succeeds), actor=actor)
