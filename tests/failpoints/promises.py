"""What must hold after a process ended anywhere, and what when both sides had their time."""

from __future__ import annotations

from collections import Counter

from sync.strict_json import read
from tests.failpoints.machines import OWN, Machines
from tests.releases.content import facts


def check_at_once(machines: Machines) -> None:
    """Nothing acknowledged is lost or half there, and no receipt is ahead of the data."""
    held = {row[0]: row[1] for row in machines.rows("center", "SELECT origin, size FROM log")}
    for machine in ("hall", "center"):
        for origin, size, applied, own in machines.rows(
            machine, "SELECT origin, size, applied, own FROM log"
        ):
            assert applied <= size
            assert stretch(machines, machine, origin, own) == size, (machine, origin)
        receipts = machines.rows(machine, "SELECT origin, MAX(size) FROM receipt GROUP BY origin")
        for origin, size in receipts:
            assert size <= held[origin], f"{machine} has a receipt for what the center lacks"
    (mark,) = machines.rows("hall", "SELECT mark FROM log WHERE origin = :own", own=OWN)[0]
    assert mark <= held.get(OWN, 0)
    written = Counter(
        str(read(leaf)["id"])
        for machine in ("hall", "center")
        for (leaf,) in machines.rows(machine, "SELECT leaf FROM entry")
    )
    assert [i for i in machines.acknowledged if written[i] != 1] == []


def stretch(machines: Machines, machine: str, origin: str, own: int) -> int:
    """How far a log stands without a gap."""
    if own:
        rows = machines.rows(
            machine, "SELECT idx, idx + 1 FROM entry WHERE origin = :o ORDER BY idx", o=origin
        )
    else:
        rows = machines.rows(
            machine, "SELECT start, stop FROM batch WHERE origin = :o ORDER BY start", o=origin
        )
    reached = 0
    for start, stop in rows:
        assert start == reached, (machine, origin, start)
        reached = stop
    return reached


def check_at_the_end(machines: Machines) -> None:
    """Both sides hold the same, every entry had its effect once, every log verifies."""
    with machines.hall() as hall, machines.center() as center:
        for logs in (hall.logs, center.logs):
            assert [logs.verify(state.origin) for state in logs.states()] == [
                None for _ in logs.states()
            ]
        for state in hall.logs.states():
            assert center.logs.state(state.origin).frontier == state.frontier
        assert hall.state().mark.size == hall.state().size
        assert facts(center.logs)["cases"] == facts(hall.logs)["cases"]
    judged = machines.rows(
        "center",
        "SELECT subject_index, rule, COUNT(*) FROM finding WHERE source = 'judged' "
        "AND for_hall = 'T01' GROUP BY subject_index, rule",
    )
    assert judged and {row[2] for row in judged} == {1}
    newer = machines.rows("hall", "SELECT idx FROM weather_seen ORDER BY idx")
    waiting = machines.rows(
        "center", "SELECT idx FROM quarantine WHERE origin = :own ORDER BY idx", own=OWN
    )
    assert waiting == newer
