"""A center that really listens: its pages and sync interface on waitress, on a port of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from aggregator.app import create_app
from aggregator.center import Center, CenterSettings
from aggregator.halls import roster
from aggregator.receiving.intake import intake
from web.listener import Listener, Running

CENTER = "city.example"


@dataclass(frozen=True)
class Listening:
    """A center and where it answers."""

    center: Center
    url: str

    def code_for(self, hall: str) -> str:
        """A one-time code for a hall, which is registered when it is new."""
        if hall not in {row.hall for row in roster.halls(self.center)}:
            roster.register_hall(self.center, hall, f"{hall}分厅")
        return roster.new_code(self.center, hall)

    def approve(self, hall: str, digits: str) -> None:
        """What two people do by telephone."""
        waiting = [e for e in roster.pending(self.center) if (e.hall, e.state) == (hall, "pending")]
        assert [e.digits for e in waiting] == [digits]
        roster.approve(self.center, waiting[0].id, "ZX-01")


@contextmanager
def listening(data: Path) -> Iterator[Listening]:
    """The center over ``data`` until the block ends."""
    center = Center(data, CenterSettings(center=CENTER, name="市政务公开办公室"))
    app = create_app(center)
    app.register_blueprint(intake)
    running = Running(Listener(app=app, host="127.0.0.1", port=0, max_body=40 * 1024 * 1024))
    running.start()
    try:
        yield Listening(center, f"http://127.0.0.1:{running.port}")
    finally:
        running.stop(grace=1.0)
        center.close()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Listening]:
    """A center of its own for a test, which imports this."""
    with listening(tmp_path / "center") as made:
        yield made
