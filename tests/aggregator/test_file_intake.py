"""Who may send and fetch which file, and what is said to everybody else."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from datetime import date
from hashlib import sha256

import pytest
from werkzeug.test import TestResponse

from aggregator.files import archives
from aggregator.receiving.apply import apply_all
from standards.records import FileHanded
from standards.records.declare import logged_bytes, personal_bytes
from sync.contact.signed_requests import Asked, sign_request
from sync.files.cabinet import MAX_FILE_BYTES, MAX_PIECE_BYTES
from sync.files.file_exchange import BYTES
from sync.notes import b64
from sync.private.sealing import commitment
from tests.aggregator.intake_desk import SITE, Asker, Desk, refusal
from tests.samples import SAMPLES

DAY = date(2026, 11, 24)
FILE = bytes(range(256)) * 20
NAME = sha256(FILE).hexdigest()
OTHER = "0" * 64


@dataclass
class Counter:
    """A desk at which files are handed in; T01's log names FILE, T02 is another hall."""

    desk: Desk
    mine: Asker
    other: Asker

    def ask(self, hall: Asker, method: str, target: str, body: bytes = b"", **headers: str):
        target = f"/sync/v1/files{target}"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named |= {"Content-Type": BYTES} if body else {}
        signed = sign_request(hall.signer, Asked(method, target, body, named), 1)
        answer: TestResponse = self.desk.app.test_client().open(
            target, method=method, data=body, headers={**named, **signed}, base_url=SITE
        )
        return answer

    def put(self, hall: Asker, start: int, stop: int, content: bytes = FILE, name: str = NAME):
        body = content[start:stop]
        said = f"bytes {start}-{start + len(body) - 1}/{len(content)}"
        return self.ask(hall, "PUT", f"/{name}", body, Content_Range=said)

    def get(self, hall: Asker, name: str, asked: str = "bytes=0-999"):
        return self.ask(hall, "GET", f"/{name}", Range=asked)

    def hand_over(self, plain: bytes, hall: str = "T01") -> str:
        center = self.desk.center
        kept = archives.archive_of(center, hall).keep(io.BytesIO(plain), b"f" * 32)
        record = FileHanded(
            for_hall=hall, purpose="handover", media="image/png", size=kept.size,
            file=kept.name, key=kept.key,
        )  # fmt: skip
        center.order(hall, record, actor="ZX-01")
        return kept.name


def leaf_naming(name: str) -> tuple[bytes, bytes]:
    """A leaf of a scan with this file, and its part."""
    sample = SAMPLES["material_scanned"]
    payload, opening = personal_bytes(sample), b"o" * 32
    assert payload is not None
    body = logged_bytes(sample).decode().replace("ab" * 32, name)
    promised = b64(commitment(opening, payload))
    leaf = (
        f'{{"actor":"T01-003","at":"2026-11-24T00:29:57.123Z","body":{body},"boot":"b",'
        f'"commitment":"{promised}","files":["{name}"],"id":"0193b2c4-aaaa-7000-8000-000000000001",'
        '"kind":"material_scanned","mono":1,"v":1}'
    )
    return leaf.encode(), opening + payload


@pytest.fixture
def counter(desk: Desk) -> Counter:
    desk.admit(Asker("T02"))
    mine = desk.halls["T01"]
    leaf, part = leaf_naming(NAME)
    pushed = desk.push(desk.packed(mine, 0, 1, leaves=[leaf], parts={0: part}))
    assert pushed.status_code == 200, pushed.text
    apply_all(desk.center)
    return Counter(desk, mine, desk.halls["T02"])


def test_a_hall_learns_what_is_wanted_and_sends_it_piece_by_piece(counter: Counter) -> None:
    wanted = json.loads(counter.ask(counter.mine, "GET", "?after=").data)
    assert wanted == {"wanted": [NAME]}
    assert json.loads(counter.ask(counter.other, "GET", "?after=").data) == {"wanted": []}
    for start in range(0, len(FILE), 2_000):
        head = counter.ask(counter.mine, "HEAD", f"/{NAME}")
        assert (head.status_code, head.headers["Upload-Offset"]) == (200, str(start))
        answer = counter.put(counter.mine, start, start + 2_000)
        assert json.loads(answer.data) == {"held": min(len(FILE), start + 2_000)}
    assert json.loads(counter.ask(counter.mine, "GET", "?after=").data) == {"wanted": []}
    back = counter.get(counter.mine, NAME, "bytes=100-299")
    assert (back.status_code, back.data) == (206, FILE[100:300])
    assert back.headers["Content-Range"] == f"bytes 100-299/{len(FILE)}"


def test_another_hall_may_neither_send_nor_fetch_nor_ask_about_it(counter: Counter) -> None:
    unknown = (404, "unknown_file")
    assert refusal(counter.put(counter.other, 0, 100)) == unknown
    assert refusal(counter.get(counter.other, NAME)) == unknown
    head = counter.ask(counter.other, "HEAD", f"/{NAME}")
    assert (head.status_code, head.headers["OneHall-Error"]) == unknown
    assert not (counter.desk.center.data / "files").exists()


