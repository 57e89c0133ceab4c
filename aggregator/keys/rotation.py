"""换钥: a new key set of the center, and a hall's new keys, taken over in one transaction each."""

from __future__ import annotations

from collections.abc import Sequence

from aggregator.center import Center
from aggregator.keys import keybook
from standards.records import KeysRotated
from sync.entries import Entry
from sync.errors import EnrolmentRefused, Malformed
from sync.keys.keysets import CenterKeys, open_rotation


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


def take_over(center: Center, entries: Sequence[Entry]) -> None:
    """Give each hall that asks for it in its log its new keys; applied again it changes nothing.

    Raises:
        Malformed: not asked for by the key in force, not proved by the new one, a shared key, or
            the key that asks was revoked. The entry is quarantined with this reason.
    """
    for entry in entries:
        if entry.leaf.kind == KeysRotated.kind:
            _give_new_keys(center, entry)


def _give_new_keys(center: Center, entry: Entry) -> None:
    hall, statement = entry.writer, str(entry.logged.statement)
    request = open_rotation(statement.encode(), center.settings.center, hall)
    held = [row.keys for row in keybook.keys_of(center, hall)]
    mine = {request.signing.public, request.cosigning.public, request.sealing}
    if any(keys.publics == mine for keys in held):
        return
    named = [keys for keys in held if str(keys.signing) == entry.logged.succeeds]
    if not named:
        raise Malformed("new keys after a key that this hall never had")
    if named[0] != held[-1]:
        # Asked for before this hall came to other keys, and carried on into a later epoch.
        return
    if held[-1].revoked_at is not None:
        raise Malformed("the key that asks for new keys is not in force any more")
    try:
        keybook.refuse_shared(center, request)
    except EnrolmentRefused as refused:
        raise Malformed(refused.rule) from None
    keybook.give(center, request)
