"""Whatever comes as a round or an enrolment: a clear refusal in English, and nothing is changed."""

import json
from collections.abc import Callable

import pytest

from aggregator.halls import roster
from standards.errors import Invalid
from sync.batch import MEDIA_TYPE
from sync.contact import messages
from sync.contact.messages import MAX_MESSAGE_BYTES, EnrolAsk
from sync.notes import COSIGNATURE, Signer, Verifier, b64
from tests.aggregator.intake_desk import JSON, Asker, Desk, refusal
from tests.aggregator.office import a_finding

PORTAL = b"<!doctype html><title>Sign in to the wifi</title><form action=/login>"


@pytest.fixture
def hall(desk: Desk) -> Asker:
    return desk.halls["T01"]


DEEP = b"[" * 100_000 + b"]" * 100_000


# --- rounds and signed requests ---------------------------------------------------------------


def test_a_good_round_is_answered_with_what_is_held(desk: Desk, hall: Asker) -> None:
    desk.push(desk.packed(hall, 0, 5))
    answer = desk.round(hall, messages.write(hall.ask(8)))
    assert answer.status_code == 200 and answer.headers["OneHall"] == "1"
    logs = {log["origin"]: log["size"] for log in json.loads(answer.data)["logs"]}
    assert logs[hall.origin] == 5


@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: b"{",
        lambda raw: PORTAL,
        lambda raw: raw + b"}",
        lambda raw: raw.replace(b'"size":8', b'"size":NaN'),
        lambda raw: raw.replace(b'"size":8', b'"size":8.5'),
        lambda raw: raw.replace(b'"size":8', b'"size":9223372036854775808'),
        lambda raw: raw.replace(b'"size":8', b'"size":' + b"9" * 5000),
        lambda raw: raw.replace(b'"hall":"T01"', b'"hall":"T01","hall":"T01"'),
        lambda raw: raw.replace(b'"hall":"T01"', b'"hall":"T01","x":' + DEEP),
        lambda raw: raw.replace(b'"hall":"T01"', b'"hall":"\\ud800"'),
        lambda raw: raw.replace(b'"clock":"2026', b'"clock":"x2026'),
        lambda raw: raw.replace(b'01:00:00.000Z"', b'01:00:00"'),
        lambda raw: raw.replace(b'"size":8', b'"size":7'),
        lambda raw: raw.replace(b'"note":"', b'"note":"\\u0001'),
        lambda raw: b"[" * 100_000,
        lambda raw: b"\xff" * 1000,
    ],
)
def test_a_round_against_the_rules_is_refused(still: Desk, spoil: Callable[[bytes], bytes]) -> None:
    hall = still.halls["T01"]
    raw = messages.write(hall.ask(8))
    spoilt = spoil(raw)
    assert spoilt != raw
    assert refusal(still.round(hall, spoilt)) == (400, "malformed")
    assert still.center.db.query("SELECT hall FROM hall_contact") == []


def test_a_size_that_no_database_takes_is_refused_for_a_mirrored_log_too(still: Desk) -> None:
    hall = still.halls["T01"]
    raw = messages.write(hall.ask(0))
    log = b'"logs":[{"origin":"c.example/standards/1","size":%d},' % (1 << 64)
    answer = still.round(hall, raw.replace(b'"logs":[', log))
    assert refusal(answer) == (400, "malformed")


def test_a_hall_speaks_only_for_itself(desk: Desk, hall: Asker) -> None:
    other = Asker("T02")
    desk.admit(other)
    assert refusal(desk.round(hall, messages.write(other.ask()))) == (403, "wrong_log")
    impostor = Asker("T02", b"another machine".ljust(31, b"-"))
    assert refusal(desk.round(impostor, messages.write(other.ask()))) == (403, "unknown_key")
    assert refusal(desk.round(Asker("T99"), b"{}")) == (403, "unknown_key")


def test_an_unsigned_round_and_one_changed_on_the_way_are_refused(still: Desk) -> None:
    hall = still.halls["T01"]
    raw = messages.write(hall.ask())
    assert refusal(still.post("/round", raw, JSON)) == (403, "unknown_key")
    answer = still.post("/round", raw, JSON, Signature="x", **{"Signature-Input": "y"})
    assert refusal(answer) == (400, "malformed")


def test_a_message_of_another_content_type_or_above_the_cap_is_refused(still: Desk) -> None:
    hall = still.halls["T01"]
    raw = messages.write(hall.ask())
    for media_type in ("", "text/html", "text/plain", MEDIA_TYPE):
        assert refusal(still.round(hall, raw, media_type)) == (400, "malformed")
        assert refusal(still.post("/enrol", raw, media_type)) == (400, "malformed")
    for path in ("/round", "/enrol"):
        answer = still.post(path, b" " * (MAX_MESSAGE_BYTES + 1), JSON)
        assert refusal(answer) == (413, "too_large")


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("c.example/standards/1?from=1", (400, "refused")),
        ("c.example/standards/1?from=-1", (400, "malformed")),
        ("c.example/standards/1?from=x", (400, "malformed")),
        ("c.example/standards/1?from=" + "9" * 30, (400, "malformed")),
        ("c.example/standards/1?from=%EF%BC%91", (400, "malformed")),
        ("c.example/orders-T02/1?from=0", (404, "unknown_log")),
        ("c.example/T02/1?from=0", (404, "unknown_log")),
        ("c.example/../standards/1?from=0", (404, "unknown_log")),
    ],
)
def test_a_log_that_cannot_be_given_is_refused(
    still: Desk, target: str, expected: tuple[int, str]
) -> None:
    hall = still.halls["T01"]
    assert still.get(hall, "/sync/v1/logs/c.example/standards/1?from=0").status_code == 200
    assert refusal(still.get(hall, "/sync/v1/logs/" + target)) == expected