@pytest.mark.parametrize("name", [OTHER, "x", "..", "AB" * 32])
def test_what_no_entry_names_is_unknown(counter: Counter, name: str) -> None:
    assert refusal(counter.put(counter.mine, 0, 100, name=name)) == (404, "unknown_file")
    assert refusal(counter.get(counter.mine, name)) == (404, "unknown_file")


def test_a_file_of_the_orders_is_for_its_hall_and_nobody_may_overwrite_it(
    counter: Counter,
) -> None:
    name = counter.hand_over(b"a picture of the waiting room")
    given = counter.get(counter.mine, name)
    assert given.status_code == 206
    assert sha256(given.data).hexdigest() == name
    assert refusal(counter.get(counter.other, name)) == (404, "unknown_file")
    assert refusal(counter.put(counter.mine, 0, 100, name=name)) == (404, "unknown_file")


def test_a_file_whose_bytes_were_altered_at_the_center_is_not_handed_on(counter: Counter) -> None:
    name = counter.hand_over(b"a picture of the waiting room")
    path = counter.desk.center.data / "files" / "T01" / name[:2] / name
    path.write_bytes(b"?" + path.read_bytes()[1:])
    assert refusal(counter.get(counter.mine, name)) == (404, "file_absent")


def test_a_named_file_that_has_not_come_is_absent(counter: Counter) -> None:
    assert refusal(counter.get(counter.mine, NAME)) == (404, "file_absent")


def test_a_piece_at_another_place_is_told_where_to_go_on(counter: Counter) -> None:
    counter.put(counter.mine, 0, 700)
    answer = counter.put(counter.mine, 900, 1_000)
    assert refusal(answer) == (409, "gap")
    assert json.loads(answer.data)["size"] == 700


def test_wrong_bytes_get_no_name_and_the_file_begins_anew(counter: Counter) -> None:
    wrong = FILE[:-1] + b"?"
    assert counter.put(counter.mine, 0, 3_000, wrong).status_code == 200
    assert refusal(counter.put(counter.mine, 3_000, 9_000, wrong)) == (400, "malformed")
    assert counter.ask(counter.mine, "HEAD", f"/{NAME}").headers["Upload-Offset"] == "0"
    assert counter.put(counter.mine, 0, 9_000).status_code == 200


@pytest.mark.parametrize(
    "said",
    [
        "",
        "bytes 0-4/5120 ",
        "bytes 0-5/5120",
        "bytes */5120",
        "bytes 0-4/4",
        "bytes=0-4",
        "bytes 9-13/1",
    ],
)
def test_a_range_that_does_not_fit_its_piece_is_malformed(counter: Counter, said: str) -> None:
    answer = counter.ask(counter.mine, "PUT", f"/{NAME}", b"12345", Content_Range=said)
    assert refusal(answer) == (400, "malformed")


def test_caps_hold_for_a_piece_and_for_the_whole(counter: Counter) -> None:
    too_long = bytes(MAX_PIECE_BYTES + 1)
    assert refusal(counter.put(counter.mine, 0, len(too_long), too_long)) == (413, "too_large")
    said = f"bytes 0-4/{MAX_FILE_BYTES + 1}"
    answer = counter.ask(counter.mine, "PUT", f"/{NAME}", b"12345", Content_Range=said)
    assert refusal(answer) == (413, "too_large")


def test_a_range_is_covered_by_the_signature(counter: Counter) -> None:
    target, body = f"/sync/v1/files/{NAME}", FILE[:100]
    said = {"Content-Type": BYTES, "Content-Range": f"bytes 0-99/{len(FILE)}"}
    signed = sign_request(counter.mine.signer, Asked("PUT", target, body, said), 1)
    moved = {**said, **signed, "Content-Range": "bytes 0-99/101"}
    answer = counter.desk.app.test_client().put(target, data=body, headers=moved, base_url=SITE)
    assert refusal(answer) == (403, "unknown_key")
    plain = counter.desk.app.test_client().put(target, data=body, headers=said, base_url=SITE)
    assert refusal(plain) == (403, "unknown_key")


def test_bytes_that_were_altered_on_the_way_are_refused(counter: Counter) -> None:
    target = f"/sync/v1/files/{NAME}"
    said = {"Content-Type": BYTES, "Content-Range": f"bytes 0-99/{len(FILE)}"}
    signed = sign_request(counter.mine.signer, Asked("PUT", target, FILE[:100], said), 1)
    answer = counter.desk.app.test_client().put(
        target, data=FILE[1:101], headers={**said, **signed}, base_url=SITE
    )
    assert refusal(answer) == (400, "malformed")


def test_an_erased_part_takes_its_file_along(counter: Counter) -> None:
    counter.put(counter.mine, 0, len(FILE))
    center, origin = counter.desk.center, counter.mine.origin
    center.logs.parts.erase(origin, 0, 1)
    assert archives.archive_of(center, "T01").drop_unnamed(origin, 0) == [NAME]
    assert refusal(counter.put(counter.mine, 0, 100)) == (404, "unknown_file")
    assert [*(center.data / "files").rglob(NAME)] == []
