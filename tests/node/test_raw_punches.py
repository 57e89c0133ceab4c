"""The core that every way in uses: each event once, and a punch as soon as it has a name."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta

import pytest

from attendance.holders import Holding
from attendance.punches import RawPunch
from node.hall import Hall
from node.presence import holders, raw_punches, sign_ins
from standards.errors import Invalid
from sync.errors import DiskFull, RowRefused
from tests.node.attendance import Kiosk
from tests.node.hall import TurnableClock, fill_disk, how_many

WANG, SONG = "T01-031", "T01-032"
START = datetime(2026, 11, 24, 0, 30, tzinfo=UTC)


def told(pin: str = "37", minute: int = 0, device: str = "SN1", **changed: str) -> RawPunch:
    at = START + timedelta(minutes=minute)
    shown = (at + timedelta(hours=8)).strftime("%Y-%m-%d %H:%M:%S")
    said = {
        "source": "zkteco",
        "device": device,
        "pin": pin,
        "local_text": shown,
        "zone": "Asia/Shanghai",
        "verify": "15",
        "dir_hint": "in",
        "raw_sha": hashlib.sha256(f"{pin} {shown}".encode()).hexdigest(),
        "way": "device_face",
    } | changed
    return RawPunch(t_utc=at, t_recv=at, trust="vendor-unsigned", **said)


def is_wangs(hall: Hall, pin: str = "37", since: date = date(2026, 1, 1), device: str = "") -> None:
    holders.say(hall, Holding(pin, WANG, device, since, None), "T01-006")


@pytest.fixture
def here(bare_hall: Hall) -> Hall:
    return bare_hall


def test_a_known_number_becomes_a_punch_with_the_lowest_trust_and_the_hash_of_its_line(here: Hall):
    is_wangs(here)
    raw = told()
    assert raw_punches.take_in(here, [raw]).outcomes == ("stored",)
    (punch,) = sign_ins.punches_on(here, date(2026, 11, 24))
    assert (punch.staff_no, punch.way, punch.grade) == (WANG, "device_face", "V")
    assert (punch.punched_at, punch.terminal) == ("2026-11-24T08:30:00+08:00", "SN1")
    assert punch.line_sha == raw.raw_sha and punch.clock == ""
    keys = ("in", "break_in", "ot_in", "out", "break_out", "ot_out", "", "77")
    pressed = [told(minute=n, dir_hint=key) for n, key in enumerate(keys, 1)]
    raw_punches.take_in(here, pressed)
    hints = [one.hint for one in sign_ins.punches_on(here, date(2026, 11, 24))]
    assert hints == ["in", "in", "in", "in", "out", "out", "out", "", ""]


def test_the_same_event_is_kept_once_in_one_batch_and_in_the_next(here: Hall):
    is_wangs(here)
    taken = raw_punches.take_in(here, [told(), told(minute=1), told()])
    assert taken.outcomes == ("stored", "stored", "duplicate")
    assert taken.punch_ids[0] == taken.punch_ids[2]
    again = raw_punches.take_in(here, [told(minute=1), told(minute=2)])
    assert (again.new, again.duplicate, again.held) == (1, 1, 0)
    assert how_many(here, "punch") == how_many(here, "raw_punch") == 3


def test_what_differs_in_person_second_key_or_terminal_is_another_event(here: Hall):
    others = [
        *(told(), told("037"), told(dir_hint="out"), told(verify="1"), told(device="SN2")),
        told(local_text="2026-11-24 08:30:01"),
    ]
    assert raw_punches.take_in(here, others).held == len(others)


def test_a_zone_that_was_put_right_does_not_double_what_came_before(here: Hall):
    raw_punches.take_in(here, [told()])
    moved = told(zone="+05:30")
    assert raw_punches.take_in(here, [moved]).duplicate == 1


def test_a_number_without_a_name_is_held_and_written_when_somebody_says_whose_it_is(here: Hall):
    taken = raw_punches.take_in(here, [told(minute=n) for n in range(3)])
    assert (taken.new, taken.held) == (0, 3)
    (unknown,) = raw_punches.unknown_numbers(here)
    assert (unknown.pin, unknown.times, unknown.first) == ("37", 3, "2026-11-24 08:30:00")
    is_wangs(here)
    assert raw_punches.attribute(here, ["37"]) == 3
    assert raw_punches.attribute(here, ["37"]) == 0
    assert raw_punches.unknown_numbers(here) == []
    rows = here.db.query("SELECT id FROM punch ORDER BY punched_at")
    assert tuple(row["id"] for row in rows) == taken.punch_ids


def test_only_the_days_on_which_somebody_held_the_number_are_his(here: Hall):
    raw_punches.take_in(here, [told(minute=n * 1440) for n in range(4)])
    holders.say(here, Holding("37", WANG, "", date(2026, 11, 25), date(2026, 11, 26)), "T01-006")
    assert raw_punches.attribute(here, ["37"]) == 1
    holders.say(here, Holding("37", SONG, "", date(2026, 11, 26), None), "T01-006")
    assert raw_punches.attribute(here, ["37"]) == 2
    rows = here.db.query("SELECT staff_no FROM punch ORDER BY punched_at")
    assert [row["staff_no"] for row in rows] == [WANG, SONG, SONG]
    assert raw_punches.unknown_numbers(here)[0].times == 1


def test_after_a_machine_died_what_terminals_send_again_doubles_nothing_that_the_log_has(
    here: Hall,
):
    """The log comes back from the center, and what people said of numbers; raw punches do not."""
    is_wangs(here)
    raw_punches.take_in(here, [told(minute=n) for n in range(3)])
    here.db.execute("DROP TABLE raw_punch")
    here.db.create(raw_punches.TABLES)
    again = [told(minute=n) for n in range(4)]
    assert raw_punches.take_in(here, again).outcomes == (
        *("duplicate", "duplicate", "duplicate", "stored"),
    )
    assert how_many(here, "raw_punch") == how_many(here, "punch") == 4


def test_a_number_has_one_holder_a_day_and_ends_when_somebody_says_so(here: Hall):
    is_wangs(here)
    with pytest.raises(Invalid):
        holders.say(here, Holding("37", SONG, "", date(2026, 12, 1), None), "T01-006")
    (said,) = holders.all_said(here)
    assert holders.end(here, said.id, date(2026, 12, 1), "T01-006")
    holders.say(here, Holding("37", SONG, "", date(2026, 12, 1), None), "T01-006")
    assert not holders.end(here, said.id, date(2027, 1, 1), "T01-006")


@pytest.mark.parametrize(
    "change", ["UPDATE raw_punch SET pin = '38'", "DELETE FROM raw_punch", "REPLACE"]
)
def test_a_raw_punch_is_never_changed_and_never_deleted(here: Hall, change: str):
    raw_punches.take_in(here, [told()])
    before = here.db.query("SELECT * FROM raw_punch")
    if change == "REPLACE":
        change = "INSERT OR REPLACE INTO raw_punch SELECT * FROM raw_punch"
    with pytest.raises(RowRefused, match="never"), here.db.transaction():
        here.db.execute(change)
    assert here.db.query("SELECT * FROM raw_punch") == before


def test_a_full_disk_keeps_neither_the_raw_punch_nor_the_punch(here: Hall):
    is_wangs(here)
    fill_disk(here)
    with pytest.raises(DiskFull):
        raw_punches.take_in(here, [told(minute=n) for n in range(500)])
    here.db.limit_pages(1 << 30)
    assert how_many(here, "punch") == how_many(here, "raw_punch") == 0
    assert raw_punches.take_in(here, [told()]).new == 1


def test_a_terminal_has_reported_up_to_a_moment_that_moves_back_only_when_something_is_missing(
    here: Hall,
):
    raw_punches.report(here, "SN1", START)
    raw_punches.report(here, "SN1", START - timedelta(hours=1))
    assert raw_punches.last_reported(here) == {"SN1": START}
    raw_punches.withdraw_report(here, "SN1", START - timedelta(days=2))
    assert raw_punches.last_reported(here) == {"SN1": START - timedelta(days=2)}
    raw_punches.withdraw_report(here, "SN1")
    assert raw_punches.last_reported(here) == {}


def test_a_kiosk_counts_among_the_terminals_that_have_to_report(
    hall: Hall, kiosk: Kiosk, clock: TurnableClock
):
    assert raw_punches.last_reported(hall) == {kiosk.id: clock.moment}
