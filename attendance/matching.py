"""Which punch is which sign of a shift. Pure.

Scans shortly after one another are one sign, of which the best one counts for each slot. Signs are
given to slots in the order of both, so that as many slots as can be have one, and then as little
as can be is late or early; what a terminal says about in or out only breaks ties, and after that
the first sign in and the last sign out are taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from attendance.shifts import Slot
from standards.timetables import Direction

Cost = tuple[int, float, int, float]
"""slots without a sign, seconds out of time, hints that say otherwise, seconds from the edge"""
_NOTHING: Cost = (0, 0.0, 0, 0.0)


class Sign(NamedTuple):
    """A punch as the derivation sees it; `hint`: in or out; `doubtful`: its time may be wrong."""

    at: datetime
    id: str = ""
    hint: str = ""
    doubtful: bool = False


def in_window(sign: Sign, slots: Sequence[Slot]) -> bool:
    """Whether a punch counts for a shift at all."""
    at = sign.at
    return any(slot.opens <= at <= slot.closes for slot in slots)


def matched(slots: Sequence[Slot], signs: Sequence[Sign], repeat_seconds: int) -> list[Sign | None]:
    """The sign of each slot, or None.

    Args:
        signs: in order, each in the window of a slot.
    """
    if not signs:
        return [None] * len(slots)
    clusters = _clusters(_heard(signs), timedelta(seconds=repeat_seconds))
    return _plain(slots, clusters) or _best(slots, clusters)


def _heard(signs: Sequence[Sign]) -> Sequence[Sign]:
    """A terminal whose keys nobody presses says "in" of everybody: alone that says nothing."""
    hints = {sign.hint for sign in signs}
    if Direction.OUT in hints or hints == {""}:
        return signs
    return [sign._replace(hint="") for sign in signs]


def _clusters(signs: Sequence[Sign], apart: timedelta) -> list[list[Sign]]:
    """Scans no further than ``apart`` from the first of them are one sign."""
    found: list[list[Sign]] = []
    for sign in signs:
        if found and sign.at - found[-1][0].at <= apart:
            found[-1].append(sign)
        else:
            found.append([sign])
    return found


def _plain(slots: Sequence[Slot], clusters: Sequence[list[Sign]]) -> list[Sign | None]:
    """The answer when no cluster could be a sign of two slots; empty otherwise."""
    found: list[Sign | None] = [None] * len(slots)
    best: list[Cost | None] = [None] * len(slots)
    for cluster in clusters:
        fitting = [place for place, slot in enumerate(slots) if _fits(slot, cluster)]
        if len(fitting) > 1:
            return []
        for place in fitting:
            if found[place] is None and len(cluster) == 1:
                found[place] = cluster[0]
                continue
            so_far, slot = found[place], slots[place]
            if so_far is not None and best[place] is None:
                best[place] = _cost(slot, so_far)
            cost, sign = _chosen(slot, cluster)
            known = best[place]
            if known is None or cost < known:
                found[place], best[place] = sign, cost
    return found


def _fits(slot: Slot, cluster: Sequence[Sign]) -> bool:
    opens, closes = slot.opens, slot.closes
    if len(cluster) == 1:
        return opens <= cluster[0].at <= closes
    return any(opens <= sign.at <= closes for sign in cluster)


def _chosen(slot: Slot, cluster: Sequence[Sign]) -> tuple[Cost, Sign]:
    inside = [sign for sign in cluster if slot.opens <= sign.at <= slot.closes]
    return min((_cost(slot, sign), sign) for sign in inside)


def _cost(slot: Slot, sign: Sign) -> Cost:
    comes = slot.sign is Direction.IN
    off = (sign.at - slot.due if comes else slot.due - sign.at).total_seconds()
    edge = (sign.at - slot.opens if comes else slot.closes - sign.at).total_seconds()
    against = sign.hint not in ("", slot.sign)
    return 0, max(0.0, off), int(against), edge


def _best(slots: Sequence[Slot], clusters: Sequence[list[Sign]]) -> list[Sign | None]:
    """Over all ways to give clusters to slots in order, the one that costs least."""
    before: list[tuple[Cost, tuple[Sign | None, ...]]] = [(_NOTHING, ())] * (len(clusters) + 1)
    for slot in slots:
        now: list[tuple[Cost, tuple[Sign | None, ...]]] = []
        for count in range(len(clusters) + 1):
            cost, given = before[count]
            options = [(_plus(cost, (1, 0.0, 0, 0.0)), (*given, None))]
            if count:
                options.append(now[count - 1])
                cluster = clusters[count - 1]
                if _fits(slot, cluster):
                    cost, given = before[count - 1]
                    more, sign = _chosen(slot, cluster)
                    options.append((_plus(cost, more), (*given, sign)))
            now.append(min(options, key=lambda option: option[0]))
        before = now
    return list(before[-1][1])


def _plus(one: Cost, other: Cost) -> Cost:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2], one[3] + other[3]
