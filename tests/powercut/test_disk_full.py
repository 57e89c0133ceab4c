"""A disk that fills up at any page of any kind of work: a clean refusal, and nothing lost (F4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import count
from pathlib import Path
from random import Random

import pytest

from aggregator.database.store import CenterStore
from aggregator.receiving.apply import apply_hall
from aggregator.receiving.rounds import take_batch
from node.app import create_app
from node.hall import Hall
from node.outbox.syncing import apply_down
from node.store import NodeStore
from standards.catalogue import starter_guides
from sync.contact.receiving import Receiver, receive
from sync.contact.sending import accept_receipt
from sync.errors import DiskFull, TryLater
from sync.log import LogStore, Portions
from tests.node.hall import ORGANISATION, Browser, complete, published
from tests.powercut.coherence import entries_of, incoherences, tables_of
from tests.powercut.commit_paths import GUIDE, in_step, write_cases
from tests.powercut.failing import Pair
from tests.powercut.stage import Stage

ROOM = 1_000_000


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """A hall and the center in step, both running."""
    stage = Stage(tmp_path)
    in_step(stage)
    with stage.both() as (hall, center):
        yield Pair(tmp_path, hall, center)


def pages(db: NodeStore | CenterStore) -> int:
    return int(db.query("PRAGMA page_count")[0]["page_count"])


def limit(db: NodeStore | CenterStore, most: int) -> None:
    if isinstance(db, NodeStore):
        db.limit_pages(most)
        return
    with db.transaction():
        db.query(f"PRAGMA max_page_count = {most}")


def held(logs: LogStore) -> tuple[object, ...]:
    """Everything in the logs and in the tables that follow from them."""
    entries = [(state, entries_of(logs, state)) for state in logs.states()]
    return entries, tables_of(logs), logs.db.query("SELECT * FROM receipt ORDER BY origin, size")


def refused_at_every_page(
    db: NodeStore | CenterStore, logs: LogStore, act: Callable[[], bool]
) -> int:
    """Do the work with room for no page more, one, two …; answers how often it was refused.

    ``act`` tells whether the work was done.
    """
    before, size = held(logs), pages(db)
    for more in count():
        limit(db, size + more)
        done = act()
        limit(db, ROOM)
        assert list(incoherences(logs)) == []
        if done:
            return more
        assert held(logs) == before, f"refused with room for {more} pages, and yet something stands"
    raise AssertionError


def does(work: Callable[[], object], refusal: type[Exception] = DiskFull) -> Callable[[], bool]:
    """Whether the work was done; any other refusal is a fault."""

    def act() -> bool:
        try:
            work()
        except refusal:
            return False
        return True

    return act


# Nothing that could be packed: a case must need pages of its own.
WORDS = Random(1)
LONG = {**ORGANISATION, "wish": "accept"}


def long_text() -> str:
    return "".join(chr(WORDS.randrange(0x4E00, 0x9F00)) for _ in range(2000))


def test_a_case_is_refused_with_a_clear_page_at_every_page_that_is_missing(pair: Pair):
    hall = pair.hall
    window = Browser(create_app(hall).test_client()).sign_in("li")
    before = local_rows(hall)
    refusals = 0
    for number in range(10):
        form = {
            **LONG,
            "subject": long_text(),
            "materials": complete(GUIDE),
            "once": f"form-key-of-case-{number}",
        }

        def act(form: Mapping[str, object] = form) -> bool:
            answer = window.post(f"/windows/{GUIDE.item}", form)
            if answer.status_code == 507:
                assert "磁盘已满" in answer.text
                assert window.get("/cases").status_code == 200
            return answer.status_code == 303

        refusals += refused_at_every_page(hall.db, hall.logs, act)
    assert refusals >= 10
    # One code on paper and one remembered answer for each case, and no number was left out.
    assert local_rows(hall) == before + 20
    rows = hall.db.query("SELECT case_no FROM case_received ORDER BY idx")
    assert [row["case_no"][-6:-2] for row in rows] == [f"{n:04}" for n in range(1, 11)]


def local_rows(hall: Hall) -> int:
    """Rows that a case writes beside the log."""
    counted = "SELECT (SELECT COUNT(*) FROM case_code) + (SELECT COUNT(*) FROM web_answer) AS n"
    return int(hall.db.query(counted)[0]["n"])


def test_the_center_refuses_a_batch_at_every_page_that_is_missing_and_takes_it_later(pair: Pair):
    write_cases(pair.hall, 60)
    pair.hall.logs.portions = Portions()
    raw = pair.next_of_hall()
    receipts: list[bytes] = []

    def take() -> None:
        receipts.append(take_batch(pair.center, ("T01", "1"), raw))

    act = does(take, TryLater)
    # The log itself is opened before the batch is looked at; that is no part of the batch.
    pair.center.logs.open(pair.hall.origin, "T01", own=False)
    assert refused_at_every_page(pair.center.db, pair.center.logs, act) >= 2
    hall, cosigner = pair.hall, pair.center.cosigner.verifier
    assert accept_receipt(hall.logs, hall.origin, receipts[0], cosigner) == hall.state().size


def test_the_center_applies_nothing_by_halves_and_quarantines_nothing(pair: Pair):
    write_cases(pair.hall, 40)
    pair.hall.logs.portions = Portions()
    take_batch(pair.center, ("T01", "1"), pair.next_of_hall())
    pair.center.logs.portions = Portions()
    act = does(lambda: apply_hall(pair.center, pair.hall.origin))
    assert refused_at_every_page(pair.center.db, pair.center.logs, act) >= 2
    assert pair.center.db.query("SELECT * FROM quarantine") == []
    assert pair.center.logs.state(pair.hall.origin).applied == 80


def test_a_hall_keeps_receipts_and_batches_whole_or_not_at_all(pair: Pair):
    hall, center = pair.hall, pair.center
    write_cases(hall, 60)
    refusals = 0
    while hall.state().mark.size < hall.state().size:
        note = take_batch(center, ("T01", "1"), pair.next_of_hall())
        believe = partial(accept_receipt, hall.logs, hall.origin, note, center.cosigner.verifier)
        refusals += refused_at_every_page(hall.db, hall.logs, does(believe))
    assert refusals >= 2
    receiver = Receiver(hall.sealing, hall.cosigner)
    for guide in starter_guides()[3:9]:
        center.publish(published(guide), actor="C-003")
        fetch = partial(receive, hall.logs, pair.next_of_center(), pair.standards, receiver)
        assert refused_at_every_page(hall.db, hall.logs, does(fetch)) >= 1
    assert apply_down(hall) == 6
