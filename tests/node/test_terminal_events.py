"""Events of kiosks: each once, in order, with nothing lost in between and nothing made up."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from attendance.engine import FaceEngine
from node.hall import Hall
from node.terminals import terminal_events, terminal_keys, terminals
from tests import pictures
from tests.node.attendance import (
    PIN,
    ZHANG,
    Kiosk,
    add_member,
    consent,
    enrolled,
    outcome,
    send_pictures,
    set_pin,
    seven_more,
)
from tests.node.hall import Browser, TurnableClock, how_many

FRAMES = pictures.frames("obama")


@pytest.fixture
def at_work(office: Browser, kiosk: Kiosk) -> Kiosk:
    """A terminal in a hall where Zhang has a PIN."""
    add_member(office)
    set_pin(office)
    return kiosk


def punched_at(hall: Hall) -> list[str]:
    return [row["punched_at"] for row in hall.db.query("SELECT punched_at FROM punch ORDER BY idx")]


def sign_in_offline(kiosk: Kiosk, pin: str = PIN) -> None:
    kiosk.note("manual", staff_no="021", pin=pin, offline=True)


# --- when the node was away -------------------------------------------------------------------


def test_what_was_kept_while_the_node_was_away_arrives_once_in_order_with_its_own_times(
    hall: Hall, at_work: Kiosk, clock: TurnableClock
):
    at_work.ask("GET", f"/t/v1/time?boot_id={at_work.boot_id}&mono_ms={at_work.mono()}"
                f"&rtt_ms=0&wall={clock.moment:%Y-%m-%dT%H:%M:%SZ}")  # fmt: skip
    for _ in range(3):
        clock.turn(minutes=20)
        sign_in_offline(at_work)
    clock.turn(hours=2)
    queue = list(at_work.queue)
    status, told = at_work.deliver()
    assert (status, told["acked_through"], told["missing"]) == (200, 3, [])
    assert [one["status"] for one in told["results"]] == ["stored"] * 3
    assert punched_at(hall) == [f"2026-11-24T09:{m}:00+08:00" for m in (20, 40)] + [
        "2026-11-24T10:00:00+08:00"
    ]
    # The answer was lost: all of it again.
    at_work.queue = queue
    _, told = at_work.deliver()
    assert [(one["status"], one["was"]) for one in told["results"]] == [("duplicate", "stored")] * 3
    assert how_many(hall, "punch") == 3


def test_a_clock_that_somebody_set_does_not_move_a_sign_in(
    hall: Hall, at_work: Kiosk, clock: TurnableClock
):
    at_work.deliver()
    clock.turn(minutes=20)
    real, at_work.now = at_work.now, lambda: clock.moment - timedelta(minutes=19)
    sign_in_offline(at_work)
    at_work.now = real
    clock.turn(minutes=1)
    at_work.deliver()
    assert punched_at(hall) == ["2026-11-24T09:20:00+08:00"]


def test_a_sign_in_of_a_page_that_never_reached_the_node_is_marked_as_not_checked(
    hall: Hall, at_work: Kiosk, clock: TurnableClock
):
    at_work.boot_id = "b" * 32
    sign_in_offline(at_work)
    at_work.boot_id = "c" * 32
    clock.turn(hours=1)
    at_work.deliver()
    (row,) = hall.db.query("SELECT punched_at, clock FROM punch")
    assert (row["punched_at"], row["clock"]) == ("2026-11-24T09:00:00+08:00", "unanchored")


def test_a_wrong_pin_that_was_typed_offline_is_told_to_the_administrator_and_signs_nobody_in(
    hall: Hall, at_work: Kiosk, administration: Browser, office: Browser
):
    assert "工号或口令不对" not in office.get("/presence").text
    sign_in_offline(at_work, "000000")
    sign_in_offline(at_work)
    _, told = at_work.deliver()
    assert [one["status"] for one in told["results"]] == ["rejected", "stored"]
    assert how_many(hall, "punch") == 1
    assert "未签上" in administration.get(f"/terminals/{at_work.id}").text
    assert "工号或口令不对" in office.get("/presence").text


def test_a_pin_is_sealed_for_its_event_alone(hall: Hall, at_work: Kiosk, tmp_path: Path):
    sign_in_offline(at_work)
    text = at_work.queue[0][1]
    assert PIN not in text
    sealed = text.split('"pin":"')[1].split('"')[0]
    at_work.queue.clear()
    at_work.seq, at_work.last_hash = 0, at_work.key_id
    other = at_work.note("manual", staff_no="021", pin="111111", offline=True)
    # Somebody puts a PIN that was seen before into an event of their own.
    stolen = other.replace(other.split('"pin":"')[1].split('"')[0], sealed)
    at_work.queue = [(1, stolen)]
    result = at_work.deliver()[1]["results"][0]
    assert (result["status"], result["reason"]) == ("held", "sealed")
    assert how_many(hall, "punch") == 0


def test_somebody_who_left_meanwhile_is_held_for_a_person_to_look_at(
    hall: Hall, at_work: Kiosk, office: Browser, engine: FaceEngine
):
    consent(office)
    send_pictures(office, pictures.enrolment("obama"))
    seven_more(hall, engine.status().model_id or "")
    told = at_work.look(FRAMES)[1]
    office.post(f"/staff/{ZHANG}/leave")
    at_work.note("match", ticket=told["ticket"], staff_no=ZHANG)
    result = at_work.deliver()[1]["results"][0]
    assert (result["status"], result["reason"]) == ("held", "not_on_post")
    assert how_many(hall, "punch") == 0


# --- pictures ------------------------------------------------------------------------------------


def kept_pictures(kiosk: Kiosk, frames: list[bytes]) -> None:
    """Three pictures taken offline, delivered sealed, then their event."""
    digests = []
    for frame in frames:
        sealed = kiosk.seal(frame, f"{kiosk.terminal}/picture")
        digests.append(sha256(sealed).hexdigest())
        assert kiosk.ask("PUT", f"/t/v1/blobs/{digests[-1]}", sealed)[0] == 200
    kiosk.note("frame", blobs=digests, offline=True)


def test_pictures_taken_offline_are_recognised_when_the_node_is_back_and_are_gone(
    hall: Hall, office: Browser, kiosk: Kiosk, engine: FaceEngine, tmp_path: Path
):
    enrolled(office)
    seven_more(hall, engine.status().model_id or "")
    kept_pictures(kiosk, FRAMES)
    assert how_many(hall, "terminal_blob") == 3
    lying = b"".join(path.read_bytes() for path in (tmp_path / "hall").glob("node.db*"))
    assert FRAMES[0][1000:1100] not in lying
    result = kiosk.deliver()[1]["results"][0]
    assert (result["status"], result["way"], result["grade"]) == ("stored", "face", "B")
    kept_pictures(kiosk, pictures.frames("biden"))
    result = kiosk.deliver()[1]["results"][0]
    assert (result["status"], result["reason"]) == ("held", "unknown")
    assert how_many(hall, "terminal_blob") == 0
    assert how_many(hall, "punch") == 1


def test_an_event_whose_pictures_are_gone_is_held(hall: Hall, kiosk: Kiosk):
    kiosk.note("frame", blobs=["0" * 64], offline=True)
    result = kiosk.deliver()[1]["results"][0]
    assert (result["status"], result["reason"]) == ("held", "blobs_gone")


def test_a_picture_other_than_its_name_says_is_refused(hall: Hall, kiosk: Kiosk):
    assert outcome(kiosk.ask("PUT", f"/t/v1/blobs/{'0' * 64}", b"x")) == (422, "malformed")
    assert how_many(hall, "terminal_blob") == 0


def test_a_picture_that_was_cut_off_is_not_kept_and_comes_whole_again_once(
    hall: Hall, kiosk: Kiosk
):
    sealed = kiosk.seal(FRAMES[0], f"{kiosk.terminal}/picture")
    place = f"/t/v1/blobs/{sha256(sealed).hexdigest()}"
    assert outcome(kiosk.ask("PUT", place, sealed[:20_000])) == (422, "malformed")
    assert how_many(hall, "terminal_blob") == 0
    assert [kiosk.ask("PUT", place, sealed)[0] for _ in range(2)] == [200, 200]
    assert how_many(hall, "terminal_blob") == 1


def test_while_the_engine_is_away_pictures_wait_and_nothing_behind_them_is_lost(
    hall: Hall, office: Browser, at_work: Kiosk
):
    alone = Kiosk(hall, None)
    sign_in_offline(alone)
    kept_pictures(alone, FRAMES)
    sign_in_offline(alone)
    _, told = alone.deliver()
    assert (told["acked_through"], len(told["results"])) == (1, 1)
    assert len(alone.queue) == 2
    assert how_many(hall, "terminal_blob") == 3


# --- the chain ----------------------------------------------------------------------------------


def test_a_second_machine_with_the_same_key_is_found_out_and_both_are_shut_out(
    hall: Hall, at_work: Kiosk, administration: Browser
):
    clone = Kiosk.__new__(Kiosk)
    clone.__dict__.update(at_work.__dict__)
    clone.queue = []
    at_work.punch(staff_no=ZHANG, pin=PIN)
    clone.note("manual", staff_no=ZHANG, pin=PIN)
    assert outcome(clone.deliver()) == (409, "clone")
    assert how_many(hall, "punch") == 1
    for one in (clone, at_work):
        one.note("app_start")
        assert outcome(one.deliver()) == (403, "quarantined")
    page = administration.get("/terminals").text
    assert "已隔离" in page
    assert "可能被复制" in page


def test_an_event_that_was_taken_out_of_the_queue_shows(hall: Hall, at_work: Kiosk):
    for _ in range(3):
        sign_in_offline(at_work)
    first, second, third = at_work.queue
    at_work.queue = [first, third]
    _, told = at_work.deliver()
    assert (told["acked_through"], told["missing"]) == (1, [[2, 2]])
    at_work.queue = [second]
    _, told = at_work.deliver()
    assert (told["acked_through"], told["missing"]) == (3, [])


def test_an_event_that_was_put_in_the_place_of_another_is_a_clone(hall: Hall, at_work: Kiosk):
    for _ in range(3):
        sign_in_offline(at_work)
    first, _, third = at_work.queue
    at_work.queue = [first, third]
    at_work.deliver()
    at_work.seq, at_work.last_hash = 1, sha256(first[1].encode()).hexdigest()
    at_work.queue = []
    sign_in_offline(at_work)
    assert outcome(at_work.deliver()) == (409, "clone")


def test_what_is_missing_for_a_day_is_an_alarm_until_it_comes_or_is_known_to_be_lost(
    hall: Hall, at_work: Kiosk, administration: Browser, clock: TurnableClock
):
    for _ in range(3):
        sign_in_offline(at_work)
    at_work.queue = [at_work.queue[0], at_work.queue[2]]
    at_work.deliver()
    at_work.ask("POST", "/t/v1/heartbeat", {"clocks": at_work.clocks()})
    assert terminals.open_alarms(hall) == []
    clock.turn(hours=25)
    at_work.ask("POST", "/t/v1/heartbeat", {"clocks": at_work.clocks()})
    assert [alarm["kind"] for alarm in terminals.open_alarms(hall)] == ["gap"]
    administration.sign_in("root")
    assert "缺这些序号：2" in administration.get(f"/terminals/{at_work.id}").text
    assert administration.post(f"/terminals/{at_work.id}/gaps").status_code == 303
    key = terminal_keys.device_key(hall, at_work.id, at_work.key_id)
    assert key is not None
    assert terminal_events.standing(hall, key) == (3, [])


def test_a_restored_node_gets_everything_again_and_signs_nobody_in_twice(
    hall: Hall, at_work: Kiosk
):
    for _ in range(2):
        sign_in_offline(at_work)
    queue = list(at_work.queue)
    at_work.deliver()
    # The node is put back from a backup; the punches themselves come back from the center.
    hall.db.execute("DELETE FROM terminal_event")
    hall.db.execute("UPDATE terminal_key SET acked_through = 0")
    assert at_work.ask("GET", "/t/v1/state")[1]["acked_through"] == 0
    at_work.queue = queue
    _, told = at_work.deliver()
    assert told["acked_through"] == 2
    assert how_many(hall, "punch") == 2


def test_a_number_far_ahead_is_refused(hall: Hall, kiosk: Kiosk):
    kiosk.seq = 20_000
    kiosk.note("app_start")
    assert outcome(kiosk.deliver()) == (422, "malformed")
    assert how_many(hall, "terminal_event") == 0
