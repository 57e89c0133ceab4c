"""A stick with its scans is longer than other uploads: who may send one is told by its header."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from aggregator.app import create_app as center_app
from node.app import create_app as hall_app
from node.hall import Hall
from tests.aggregator.office import Hands, Office
from tests.independent.center import Listening
from tests.node.hall import Browser
from web import large_bodies
from web.large_bodies import admits
from web.listener import NO_ROOM, TOO_LARGE
from web.sticks import MAX_UPLOAD_BYTES

ROOT = Path(__file__).resolve().parents[2]
LONG = 500_000_000


def cookies_of(client) -> dict[str, str]:
    cookie = next(iter(client._cookies.values()))
    return {"COOKIE": f"other=1; {cookie.decoded_key}={cookie.decoded_value}"}


@pytest.fixture(autouse=True)
def roomy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_bodies, "room_for_bodies", lambda: 10**12)


def test_at_the_hall_only_who_may_carry_a_stick_sends_a_long_body_and_only_there(hall: Hall):
    app = hall_app(hall)
    may = admits(app)
    supervisor = cookies_of(Browser(app.test_client()).sign_in("chen").client)
    clerk = cookies_of(Browser(app.test_client()).sign_in("li").client)
    assert may("POST", "/outbox/stick", supervisor, LONG) == 0
    assert may("POST", "/outbox/stick", supervisor, MAX_UPLOAD_BYTES) == 0
    refused = [
        ("/outbox/stick", supervisor, MAX_UPLOAD_BYTES + 1),
        ("/outbox/stick", clerk, LONG),
        ("/outbox/stick", {}, LONG),
        ("/outbox/stick", {"COOKIE": "onehall-t01=made-up"}, LONG),
        ("/sign-in", supervisor, LONG),
        ("/no/such/page", supervisor, LONG),
        ("/cases/new", supervisor, LONG),
    ]
    for path, headers, length in refused:
        assert may("POST", path, headers, length) == TOO_LARGE, path


def test_at_the_center_the_same_and_a_session_that_is_over_sends_none(
    office: Listening, monkeypatch: pytest.MonkeyPatch
):
    hands = Hands()
    app = center_app(office.center)
    people = Office(office.center, app, hands)
    reconciler = cookies_of(people.person("duizhang").client)
    inspector = cookies_of(people.person("ducha").client)
    may = admits(app)
    assert may("POST", "/halls/stick", reconciler, LONG) == 0
    assert may("POST", "/halls/stick", inspector, LONG) == TOO_LARGE
    assert may("POST", "/sync/v1/round", reconciler, LONG) == TOO_LARGE
    monkeypatch.setattr(large_bodies, "room_for_bodies", lambda: LONG)
    assert may("POST", "/halls/stick", reconciler, LONG) == NO_ROOM
    people.person("duizhang").post("/sign-out")
    assert may("POST", "/halls/stick", reconciler, LONG) == TOO_LARGE


# A hall's stick with two scans of the largest size goes up through a real listener, and
# one of as many hand-over files comes down; what a browser would hold is not counted.
PROGRAM = """
import http.client, sys
from pathlib import Path
from node.app import create_app as hall_app
from aggregator.app import create_app as center_app
from node.outbox import syncing
from standards.records.files import MAX_PLAIN_BYTES
from sync.files.sealed_files import Scratch
from tests.aggregator.office import Hands, Office
from tests.independent.center import listening
from tests.node.filed import filed
from tests.node.hall import Browser
from tests.sticks.long import bring, fetch, most, plain
from web.large_bodies import admits
from web.listener import Listener, Running

def _listener(app):
    most = 2 * 1024 * 1024
    return Listener(app=app, host="127.0.0.1", port=0, max_body=most, larger=admits(app))

folder = Path(sys.argv[1])
with listening(folder / "center") as office, filed(folder / "hall", office) as town:
    town.attach(b"%PDF- one small file first, so that everything is loaded")
    town.hand_over(b"%PDF- another")
    apps = hall_app(town.hall), center_app(office.center)
    supervisor = Browser(apps[0].test_client()).sign_in("chen")
    reconciler = Office(office.center, apps[1], Hands()).person("duizhang")
    sides = []
    for app, person in zip(apps, (supervisor, reconciler)):
        running = Running(_listener(app))
        running.start()
        sides.append((running, person))
    hall, center = sides
    try:
        with Scratch() as room:
            fetch(hall, "/outbox/stick/file?files=100", room)
            assert bring(center, "/halls/stick", room) == 303
        with Scratch() as room:
            fetch(center, "/halls/stick/T01?files=100", room)
            assert bring(hall, "/outbox/stick", room) == 303
        before = most()
        for seed in range(2):
            with plain(seed, MAX_PLAIN_BYTES) as room:
                town.attach_from(room)
            with plain(10 + seed, MAX_PLAIN_BYTES) as room:
                town.hand_over_from(room)
        with Scratch() as room:
            fetch(hall, "/outbox/stick/file?files=100", room)
            assert bring(center, "/halls/stick", room) == 303
        with Scratch() as room:
            fetch(center, "/halls/stick/T01?files=100", room)
            assert bring(hall, "/outbox/stick", room) == 303
        names = {row["hash"] for row in office.center.db.query("SELECT hash FROM file_held")}
        assert len(names) == 6, names
        assert len(town.hall.db.query("SELECT hash FROM file_held")) == 6
        print(most() - before)
    finally:
        for running, _ in sides:
            running.stop(grace=1)
"""


def test_however_much_a_stick_carries_no_side_holds_it_in_memory(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        cwd=ROOT, check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    # Two sticks of 42 MB went by, each on two sides.
    assert int(done.stdout.split()[-1]) < 30
