"""接收: the sync interface of the center (docs/wire.md), thin over ``rounds`` and ``roster``."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from http import HTTPStatus
from queue import SimpleQueue
from typing import Any

from flask import Blueprint, Response, current_app, request

from aggregator.center import Center
from aggregator.halls import roster
from aggregator.office import center as the_center
from aggregator.receiving import rounds
from aggregator.receiving.apply import apply_hall, replay_newer, waiting
from aggregator.reconciling import comparisons
from sync.batch import MAX_BATCH_BYTES, MEDIA_TYPE
from sync.contact import messages
from sync.contact.messages import MAX_MESSAGE_BYTES, EnrolAsk, RoundAsk
from sync.contact.signed_requests import check_request
from sync.errors import ComesBack, Malformed, SyncError, TooLarge, TryLater
from sync.failpoints import fp
from sync.keys.keysets import HallKeys
from sync.notes import Verifier, decimal
from web import logs
from web.access import limits, signed_by_other_means
from web.watchdog import Heart

PREFIX = "/sync/v1"
intake = Blueprint("intake", __name__, url_prefix=PREFIX)
_RETRY_S, _ROOM_RETRY_S = 60, 5
JSON = "application/json"
NOTE = "text/plain; charset=utf-8"


@intake.after_app_request
def _mark(answer: Response) -> Response:
    """An answer without this header is not ours (a captive portal, say)."""
    if request.path.startswith(PREFIX + "/"):
        answer.headers["OneHall"] = "1"
        if answer.mimetype == "application/problem+json":
            answer = _in_our_form(answer)
        if request.method == "HEAD" and answer.status_code >= HTTPStatus.BAD_REQUEST:
            # No body reaches the caller.
            answer.headers["OneHall-Error"] = json.loads(answer.get_data())["error"]
    return answer


def _in_our_form(answer: Response) -> Response:
    """What the shell refused before a view ran: one form for every refusal of this interface."""
    status = answer.status_code
    refusal: SyncError = SyncError(HTTPStatus(status).phrase.lower())
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        refusal = TooLarge("the body passes the cap of this address")
    elif status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        refusal = TryLater("a fault at the center, or its disk is full; nothing was changed")
        answer.headers.setdefault("Retry-After", str(_RETRY_S))
        if status == HTTPStatus.INSUFFICIENT_STORAGE:
            answer.status_code = refusal.status
    answer.set_data(json.dumps(refusal.answer()))
    answer.mimetype = JSON
    return answer


def _answer(body: bytes, media_type: str) -> Response:
    return Response(body, 200, content_type=media_type)


def _body(media_type: str) -> bytes:
    if request.mimetype != media_type:
        raise Malformed(f"the content type must be {media_type}")
    return request.get_data(cache=False)


def signing_hall(body: bytes) -> HallKeys:
    """The hall whose key signed this request (RFC 9421)."""
    center = the_center()
    found: dict[str, HallKeys] = {}

    def key_of(name: str) -> Verifier:
        found["keys"] = roster.hall_of_key(center, name)
        return found["keys"].signing

    target = request.environ.get("REQUEST_URI") or request.full_path.removesuffix("?")
    headers: dict[str, Any] = dict(request.headers.items())
    check_request(headers, request.method, target, body, key_of)
    return found["keys"]


@intake.post("/enrol")
@signed_by_other_means("MAC under the hall's one-time code")
@limits(body=MAX_MESSAGE_BYTES)
def enrol() -> Response:
    """A node asks to be a hall, or asks how its request stands."""
    message = messages.read(_body(JSON), EnrolAsk)
    return _answer(messages.write(roster.ask(the_center(), message)), JSON)


@intake.post("/round")
@signed_by_other_means("RFC 9421 signature of the hall's key")
@limits(body=MAX_MESSAGE_BYTES)
def round_() -> Response:
    """What both sides hold; one request tells both what to do."""
    body = _body(JSON)
    keys = signing_hall(body)
    ask = messages.read(body, RoundAsk)
    return _answer(messages.write(rounds.answer_round(the_center(), keys, ask)), JSON)


@intake.post("/compare")
@signed_by_other_means("RFC 9421 signature of the hall's key")
@limits(body=MAX_MESSAGE_BYTES)
def compare() -> Response:
    """What is kept here of one of the hall's logs, from its bytes; signed."""
    body = _body(JSON)
    answer = comparisons.answer_compare(the_center(), signing_hall(body), body)
    return _answer(messages.write(answer), JSON)


class Room:
    """How many bytes of batches are in memory at the same time, whoever sends them (P7).

    The longest batch fills it alone; ordinary ones find room beside each other.
    """

    def __init__(self, most: int) -> None:
        self._free = most
        self._lock = threading.Lock()

    @contextmanager
    def taken(self, size: int) -> Iterator[None]:
        """Have room for a body of this size until the block ends.

        Raises:
            TryLater: others have it now; nothing was read.
        """
        with self._lock:
            if size > self._free:
                raise TryLater("other batches are being taken in", retry_after=_ROOM_RETRY_S)
            self._free -= size
        try:
            yield
        finally:
            with self._lock:
                self._free += size


