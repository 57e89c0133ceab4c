"""A line on which only short requests get through: the backlog still goes up."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from node.hall import Hall
from node.keys import enrolment
from standards.records import FindingAnswer
from sync.batch import MEDIA_TYPE
from sync.client import HttpLine
from sync.contact.exchange import Exchange
from sync.errors import Unreachable
from tests.independent.center import Listening, office
from tests.node.contacts import enrolled, line_of, new_hall

__all__ = ["office"]

DAY = date(2026, 11, 24)


@pytest.fixture
def hall(tmp_path: Path, office: Listening) -> Iterator[Hall]:
    """A hall with a backlog of about two megabytes that do not compress."""
    chance = random.Random(7)
    with new_hall(tmp_path / "hall") as made:
        enrolled(made, office)
        with made.db.transaction():
            for _ in range(400):
                text = "".join(chr(chance.randrange(0x4E00, 0x9FA5)) for _ in range(1_800))
                made.write(
                    FindingAnswer(finding_id="0" * 36, measure="planned", done_on=DAY, text=text),
                    actor="T01-003",
                )
        yield made


class Narrow:
    """A line that breaks before a body of this many bytes is through."""

    def __init__(self, line: HttpLine, most: int) -> None:
        self._line, self._most = line, most
        self.tried: list[int] = []

    def send(self, method: str, target: str, body: bytes, media_type: str) -> bytes:
        if media_type == MEDIA_TYPE:
            self.tried.append(len(body))
        if len(body) > self._most:
            raise Unreachable("no answer from the center (Timeout)")
        return self._line.send(method, target, body, media_type)


def test_a_batch_that_is_too_long_for_the_line_is_sent_in_smaller_ones(
    hall: Hall, office: Listening
) -> None:
    line, peer = Narrow(line_of(hall, office.url), 300_000), enrolment.peer(hall)
    assert peer is not None
    before = hall.logs.portions
    assert Exchange(hall.logs, line, peer).run().sent == 400
    assert hall.state().mark.size == office.center.logs.state(hall.origin).size == 400
    assert line.tried[0] > 1_000_000, "the line was not too narrow for a whole batch"
    assert hall.logs.portions == before, "the next contact begins as ever"


def test_a_line_that_is_down_is_not_tried_for_ever(hall: Hall, office: Listening) -> None:
    line, peer = Narrow(line_of(hall, office.url), 1_000), enrolment.peer(hall)
    assert peer is not None
    with pytest.raises(Unreachable):
        Exchange(hall.logs, line, peer).run()
    assert len(line.tried) < 10 and hall.state().mark.size == 0
