"""The center's door as a hall meets it: requests, and what the center makes of them.

What `aggregator.receiving.intake` does, without Flask: signatures of requests, `rounds`, enrolment,
and refusals that travel as JSON.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from aggregator.center import Center
from aggregator.halls import roster
from aggregator.receiving import rounds
from node.hall import Hall
from sync.client import PREFIX, refusal_of
from sync.contact import messages
from sync.contact.messages import EnrolAsk, RoundAsk
from sync.contact.signed_requests import check_request, signature_headers
from sync.errors import DiskFull, SyncError, TryLater
from sync.keys.keysets import HallKeys
from sync.notes import Signer, Verifier


@dataclass(frozen=True)
class Request:
    """What goes over the wire."""

    hall: str
    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def is_batch(self) -> bool:
        """Does it carry a batch of the hall's own log up?"""
        return self.is_log and self.target.startswith(f"{PREFIX}/logs/{self.hall}/")

    @property
    def is_log(self) -> bool:
        """Does it carry a piece of some log up?"""
        return self.method == "POST" and self.target.startswith(f"{PREFIX}/logs/")

    @property
    def is_history(self) -> bool:
        """Does it ask for a piece of the hall's own log, from its middle on?"""
        own = f"/{self.hall}/" in self.target and not self.target.endswith("?from=0")
        return self.method == "GET" and own

    @property
    def place(self) -> tuple[str, str, str]:
        """What a confused cache would file its answer under."""
        return self.hall, self.method, self.target.partition("?")[0]


def request_of(hall: Hall, signer: Signer, method: str, target: str, body: bytes) -> Request:
    """A request of this hall, signed with the key that its line has."""
    posix = int(hall.clock.now().timestamp())
    headers = signature_headers(signer, method, target, body, posix)
    return Request(hall.settings.hall, method, target, headers, body)


class Straight:
    """`sync.client.Line` without any wire between: every request arrives, every answer too."""

    def __init__(self, office: Center, hall: Hall) -> None:
        self._office, self._hall, self._signer = office, hall, hall.signer

    def send(self, method: str, target: str, body: bytes, media_type: str) -> bytes:
        """See ``sync.client.Line``."""
        try:
            return door(self._office, request_of(self._hall, self._signer, method, target, body))
        except SyncError as error:
            raise refusal_of(msgspec.json.encode(error.answer())) from None


def door(office: Center, request: Request) -> bytes:
    """The center's answer to a request.

    Raises:
        SyncError: its refusal.
    """
    try:
        if request.is_log:
            hall, _, epoch = request.target.removeprefix(f"{PREFIX}/logs/").partition("/")
            return rounds.take_batch(office, (hall, epoch), request.body)
        if request.target == f"{PREFIX}/enrol":
            asked = messages.read(request.body, EnrolAsk)
            return messages.write(roster.ask(office, asked))
        keys = _caller(office, request)
        if request.target == f"{PREFIX}/round":
            ask = messages.read(request.body, RoundAsk)
            return messages.write(rounds.answer_round(office, keys, ask))
        origin, _, start = request.target.removeprefix(f"{PREFIX}/logs/").partition("?from=")
        return rounds.give_batch(office, keys, origin, int(start))
    except DiskFull:
        raise TryLater("the center's disk is full") from None


def _caller(office: Center, request: Request) -> HallKeys:
    found: list[HallKeys] = []

    def key_of(name: str) -> Verifier:
        found.append(roster.hall_of_key(office, name))
        return found[-1].signing

    check_request(request.headers, request.method, request.target, request.body, key_of)
    return found[-1]
