"""What every way in must stand, whatever it speaks: the conformance kit of terminals.

A way in is one terminal at one hall, with what lies between them under the test's hand. A new
adapter gives a class of this shape and stands in ``WAYS`` of test_conformance.py.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Protocol

from node.hall import Hall
from tests.node.hall import TurnableClock, open_hall


class WayIn(Protocol):
    """One terminal of some kind, approved at a hall where one person is known to it.

    Attributes:
        hall: may be exchanged by the test: the machine's database was put back.
        backlog: how many sign-ins it is to hold when that is tried.
    """

    hall: Hall
    name: str
    backlog: int

    def scan(self) -> datetime:
        """The person who is known signs in now; answers the right time."""

    def spoil(self) -> None:
        """One of the things it holds cannot be read by anybody."""

    def deliver(self, lost: int = 0) -> None:
        """Let it send until it holds nothing back, losing the answers to its first sendings."""

    def send_again(self) -> None:
        """It has forgotten that it sent anything, and sends all it ever held."""

    def stay(self, minutes: int) -> None:
        """Let it stand there, in contact, for so long."""

    def set_clock_back(self, seconds: int) -> None:
        """Its clock is wrong by so much, and it does not know."""

    def go_on_with(self, hall: Hall) -> None:
        """The hall's machine was put back from a copy: this is it now."""


def put_back(hall: Hall, copy: Path, clock: TurnableClock) -> Hall:
    """End a hall and open the copy of its database in its place, as after a restore."""
    data, settings = hall.data, hall.settings
    hall.close()
    for path in data.glob("node.db*"):
        path.unlink()
    copy.rename(data / "node.db")
    reopened = open_hall(data, clock)
    reopened.settings = settings
    return reopened
