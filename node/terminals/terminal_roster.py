"""终端名册: the numbers and masked names that a kiosk may keep, for three days at most.

All that a stolen kiosk can tell of anybody: numbers, first characters of names. No template, no
PIN, no telephone. Signed by the hall, so that nobody else can put a name on its screen.
"""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import Final

import msgspec

from node.hall import Hall
from node.staff import members
from node.terminals import terminal_keys, terminals

GOOD_FOR: Final = timedelta(hours=72)


class Roster(msgspec.Struct, frozen=True, kw_only=True):
    """People on post (number, masked name), and the numbers of who is no more."""

    roster_ver: str
    expires_at: str
    upserts: tuple[tuple[str, str], ...]
    tombstones: tuple[str, ...]


def roster(here: Hall, since: str) -> tuple[str, str]:
    """The roster as text, and the hall's signature over it (hex).

    Args:
        since: the version that the kiosk has; then only the expiry is told anew where it is the
            present one.
    """
    everybody = members.members(here)
    on_post = tuple((one.staff_no, one.masked_name) for one in everybody if one.staff.active)
    gone = tuple(one.staff_no for one in everybody if not one.staff.active)
    version = sha256(msgspec.json.encode((on_post, gone))).hexdigest()[:16]
    known = version == since
    told = Roster(
        roster_ver=version,
        expires_at=terminals.stamp_in(here, GOOD_FOR),
        upserts=() if known else on_post,
        tombstones=() if known else gone,
    )
    text = msgspec.json.encode(told)
    return text.decode(), terminal_keys.hall_keys(here).sign(text).hex()
