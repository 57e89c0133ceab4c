"""The fake wire: loses, doubles, delays, cuts and alters what travels, and plays captive portal.

At its other end is the center's door (`tests.simulation.door`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

import msgspec

from aggregator.halls import roster
from aggregator.receiving import rounds
from sync.batch import Batch, claimed_origin, unpack
from sync.client import PREFIX, refusal_of
from sync.contact import messages
from sync.contact.messages import RoundAsk
from sync.errors import Fork, NotOurs, SyncError, TryLater, Unreachable
from sync.notes import Checkpoint, open_note, text_of
from tests.simulation.book import require
from tests.simulation.disk import Crash
from tests.simulation.door import Request, door, request_of

if TYPE_CHECKING:
    from tests.simulation.machines import HallMachine
    from tests.simulation.world import World

PORTAL = b"<!DOCTYPE html><title>Welcome</title><p>Please sign in to the network.</p>"
# Faults after which an answer may be anything: the hall must only come to no harm.
TAMPERED = frozenset(
    {"request altered", "answer altered", "answer stale", "portal", "piece of another place"}
)


@dataclass
class Meeting:
    """One contact of one hall: what happened to it on the way."""

    machine: HallMachine
    faults: set[str] = field(default_factory=set)

    @property
    def tampered(self) -> bool:
        """Was something altered that the hall then saw?"""
        return bool(self.faults & TAMPERED)


class Wire:
    """All lines to the center."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.underway: list[Request] = []
        self.answers: dict[tuple[str, str, str], list[bytes]] = {}
        self.receipts: dict[tuple[str, int, str], bytes] = {}
        self.heads: dict[tuple[str, int], bytes] = {}

    def line(self, machine: HallMachine, meeting: Meeting) -> Road:
        """A hall's line for one contact."""
        return Road(self, machine, meeting)

    # --- the center's door ----------------------------------------------------------------------

    def deliver(self, request: Request, *, altered: bool = False) -> bytes:
        """The center's answer.

        Raises:
            SyncError: its refusal, as it travels. Unreachable: the center lost power.
        """
        world = self.world
        try:
            answer = door(world.center.office, request)
        except Crash as crash:
            require(crash.disk is world.center.disk, "a machine was touched from elsewhere")
            world.reboot(world.center)
            raise Unreachable("the center lost power") from None
        except SyncError as error:
            self._check_refusal(request, error, altered=altered)
            raise refusal_of(msgspec.json.encode(error.answer())) from None
        if request.is_batch:
            self._check_receipt(request, answer)
        return answer

    def _check_refusal(self, request: Request, error: SyncError, *, altered: bool) -> None:
        if not isinstance(error, Fork):
            return
        require(not altered, "damage on the way is called a fork")
        if request.is_batch:
            header = self._unpacked(request).header
            with self.world.center.disk.looked_at():
                held = self.world.center.office.logs.state(header.origin).size
            short = header.log_size < held
            require(not short, "a log shorter than the center's copy was not told so (S1)")

    def _check_receipt(self, request: Request, answer: bytes) -> None:
        """S2: a receipt speaks of exactly what its request proved, the same one each time."""
        head = self._unpacked(request).head
        by = self.world.center.office.cosigner
        text = open_note(answer, [by.verifier]).text
        require(Checkpoint.parse(text) == head, "a receipt speaks of more than the batch proved")
        first = self.receipts.setdefault((head.origin, head.size, by.name), answer)
        require(answer == first, "an identical replay got another receipt")

    def _unpacked(self, request: Request) -> Batch:
        """A batch, under the key that writes its log by the roster."""
        office = self.world.center.office
        with self.world.center.disk.looked_at():
            writer = roster.writer_of(office, claimed_origin(request.body))
        return unpack(request.body, [writer.verifier])

    def check_heads(self, machine: HallMachine, target: str, body: bytes) -> None:
        """No two roots are ever signed for one size of one log, by a machine that can know."""
        for head in _signed_heads(target, body):
            if not self.world.books[machine.name].is_cloned and head.origin.endswith(
                tuple(f"{machine.name}/{n}" for n in range(1, 100))
            ):
                first = self.heads.setdefault((head.origin, head.size), head.root)
                require(first == head.root, "two heads of one log were signed for one size")

    def deliver_late(self) -> None:
        """One request that was on its way for long arrives; nobody waits for the answer."""
        if self.underway:
            request = self.underway.pop(self.world.draw.randrange(len(self.underway)))
            try:
                self.deliver(request)
            except SyncError:
                return


