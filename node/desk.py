"""What a view of the hall stands on: the hall itself, whoever is signed in, and today.

Knows Flask's request and nothing of cases, punches or pages.
"""

from __future__ import annotations

from datetime import date
from typing import Protocol, cast

from flask import current_app

from node.files.filing import FilingStatus
from node.hall import Hall
from node.outbox.syncing import SyncStatus
from node.staff.face_gallery import Faces
from web import access

HALL = "onehall.hall"
SYNC = "sync"
FILING = "filing"
FACES = "onehall.faces"
WATCHDOG = "watchdog"


def hall() -> Hall:
    """The hall this application serves."""
    return cast(Hall, current_app.extensions[HALL])


def actor() -> str:
    """Staff number of the signed-in person, as it stands in every entry this person writes."""
    return access.current_staff().staff_no


def today() -> date:
    """The hall's day."""
    return hall().clock.today()


def faces() -> Faces:
    """The hall's enrolled faces and the engine that measures pictures."""
    return cast(Faces, current_app.extensions[FACES])


class Sync(Protocol):
    """The background exchange with the center, as far as a page may use it."""

    def status(self) -> SyncStatus:
        """What it did last and will do next."""

    def poke(self) -> None:
        """Ask for a contact as soon as possible; returns at once."""

    def compare(self) -> None:
        """Ask for a comparison with the center as soon as possible; returns at once."""


def sync() -> Sync | None:
    """The background exchange; None where none runs."""
    return cast("Sync | None", current_app.extensions.get(SYNC))


class Files(Protocol):
    """The thread that moves files, as far as a page may use it."""

    def status(self) -> FilingStatus:
        """What it does."""

    def poke(self) -> None:
        """A file was attached: look now; returns at once."""


def filing() -> Files | None:
    """The thread that moves files; None where none runs."""
    return cast("Files | None", current_app.extensions.get(FILING))


class Watch(Protocol):
    """Who looks whether workers hang, as far as a page may use it."""

    def stuck(self) -> dict[str, str]:
        """Worker -> what it hangs in."""


def watch() -> Watch | None:
    """Who looks whether workers hang; None where nobody does."""
    return cast("Watch | None", current_app.extensions.get(WATCHDOG))
