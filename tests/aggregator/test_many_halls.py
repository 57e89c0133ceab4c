"""Many halls at the same moment, and contacts without end: nothing is lost and nothing piles up."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from threading import Barrier

import pytest
import requests

from aggregator.receiving.apply import apply_all
from node.outbox.syncing import contact
from standards.records import FaceConsent, NumberScheme
from tests.independent.center import listening
from tests.independent.client import Client
from tests.node.contacts import enrolled, line_of, new_hall

HALLS = [f"T{number:02}" for number in range(1, 9)]
CONSENT = {"day": "2026-11-24", "given": True, "notice_version": 1, "staff_no": "T01-001"}
ENTRIES = 300


def backlog(client: Client, together: Barrier) -> int:
    """Send everything, in three batches, as soon as all the others are ready too."""
    together.wait(60)
    sent = 0
    for stop in (100, 200, ENTRIES):
        while sent < stop:
            try:
                sent = client.push(sent, stop)[2]
            except requests.HTTPError as refused:
                assert refused.response.status_code in (429, 503), refused
    return sent


def test_halls_that_were_cut_off_and_return_in_the_same_moment_all_get_receipts(tmp_path: Path):
    with listening(tmp_path / "center") as office:
        clients = []
        for hall in HALLS:
            client, code = Client(office.url, "city.example", hall), office.code_for(hall)
            _, digits = client.enrol(code)
            office.approve(hall, digits)
            client.enrol(code)
            for _ in range(ENTRIES):
                client.write("face_consent", CONSENT)
            clients.append(client)
        together = Barrier(len(clients))
        with ThreadPoolExecutor(len(clients)) as threads:
            sizes = list(threads.map(lambda client: backlog(client, together), clients))
        assert sizes == [ENTRIES] * len(HALLS)
        assert apply_all(office.center) == ENTRIES * len(HALLS)
        rows = office.center.db.query(
            "SELECT hall, COUNT(*) AS n FROM face_consent GROUP BY hall ORDER BY hall"
        )
        assert [(row["hall"], row["n"]) for row in rows] == [(hall, ENTRIES) for hall in HALLS]


@pytest.mark.parametrize("contacts", [1, 12])
def test_contacts_with_nothing_to_say_leave_no_row_and_no_table_behind(
    tmp_path: Path, contacts: int
):
    with listening(tmp_path / "center") as office, new_hall(tmp_path / "hall") as hall:
        enrolled(hall, office)
        consent = FaceConsent(staff_no="T01-1", notice_version=1, given=True, day=date(2026, 1, 5))
        hall.write(consent, actor="T01-1")
        office.center.publish(NumberScheme(version=1, template="x"), actor="ZX-01")
        for _ in range(2):
            contact(hall, line_of(hall, office.url))
            apply_all(office.center)
        before = rows_in(hall.db), rows_in(office.center.db)
        for _ in range(contacts):
            contact(hall, line_of(hall, office.url))
            apply_all(office.center)
        assert (rows_in(hall.db), rows_in(office.center.db)) == before


def rows_in(db) -> dict[str, int]:
    """How many rows each table holds, temporary ones too."""
    tables = db.query(
        "SELECT name FROM sqlite_master WHERE type = 'table' "
        "UNION ALL SELECT name FROM sqlite_temp_master"
    )
    return {
        row["name"]: db.query(f'SELECT COUNT(*) AS n FROM "{row["name"]}"')[0]["n"]
        for row in tables
    }