def test_no_hall_reads_what_another_wrote_or_what_was_ordered_of_another(
    desk: Desk, hall: Asker
) -> None:
    other = Asker("T02")
    desk.admit(other)
    assert desk.push(desk.packed(other, 0, 5), "T02").status_code == 200
    desk.center.order("T02", a_finding("T02"), actor="ZX-01")
    for origin in ("c.example/T02/1", "c.example/orders-T02/1"):
        target = f"/sync/v1/logs/{origin}?from=0"
        assert desk.round(other, messages.write(other.ask(5))).status_code == 200
        assert desk.get(other, target).status_code == 200
        assert refusal(desk.get(hall, target)) == (404, "unknown_log")


def test_a_log_is_given_only_to_a_hall_that_signs(still: Desk) -> None:
    target = "/sync/v1/logs/c.example/standards/1?from=0"
    answer = still.app.test_client().get(target, base_url="http://localhost")
    assert refusal(answer) == (403, "unknown_key")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/round", "/enrol", "/logs/T01/1", "/nothing", "/logs/a/b/c"])
def test_an_address_or_method_that_is_not_there_is_refused_in_the_same_form(
    still: Desk, method: str, path: str
) -> None:
    answer = still.app.test_client().open(
        f"/sync/v1{path}", method=method, base_url="http://localhost"
    )
    status, _ = refusal(answer)
    assert status in (403, 404, 405)


# What a full disk is on PostgreSQL is in tests/sync/test_store_contract.py.
@pytest.mark.parametrize("engine", ["SQLite"], indirect=True)
def test_a_full_disk_refuses_enrolments_with_retry_after_and_goes_on_with_room(
    desk: Desk,
) -> None:
    codes = {f"T{n}": desk.code(f"T{n}") for n in range(20, 60)}
    pages = desk.center.db.query("PRAGMA page_count")[0]["page_count"]
    with desk.center.db.transaction():
        desk.center.db.query(f"PRAGMA max_page_count = {pages}")
    for hall, code in codes.items():
        answer = desk.enrol(Asker(hall).request, code, hall)
        if answer.status_code != 200:
            break
    assert refusal(answer) == (503, "try_later")
    assert hall not in {row.hall for row in roster.pending(desk.center)}
    with desk.center.db.transaction():
        desk.center.db.query(f"PRAGMA max_page_count = {pages + 1000}")
    assert desk.enrol(Asker(hall).request, code, hall).status_code == 200


# --- enrolment --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: b"",
        lambda raw: PORTAL,
        lambda raw: raw[:-1],
        lambda raw: raw.replace(b'"mac":"', b'"mac":"0","mac":"'),
        lambda raw: raw.replace(b'"mac":"', b'"mac":NaN,"x":"'),
        lambda raw: raw.replace(b'"mac":"', b'"x":' + DEEP + b',"mac":"'),
        lambda raw: raw.replace(b'"mac":"', b'"mac":"0'),
        lambda raw: raw.replace(b"onehall/enrol/v1", b"onehall/enrol/v2"),
        lambda raw: raw.replace(b"T01\\n", b"T01\\nT01\\n"),
        lambda raw: raw.replace(b"T01\\n", b""),
        lambda raw: raw.replace(b"onehall/enrol", b"\\u0000onehall/enrol"),
    ],
)
def test_an_enrolment_against_the_rules_is_refused(
    still: Desk, spoil: Callable[[bytes], bytes]
) -> None:
    raw = messages.write(EnrolAsk(text=Asker("T01").request.text, mac="a" * 64))
    assert spoil(raw) != raw
    assert refusal(still.post("/enrol", spoil(raw), JSON)) == (400, "malformed")


def test_wrong_codes_from_anybody_do_not_spoil_the_right_one(desk: Desk) -> None:
    """Whoever reaches the center knows the halls' ids; a count of tries would be theirs to fill."""
    new, code = Asker("T02"), desk.code("T02")
    wrong = "2222222222" if code != "2222222222" else "3333333333"
    for _ in range(6):
        assert refusal(desk.enrol(new.request, wrong, "T02")) == (403, "enrolment_refused")
    assert desk.enrol(new.request, code, "T02").status_code == 200


