"""What every command of the center needs: its data folder, and errors said in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aggregator.app import create_tables
from aggregator.center import Center, CenterSettings
from aggregator.faults import UnfitDatabase
from sync.errors import StoreBusy
from web.command_line import Advice, data_folder, in_a_sentence

DATA = data_folder("the center")
_ADVICE: Advice = {
    UnfitDatabase: "mend that on the database's machine",
    StoreBusy: "see that the server runs and that database in center.toml names it",
}


@contextmanager
def opened(data: Path) -> Iterator[Center]:
    """The center of a data folder; errors become one sentence and exit status 1."""
    with in_a_sentence("center.toml", "init", _ADVICE):
        center = Center(data, CenterSettings.load(data))
        create_tables(center)
        try:
            yield center
        finally:
            center.close()
