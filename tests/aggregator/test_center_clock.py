"""The center's own clock is doubted when all of its halls are off to the same side."""

from __future__ import annotations

import pytest

from aggregator.halls import clocks
from tests.aggregator.office import Office


def heard_of(office: Office, hall: str, skew: int) -> None:
    office.center.db.execute("DELETE FROM hall_contact WHERE hall = :hall", hall=hall)
    office.center.db.execute(
        "INSERT INTO hall_contact VALUES (:hall, 0, '', 0, :skew, '', :at)",
        hall=hall,
        skew=skew,
        at=office.center.clock.stamp(),
    )


@pytest.mark.parametrize(
    ("skews", "ahead"),
    [
        ((), 0),
        ((-3_000,), 0),
        ((-3_000, 1), 0),
        ((-3_000, 3_000), 0),
        ((100, 100), 0),
        ((-3_000, -2_990), 2_990),
        ((500, 510), -510),
    ],
)
def test_one_hall_proves_nothing_and_two_that_agree_do(
    office: Office, skews: tuple[int, ...], ahead: int
):
    for hall, skew in zip(("T01", "T02"), skews, strict=False):
        heard_of(office, hall, skew)
    assert clocks.center_skew(office.center, office.center.clock.now()) == ahead


def test_it_is_said_above_the_pages_and_by_healthz_and_nothing_is_refused(office: Office):
    for hall in ("T01", "T02"):
        heard_of(office, hall, -600)
    assert "中心快600秒" in office.person("guanli").text("/")
    answer = office.app.test_client().get("/healthz", base_url="http://localhost")
    assert answer.status_code == 200 and answer.json is not None
    reason = answer.json["checks"]["clock"]["reason"]
    assert reason == "all halls say that this clock is 600 s ahead of theirs"
    office.hands.turn(minutes=20)
    assert "中心快" in office.person("guanli").text("/")


def test_a_hall_that_has_not_spoken_for_an_hour_is_no_witness(office: Office):
    for hall in ("T01", "T02"):
        heard_of(office, hall, -600)
    office.hands.turn(hours=2)
    heard_of(office, "T01", -600)
    assert clocks.center_skew(office.center, office.center.clock.now()) == 0
