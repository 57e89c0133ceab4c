"""How a database of an earlier program becomes one of this program: named steps, in order, once.

Each step runs in a transaction of its own, together with the row that says it was done: a step is
done wholly or not at all, however often the power goes, and a start after that goes on where the
last one ended. A database that was never used begins with today's tables and has every step behind
it. A database that knows a step which this program does not know was written by a newer program:
it is refused, because an older one would write into tables it does not understand.

A step is only ever added at the end, never edited and never removed. It must work on the tables as
the steps before it left them, and must leave alone what it does not find: tables of a counter are
created after the steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sync.errors import NewerDatabase
from sync.failpoints import fp
from sync.storage.store import Database

_DDL = """CREATE TABLE IF NOT EXISTS migration (
    name TEXT PRIMARY KEY, place INTEGER NOT NULL, at TEXT NOT NULL)"""


@dataclass(frozen=True)
class Step:
    """One change of the tables.

    Args:
        name: says what changes, e.g. ``batch keeps its keeper``; never reused.
        change: makes the change, inside the step's transaction.
    """

    name: str
    change: Callable[[Database], object]


def _add_clock_of_punch(db: Database) -> None:
    if "punch" in db.tables():
        db.execute("ALTER TABLE punch ADD COLUMN clock TEXT DEFAULT ''")
        db.execute("ALTER TABLE punch ADD COLUMN line_sha TEXT DEFAULT ''")


# Told by later entries only; earlier ones have the default, as their leaves do.
_TOLD_LATER = (
    ("punch", "ALTER TABLE punch ADD COLUMN hint TEXT DEFAULT ''"),
    ("day_result", "ALTER TABLE day_result ADD COLUMN away TEXT DEFAULT '[]'"),
    ("stand_in", "ALTER TABLE stand_in ADD COLUMN own_hours INTEGER DEFAULT 0"),
    ("stand_in", "ALTER TABLE stand_in ADD COLUMN leave_id TEXT DEFAULT ''"),
    ("attendance_request", "ALTER TABLE attendance_request ADD COLUMN punches TEXT DEFAULT '[]'"),
    ("attendance_request", "ALTER TABLE attendance_request ADD COLUMN belongs_to TEXT DEFAULT ''"),
)


def _widen_attendance(db: Database) -> None:
    standing = db.tables()
    for table, statement in _TOLD_LATER:
        if table in standing:
            db.execute(statement)


def _nothing(db: Database) -> None:
    """The table is created after the steps; a program that does not know it must not go on."""


STEPS: tuple[Step, ...] = (
    Step("punch tells its clock and its line", _add_clock_of_punch),
    Step("parts of a batch stand together", _nothing),
    Step("punches, days, stand-ins and requests tell more", _widen_attendance),
)


def migrate(db: Database, at: str, steps: Sequence[Step] = STEPS) -> list[str]:
    """Bring a database to what this program writes; answers the names of the steps that ran.

    Several processes may start at once on one PostgreSQL: each step is done by one of them.

    Args:
        at: the wall time, for the record.

    Raises:
        NewerDatabase: a newer program wrote it; nothing was changed.
    """
    standing = db.tables()
    unused = "log" not in standing
    if "migration" not in standing:
        db.create([_DDL])
    _refuse_newer(db, steps)
    facts = [(step, (place, at, unused)) for place, step in enumerate(steps)]
    done = []
    for step, fact in facts:
        if _done_now(db, step, fact):
            fp("migrate.committed")
            done.append(step.name)
    return done


def _refuse_newer(db: Database, steps: Sequence[Step]) -> None:
    known = {step.name for step in steps}
    rows = db.query("SELECT name FROM migration ORDER BY place")
    if newer := [row["name"] for row in rows if row["name"] not in known]:
        raise NewerDatabase(f"this database was written by a newer program (step {newer[0]!r})")


def _done_now(db: Database, step: Step, facts: tuple[int, str, bool]) -> bool:
    place, at, unused = facts
    if db.query("SELECT name FROM migration WHERE name = :name", name=step.name):
        return False
    with db.transaction():
        # The row first: another process that does the same step waits for it, and then sees it.
        mine = db.execute(
            "INSERT INTO migration VALUES (:name, :place, :at) ON CONFLICT DO NOTHING",
            name=step.name,
            place=place,
            at=at,
        )
        fp("migrate.noted")
        if mine and not unused:
            step.change(db)
            fp("migrate.changed")
        return bool(mine) and not unused