_LONGEST_BODY = MAX_BATCH_BYTES + 64 * 1024
_room = Room(_LONGEST_BODY)


def taking(size: int) -> AbstractContextManager[None]:
    """Have room for a body until the block ends; see ``Room.taken``."""
    return _room.taken(min(size, _LONGEST_BODY))


@intake.post("/logs/<hall>/<epoch>")
@signed_by_other_means("the batch itself is signed by the hall's key")
@limits(body=_LONGEST_BODY)
def batch(hall: str, epoch: str) -> Response:
    """Take in one batch; the receipt is kept before it is answered."""
    with _room.taken(request.content_length or 0):
        receipt = rounds.take_batch(the_center(), (hall, epoch), _body(MEDIA_TYPE))
    fp("receive.before_answer")
    worker: Worker | None = current_app.extensions.get("applying")
    if worker is not None:
        worker.wake(f"{the_center().settings.center}/{hall}/{epoch}")
    return _answer(receipt, NOTE)


@intake.get("/logs/<path:origin>")
@signed_by_other_means("RFC 9421 signature of the hall's key")
def log(origin: str) -> Response:
    """One batch of a log that the caller may read."""
    keys = signing_hall(b"")
    start = decimal(request.args.get("from", "0"))
    return _answer(rounds.give_batch(the_center(), keys, origin, start), MEDIA_TYPE)


def _told(error: Exception) -> str:
    """What /healthz says of it; the log of the server has the rest."""
    logs.failure("applying", error)
    return f"applying failed: {type(error).__name__}"


_QUIET_S, _LONGEST_DELAY_S = 0.2, 10.0


class Worker:
    """Applies what was received, in a thread beside the listeners; wakes at once, looks often.

    Args:
        chores: run after every turn; quick.
    """

    def __init__(
        self,
        center: Center,
        every_s: float = 5.0,
        chores: Sequence[Callable[[], object]] = (),
    ) -> None:
        self._center, self._every, self._chores = center, every_s, chores
        self._wake, self._stop = threading.Event(), threading.Event()
        self._fresh: SimpleQueue[str] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="applying", daemon=True)
        self.heart = Heart()
        self.last_error = ""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self, origin: str) -> None:
        """Something of this log was received."""
        self._fresh.put(origin)
        self._wake.set()

    def stop(self) -> None:
        """Finish the running chunk and end."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(30)

    def alive(self) -> tuple[bool, str]:
        """For /healthz."""
        if not self._thread.is_alive():
            return False, "the applying worker has ended"
        failed = self.heart.overdue() or self.last_error
        return not failed, failed or "applying"

    def _run(self) -> None:
        self._after_upgrade()
        while not self._stop.is_set():
            with self.heart.step("applying"):
                self._turn()
            if self._wake.wait(self._every):
                self._let_pass()

    def _after_upgrade(self) -> None:
        """Once at each start: what an older program kept aside may be readable now."""
        try:
            logs.event("quarantine.newer_replayed", freed=replay_newer(self._center))
        except Exception as error:
            logs.failure("quarantine.newer_replayed", error)

    def _turn(self) -> None:
        """What cannot be applied now stays received; the next turn tries again."""
        failed = ""
        fresh = {self._fresh.get() for _ in range(self._fresh.qsize())}
        try:
            origins = waiting(self._center)
        except Exception as error:
            # One of several database servers may be away: the logs that were received a moment
            # ago are on another one.
            origins, failed = [*fresh], _told(error)
        # Several processes may look at once: each begins elsewhere.
        random.shuffle(origins)
        for origin in origins:
            try:
                if not self._stop.is_set():
                    # Each chunk is a sign of life.
                    apply_hall(self._center, origin, lambda chunk: self.heart.beat())
            except ComesBack:
                # What the judge finds must wait until a hall brought our log back.
                continue
            except Exception as error:
                # A fault with one hall must not hold up the others.
                failed = _told(error)
        self.last_error = failed
        self._do_chores()

    def _do_chores(self) -> None:
        for chore in self._chores:
            try:
                chore()
            except Exception as error:
                # The next turn tries again.
                logs.failure("chore", error)

    def _let_pass(self) -> None:
        """While batches arrive one upon the other, receipts go first: halls wait for those.

        Not for longer than what was received is remembered, so that it need not be opened again.
        """
        latest = time.monotonic() + _LONGEST_DELAY_S
        crowded = self._center.logs.parts.crowded
        while not self._stop.is_set() and time.monotonic() < latest and not crowded():
            self._wake.clear()
            if not self._wake.wait(_QUIET_S):
                break
        self._wake.clear()
