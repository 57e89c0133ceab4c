"""Filling the tables anew after entries of an own log came back or went on in another epoch.

Own entries are applied when they are written. What comes back later would be applied in another
order than at the other side, so all tables are filled again in the order of the logs: both sides
then have the same rows. What does not fit any more is quarantined with its reason, as everywhere.
"""

from __future__ import annotations

from sync.applied.applying import rebuild_log, refill
from sync.failpoints import fp
from sync.log import LogStore
from sync.recovery.epochs import in_order


def has_unsettled(logs: LogStore) -> bool:
    """Is there an own log of which not all is applied?"""
    return any(state.own and state.applied < state.size for state in logs.states())


def settle(logs: LogStore) -> None:
    """Fill every table anew when own entries came back; one transaction, readers see old or new."""
    if not has_unsettled(logs):
        return
    with logs.db.transaction():
        held = {state.origin: logs.lock(state.origin) for state in logs.states()}
        logs.tables.clear(logs.db)
        for state in held.values():
            if not state.own:
                rebuild_log(logs, state)
        ids: set[tuple[str, str]] = set()
        for origin in in_order(o for o, state in held.items() if state.own):
            for sql in _FORGET:
                logs.db.execute(sql, origin=origin)
            refill(logs, held[origin], ids)
        fp("tail.refilled")


_FORGET = (
    "DELETE FROM quarantine WHERE origin = :origin",
    "DELETE FROM personal_term WHERE origin = :origin",
    "DELETE FROM personal_index WHERE origin = :origin",
)