class Road:
    """`sync.client.Line` over this wire."""

    def __init__(self, wire: Wire, machine: HallMachine, meeting: Meeting) -> None:
        self._wire, self._machine, self._meeting = wire, machine, meeting
        self._signer = machine.hall.signer
        self._work: list[Callable[[], object]] = []

    def meanwhile(self, work: Callable[[], object]) -> None:
        """See ``sync.client.PatientLine``."""
        self._work = [work]

    def send(self, method: str, target: str, body: bytes, media_type: str) -> bytes:
        """See ``sync.client.Line``."""
        world, machine = self._wire.world, self._machine
        require(not machine.disk.in_transaction, "a transaction is held open over the network")
        world.of(machine).check_mark(world.books[machine.name].copies)
        world.meanwhile(machine)
        self._wire.check_heads(machine, target, body)
        request = request_of(machine.hall, self._signer, method, target, body)
        work, self._work = self._work, []
        for some in work if body else ():
            some()
        if request.is_history and not world.ended and world.draw.random() < 0.5:
            return self._elsewhere(request)
        return self._back(request, self._there(request))

    def _fault(self, *names: str) -> str:
        fault = self._wire.world.fault(*names)
        if fault:
            self._meeting.faults.add(fault)
        return fault

    def _there(self, request: Request) -> bytes:
        wire = self._wire
        names = ("request lost", "request late", "request twice", "request twice, late")
        fault = self._fault(*names, "request altered", "portal", "answer stale")
        if fault == "request lost":
            raise Unreachable("lost on the way")
        if fault == "request late":
            wire.underway.append(request)
            raise Unreachable("no answer in time")
        if fault == "request twice":
            self._unheard(request)
        if fault == "request twice, late":
            wire.underway.append(request)
        if fault == "request altered" and request.body:
            body = damaged(wire.world.draw, request.body)
            request = Request(request.hall, request.method, request.target, request.headers, body)
        if fault == "portal":
            return self._portal()
        if fault == "answer stale" and (kept := wire.answers.get(request.place)):
            return wire.world.draw.choice(kept)
        return self._heard(request, altered=fault == "request altered")

    def _elsewhere(self, request: Request) -> bytes:
        """A true piece of the hall's own log, but from another place than was asked for."""
        world = self._wire.world
        self._meeting.faults.add("piece of another place")
        world.faults["piece of another place"] += 1
        office = world.center.office
        origin, _, start = request.target.removeprefix(f"{PREFIX}/logs/").partition("?from=")
        with world.center.disk.looked_at():
            keys = roster.hall_keys(office, request.hall)
            return rounds.give_batch(office, keys, origin, max(0, int(start) - 1))

    def _unheard(self, request: Request) -> None:
        try:
            self._wire.deliver(request)
        except SyncError:
            return

    def _portal(self) -> bytes:
        """With and without the check of ``HttpLine`` in front: neither may do harm."""
        if self._wire.world.draw.random() < 0.5:
            raise NotOurs("status 200 from something that is not the center")
        return PORTAL

    def _heard(self, request: Request, *, altered: bool) -> bytes:
        world = self._wire.world
        book = world.books[request.hall]
        try:
            answer = self._wire.deliver(request, altered=altered)
        except (Unreachable, TryLater):
            self._meeting.faults.add("center failed")
            raise
        book.check_copy()
        self._wire.answers.setdefault(request.place, []).append(answer)
        return answer

    def _back(self, request: Request, answer: bytes) -> bytes:
        fault = self._fault("answer lost", "answer altered")
        if fault == "answer lost":
            raise Unreachable("the answer was lost")
        return damaged(self._wire.world.draw, answer) if fault == "answer altered" else answer


def damaged(draw: Random, raw: bytes) -> bytes:
    """Cut short, or one bit flipped."""
    at = draw.randrange(len(raw))
    if draw.random() < 0.3:
        return raw[:at]
    flipped = raw[at] ^ (1 << draw.randrange(8))
    return raw[:at] + bytes([flipped]) + raw[at + 1 :]


def _signed_heads(target: str, body: bytes) -> list[Checkpoint]:
    """The heads of its own logs that a hall's request carries."""
    if target.endswith("/round"):
        notes = [head.note.encode() for head in messages.read(body, RoundAsk).logs if head.note]
    elif target.startswith(f"{PREFIX}/logs/") and body:
        line = body.split(b"\n", 1)[0].split(b" ")
        at = sum(map(int, line[1:2])) + len(b" ".join(line)) + 1
        notes = [body[at : at + int(line[2])]]
    else:
        return []
    return [Checkpoint.parse(text_of(note)) for note in notes]
