"""What people do with a stick: write it at the hall, bring it to the center, carry it back."""

from __future__ import annotations

from pathlib import Path

from aggregator.sticks.sticks import apply_taken, export_down, import_up
from node.hall import Hall
from node.outbox.sticks import export_up, import_down
from sync.sticks.stick import DOWN, UP
from sync.sticks.stick_export import FolderTarget
from sync.sticks.usb import sources
from tests.independent.center import Listening
from tests.sync.pairs import case
from web.sticks import Given, Taken


def write(hall: Hall, count: int) -> None:
    for _ in range(count):
        hall.write(case(hall.state().size), actor="T01-001")


def out(hall: Hall, stick: Path, *, everything: bool = False) -> Given:
    return export_up(hall, lambda heading: FolderTarget(stick, heading), everything)


def arrive(office: Listening, stick: Path) -> Taken:
    (source,) = sources(stick, UP)
    taken = import_up(office.center, source)
    apply_taken(office.center, taken)
    return taken


def back(office: Listening, stick: Path, *, hall: str = "T01", everything: bool = False) -> Given:
    return export_down(
        office.center, hall, lambda heading: FolderTarget(stick, heading), everything
    )


def home(hall: Hall, stick: Path) -> Taken:
    return import_down(hall, sources(stick, DOWN))


def counted(taken: Taken) -> tuple[int, int, bool]:
    return taken.new, taken.known, taken.refused is None


def state_of(office: Listening) -> list[object]:
    """Everything the center keeps of its halls."""
    db, tables = office.center.db, ("log", "batch", "personal", "receipt", "case_received")
    return [[tuple(row.values()) for row in db.query(f"SELECT * FROM {t}")] for t in tables]


def at_center(office: Listening) -> int:
    return len(office.center.db.query("SELECT id FROM case_received WHERE hall = 'T01'"))
