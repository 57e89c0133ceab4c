"""A center's sync interface and halls that speak to it, right or wrong, byte by byte."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from werkzeug.test import TestResponse

from aggregator.app import create_app
from aggregator.center import Center, CenterSettings
from aggregator.halls import roster
from aggregator.receiving.intake import intake
from sync.batch import MEDIA_TYPE, hashes_of, pack
from sync.clock import Clock
from sync.contact import messages
from sync.contact.messages import EnrolAsk, LogHead, RoundAsk
from sync.contact.signed_requests import signature_headers
from sync.keys.keysets import Request, code_key, code_mac
from sync.merkle import root_of
from sync.notes import COSIGNATURE, Checkpoint, Signer
from sync.private.sealing import SealingKey
from tests.aggregator.office import Hands

SITE = "http://localhost"
NAME = "c.example"
JSON = "application/json"
LEAVES = [
    b'{"actor":"T01-003","at":"2026-11-24T00:29:57.123Z","body":{},"boot":"b",'
    b'"id":"0193b2c4-aaaa-7000-8000-%012x","kind":"a_later_kind","mono":1,"v":1}' % number
    for number in range(40)
]


class Asker:
    """A hall's keys, and what they sign."""

    def __init__(self, hall: str, seed: bytes | None = None) -> None:
        self.hall, self.origin = hall, f"{NAME}/{hall}/1"
        made = seed or hall.encode().ljust(31, b"-")
        self.signer = Signer(f"{NAME}/{hall}", made + b"s")
        self.cosigner = Signer(f"{NAME}/{hall}", made + b"c", COSIGNATURE)
        self.sealing = SealingKey(made + b"x")

    @property
    def request(self) -> Request:
        """What it asks at enrolment."""
        keys = (self.signer.verifier, self.cosigner.verifier, self.sealing.public)
        return Request(self.hall, *keys)

    def head(self, leaves: list[bytes], origin: str = "") -> Checkpoint:
        return Checkpoint(origin or self.origin, len(leaves), root_of(hashes_of(leaves)))

    def ask(self, size: int = 0) -> RoundAsk:
        """A round as this hall says it, with ``size`` entries in its log."""
        note = self.signer.sign(self.head(LEAVES[:size]).text).decode()
        head = LogHead(origin=self.origin, size=size, note=note)
        clock = "2026-11-24T01:00:00.000Z"
        return RoundAsk(hall=self.hall, clock=clock, software="test/1", logs=(head,))


@dataclass
class Desk:
    """The center, its application, and the halls it knows."""

    center: Center
    hands: Hands
    app: Any
    halls: dict[str, Asker] = field(default_factory=dict)

    def post(self, path: str, body: bytes, media_type: str, **headers: str) -> TestResponse:
        answer: TestResponse = self.app.test_client().post(
            f"/sync/v1{path}", data=body, headers=headers, content_type=media_type, base_url=SITE
        )
        return answer

    # --- batches ----------------------------------------------------------------------------

    def packed(self, hall: Asker, start: int, stop: int, **other: Any) -> bytes:
        """A batch of the hall's entries; ``leaves`` and ``log_size`` may be other ones."""
        leaves = other.get("leaves", LEAVES)
        head = hall.head(leaves[:stop], other.get("origin", ""))
        contents = (leaves[start:stop], other.get("parts", {}), self.center.sealing.public)
        return pack(hall.signer, head, start, other.get("log_size", stop), contents)

    def push(self, raw: bytes, hall: str = "T01", media_type: str = MEDIA_TYPE) -> TestResponse:
        return self.post(f"/logs/{hall}/1", raw, media_type)

    def size(self, hall: Asker) -> int:
        """Entries of a hall's log that the center holds."""
        sizes = {state.origin: state.size for state in self.center.logs.states()}
        return sizes.get(hall.origin, 0)

    # --- signed requests --------------------------------------------------------------------

    def round(self, hall: Asker, body: bytes, media_type: str = JSON) -> TestResponse:
        headers = signature_headers(hall.signer, "POST", "/sync/v1/round", body, 1)
        return self.post("/round", body, media_type, **headers)

    def get(self, hall: Asker, target: str) -> TestResponse:
        headers = signature_headers(hall.signer, "GET", target, b"", 1)
        answer: TestResponse = self.app.test_client().get(target, headers=headers, base_url=SITE)
        return answer

    # --- enrolment --------------------------------------------------------------------------

    def code(self, hall: str) -> str:
        if hall not in {row.hall for row in roster.halls(self.center)}:
            roster.register_hall(self.center, hall, f"{hall}分厅")
        return roster.new_code(self.center, hall)

    def enrol(self, request: Request | str, code: str, hall: str = "T01") -> TestResponse:
        text = request if isinstance(request, str) else request.text
        mac = code_mac(code_key(code, hall), text, "ask")
        return self.post("/enrol", messages.write(EnrolAsk(text=text, mac=mac)), JSON)

    def admit(self, hall: Asker) -> None:
        """Enrol and approve a hall."""
        answer = self.enrol(hall.request, self.code(hall.hall), hall.hall)
        assert answer.status_code == 200, answer.text
        waiting = [e for e in roster.pending(self.center) if e.state == "pending"]
        roster.approve(self.center, waiting[0].id, "ZX-01")
        self.halls[hall.hall] = hall


def refusal(answer: TestResponse) -> tuple[int, str]:
    """Status and code of a refusal, whose form is checked on the way."""
    assert answer.headers["OneHall"] == "1", answer.headers
    assert answer.mimetype == JSON, answer.mimetype
    body = json.loads(answer.data)
    assert isinstance(body["error"], str) and isinstance(body["rule"], str) and body["rule"]
    assert "Traceback" not in answer.text and "sqlite" not in answer.text.lower()
    assert answer.status_code not in (429, 500, 503) or answer.headers["Retry-After"].isdigit()
    return answer.status_code, body["error"]


def open_desk(data: Path, database: str = "") -> Desk:
    """A new center with one admitted hall, T01; SQLite when no database is named."""
    desk = bare_desk(data, database)
    desk.admit(Asker("T01"))
    return desk


def bare_desk(data: Path, database: str = "") -> Desk:
    """A new center without halls."""
    hands = Hands()
    clock = Clock(hands.now, hands.mono, "boot-of-the-test")
    settings = CenterSettings(
        center=NAME, name="市政务公开办公室", database=database, trusted_hosts=("localhost",)
    )
    center = Center(data, settings, clock)
    app = create_app(center)
    app.register_blueprint(intake)
    return Desk(center, hands, app)