def test_a_code_made_while_the_clock_ran_ahead_ends_with_its_repair(desk: Desk) -> None:
    desk.hands.turn(days=3 * 365)
    code = desk.code("T02")
    desk.hands.turn(days=-3 * 365)
    answer = desk.enrol(Asker("T02").request, code, "T02")
    assert refusal(answer) == (403, "enrolment_refused")


def test_an_expired_or_used_code_and_one_of_another_hall_are_refused(desk: Desk) -> None:
    new, code = Asker("T02"), desk.code("T02")
    desk.hands.turn(minutes=15, seconds=1)
    assert refusal(desk.enrol(new.request, code, "T02")) == (403, "enrolment_refused")
    code = desk.code("T02")
    desk.hands.turn(minutes=14, seconds=59)
    assert desk.enrol(new.request, code, "T02").status_code == 200
    second = Asker("T02", b"second machine".ljust(31, b"-"))
    assert refusal(desk.enrol(second.request, code, "T02")) == (403, "enrolment_refused")
    code = desk.code("T03")
    assert refusal(desk.enrol(second.request, code, "T03")) == (403, "enrolment_refused")
    assert refusal(desk.enrol(Asker("T77").request, code, "T77")) == (403, "enrolment_refused")


def test_the_same_ask_tells_how_it_stands_and_needs_no_second_code(desk: Desk) -> None:
    new, code = Asker("T02"), desk.code("T02")
    assert json.loads(desk.enrol(new.request, code, "T02").data)["state"] == "pending"
    desk.hands.turn(hours=5)
    assert json.loads(desk.enrol(new.request, code, "T02").data)["state"] == "pending"
    roster.refuse(desk.center, roster.pending(desk.center)[0].id, "ZX-01")
    refused = json.loads(desk.enrol(new.request, code, "T02").data)
    assert (refused["state"], refused["keys"], refused["hall"]) == ("refused", "", "")


def test_a_hall_that_was_refused_by_mistake_may_ask_again_with_the_same_keys(desk: Desk) -> None:
    new, first = Asker("T02"), desk.code("T02")
    desk.enrol(new.request, first, "T02")
    roster.refuse(desk.center, roster.pending(desk.center)[0].id, "ZX-01")
    second = desk.code("T02")
    assert json.loads(desk.enrol(new.request, second, "T02").data)["state"] == "pending"
    roster.approve(desk.center, roster.pending(desk.center)[0].id, "ZX-01")
    answer = json.loads(desk.enrol(new.request, second, "T02").data)
    assert answer["state"] == "approved"
    assert str(new.signer.verifier) in answer["hall"]


def with_key(request_text: str, line: int, value: str) -> str:
    lines = request_text.split("\n")
    lines[line] = value
    return "\n".join(lines)


def test_a_key_of_another_hall_is_refused_at_the_ask(desk: Desk, hall: Asker) -> None:
    code = desk.code("T02")
    text = Asker("T02").request.text
    for stolen in (
        with_key(text, 2, str(hall.signer.verifier)),
        with_key(text, 3, str(hall.cosigner.verifier)),
        with_key(text, 4, b64(hall.sealing.public)),
        with_key(text, 3, str(Verifier("c.example/T02", hall.signer.verifier.public, COSIGNATURE))),
    ):
        answer = desk.enrol(stolen, desk.code("T02"), "T02")
        assert refusal(answer) == (403, "enrolment_refused")
        assert "another hall" in json.loads(answer.data)["rule"]
    assert code


def test_of_two_halls_that_wait_with_one_key_only_one_is_admitted(desk: Desk) -> None:
    one, other = Asker("T02", b"same".ljust(31, b"-")), Asker("T03", b"same".ljust(31, b"-"))
    for new in (one, other):
        assert desk.enrol(new.request, desk.code(new.hall), new.hall).status_code == 200
    waiting = [e for e in roster.pending(desk.center) if e.state == "pending"]
    roster.approve(desk.center, waiting[0].id, "ZX-01")
    with pytest.raises(Invalid):
        roster.approve(desk.center, waiting[1].id, "ZX-01")
    states = {row.hall: row.state for row in roster.halls(desk.center)}
    assert sorted(states.values()) == ["enrolled", "enrolled", "registered"]
    roster.refuse(desk.center, waiting[1].id, "ZX-01")


def test_a_small_order_key_is_refused_at_enrolment(desk: Desk) -> None:
    identity = b64(bytes([1, 1]) + bytes(31))
    text = with_key(Asker("T02").request.text, 2, f"c.example/T02+00000000+{identity}")
    assert refusal(desk.enrol(text, desk.code("T02"), "T02")) == (403, "unknown_key")
    order_8 = "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"
    text = with_key(Asker("T02").request.text, 4, b64(bytes.fromhex(order_8)))
    assert refusal(desk.enrol(text, desk.code("T02"), "T02")) == (400, "malformed")
    same = Signer("c.example/T02", b"s" * 32)
    twice = str(Verifier("c.example/T02", same.verifier.public, COSIGNATURE))
    text = with_key(with_key(Asker("T02").request.text, 2, str(same.verifier)), 3, twice)
    assert refusal(desk.enrol(text, desk.code("T02"), "T02")) == (403, "enrolment_refused")
