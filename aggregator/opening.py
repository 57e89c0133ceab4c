"""What every command of the center needs: its data folder, and errors said in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aggregator.app import create_tables
from aggregator.center import Center, CenterSettings
from aggregator.database.faults import UnfitDatabase
from sync.errors import ComesBack, DiskFull, StoreBusy
from sync.safekeeping.reserve import MIB, RESERVE, Reserve, room_may_help
from web.command_line import Advice, data_folder, in_a_sentence

DATA = data_folder("the center")
_ADVICE: Advice = {
    ComesBack: "see what is waited for with go-on",
    UnfitDatabase: "mend that on the database's machine",
    StoreBusy: "see that the server runs and that database in center.toml names it",
}


def started(data: Path) -> Center:
    """The center of a data folder; on a full disk the space kept aside is let go first.

    Raises:
        DiskFull, OSError: the disk is full, and nothing was kept aside.
    """
    try:
        return _begun(data)
    except (DiskFull, OSError) as error:
        settings = CenterSettings.load(data)
        reserve = Reserve(data / RESERVE, settings.reserve_mb * MIB)
        if not room_may_help(error) or not reserve.let_go():
            raise
        return _begun(data)


def _begun(data: Path) -> Center:
    center = Center(data, CenterSettings.load(data))
    try:
        create_tables(center)
    except BaseException:
        center.close()
        raise
    return center


@contextmanager
def opened(data: Path) -> Iterator[Center]:
    """The center of a data folder; errors become one sentence and exit status 1."""
    with in_a_sentence("center.toml", "init", _ADVICE):
        center = started(data)
        try:
            yield center
        finally:
            center.close()
