"""Applying what halls wrote: tables, and the judge. Exactly once.

What the judge finds goes into the hall's orders log in the same transaction as the entry that
showed it, so that a finding is neither lost nor doubled however often the process dies.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import groupby
from typing import Any

from aggregator.center import Center
from aggregator.halls import latency
from aggregator.keys import rotation
from aggregator.receiving.rounds import logs_of
from standards.cases import CASES
from standards.judging import CaseBreach, Judge
from standards.records import Finding
from sync.applied import aside
from sync.applied.applying import Effect, apply_pending, nothing, replay_quarantined
from sync.entries import Entry
from sync.storage.store import again
from sync.storage.tables import Observer, happening_of, nobody

JUDGE = "JUDGE"


def apply_hall(center: Center, origin: str, effect: Effect = nothing) -> int:
    """Apply every received entry of a hall's log; answers how many. See `apply_pending`.

    What the hall wrote in earlier epochs goes first, so that both sides have one order.
    """
    ours = origin.startswith(center.settings.center + "/")
    # What another center handed on was judged there, and its keys are its own matter.
    judge, done = _judge(center) if ours else nobody, 0

    def all_of_it(entries: Sequence[Entry]) -> None:
        if ours:
            rotation.take_over(center, entries)
        for one, some in groupby(entries, key=lambda entry: entry.origin):
            latency.note(center, one, [*some])
        effect(entries)

    for state in logs_of(center, center.logs.state(origin).writer):
        done += again(partial(apply_pending, center.logs, state.origin, judge, all_of_it))
        if state.origin == origin:
            break
    return done


def apply_all(center: Center) -> int:
    """Apply what is received and not applied yet, of all halls; one in trouble holds up itself.

    Raises:
        Exception: what the first hall in trouble met with, after all the others had their turn.
    """
    done, trouble = 0, []
    for origin in waiting(center):
        try:
            done += apply_hall(center, origin)
        except Exception as error:
            trouble.append(error)
    if trouble:
        raise trouble[0]
    return done


def waiting(center: Center) -> list[str]:
    """The logs of which something is received and not applied yet.

    Raises:
        StoreBusy: a database server that holds some of them is away.
    """
    return [s.origin for s in center.logs.states() if not s.own and s.applied < s.size]


def replay(center: Center, origin: str) -> int:
    """Try the quarantined entries of a hall again; answers how many could be applied."""
    keys = partial(rotation.take_over, center)
    return replay_quarantined(center.logs, origin, _judge(center), keys)


def replay_one(center: Center, origin: str, index: int) -> bool:
    """Try one quarantined entry of a hall again; whether it could be applied."""
    return aside.replay_one(center.logs, origin, index, _judge(center))


def replay_newer(center: Center) -> int:
    """After an upgrade: apply what an older program could not read; answers how many entries."""
    judge = _judge(center)
    return sum(
        aside.replay_newer(center.logs, state.origin, judge)
        for state in center.logs.states()
        if not state.own
    )


def _judge(center: Center) -> Observer:
    judge = Judge(center.shelf())

    def observe(entry: Entry, before: Any, after: Any) -> None:
        if entry.leaf.kind in CASES.kinds:
            for breach in judge(happening_of(entry), before, after):
                if center.was_restored and _is_found(center, entry, breach):
                    continue
                center.order(entry.writer, _finding(entry, breach), actor=JUDGE)

    return observe


def _is_found(center: Center, entry: Entry, breach: CaseBreach) -> bool:
    """Does the finding stand already? It came back from the hall before the entry did."""
    rows = center.db.query(
        "SELECT id FROM finding WHERE for_hall = :hall AND subject_origin = :origin "
        "AND subject_index = :idx AND rule = :rule AND source = 'judged' LIMIT 1",
        hall=entry.writer,
        origin=entry.origin,
        idx=entry.index,
        rule=breach.rule,
    )
    return bool(rows)


def _finding(entry: Entry, breach: CaseBreach) -> Finding:
    return Finding(
        for_hall=entry.writer,
        source="judged",
        severity=breach.severity,
        rule=breach.rule,
        clause=breach.clause,
        evidence=breach.evidence[:200],
        subject_kind=entry.leaf.kind,
        subject_id=entry.leaf.id,
        subject_origin=entry.origin,
        subject_index=entry.index,
    )
