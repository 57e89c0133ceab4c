"""等候分厅: which halls a center that may have been put back must hear before it writes again.

A center cannot always know that its own logs are as long as they were signed: the file of
high-water marks beside its database was lost, or went back with it. What halls hold of those logs
tells. So nothing is written into the orders of a hall before that hall was heard, and nothing into
the standards before all were; a person may go on without one that is gone. Knows no Flask.
"""

from __future__ import annotations

from aggregator.database.store import CenterStore

DDL = (
    # Who was heard since the waiting began stays until it ends, and is not waited for again.
    """CREATE TABLE IF NOT EXISTS unheard (
        hall TEXT PRIMARY KEY, since TEXT NOT NULL, heard INTEGER NOT NULL)""",
)


def wait_for_all(db: CenterStore, at: str) -> None:
    """Every enrolled hall must be heard, from now on or from when this waiting began."""
    with db.transaction():
        db.execute(
            "INSERT INTO unheard SELECT hall, :at, 0 FROM hall WHERE state = 'enrolled' "
            "ON CONFLICT DO NOTHING",
            at=at,
        )


def waited_for(db: CenterStore) -> dict[str, str]:
    """The halls that were not heard yet, and since when they are waited for."""
    rows = db.query("SELECT hall, since FROM unheard WHERE heard = 0 ORDER BY hall")
    return {row["hall"]: row["since"] for row in rows}


def is_heard(db: CenterStore, hall: str) -> bool:
    """Whether nothing needs to be heard of this hall."""
    return not db.query("SELECT hall FROM unheard WHERE hall = :hall AND heard = 0", hall=hall)


def wait_no_more(db: CenterStore, hall: str) -> None:
    """This hall was heard; or a person goes on without it."""
    with db.transaction():
        db.execute("UPDATE unheard SET heard = 1 WHERE hall = :hall", hall=hall)
        if not waited_for(db):
            db.execute("DELETE FROM unheard")


def holds(db: CenterStore, origin: str) -> bool:
    """Whether somebody must be heard before this log of the center is written."""
    name = origin.rsplit("/", 2)[1]
    if name == "standards":
        return bool(db.query("SELECT hall FROM unheard WHERE heard = 0 LIMIT 1"))
    return not is_heard(db, name.removeprefix("orders-"))
