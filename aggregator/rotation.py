"""换钥: a new key set of the center, and a hall's new keys, taken over in one transaction each."""

from __future__ import annotations

from aggregator import keybook
from aggregator.center import Center
from sync.keysets import CenterKeys


def install(center: Center, note: bytes, actor: str) -> CenterKeys:
    """Go by a key set that the root signed; every hall's note is signed anew when the roster key
    changed. Halls get both at their next contact.

    Raises:
        Invalid, SyncError, KeyMissing: as ``KeyRing.check``; nothing was changed.
    """
    with center.db.transaction():
        # Whoever admits or revokes a hall at the same time waits, and then signs with the new key.
        center.logs.lock(center.standards_origin)
        ring = center.keys.check(note, keybook.taken(center))
        keybook.sign_anew(center, ring.roster)
        center.keys.install(ring, actor)
    center.keys.refresh()
    return ring.keys
