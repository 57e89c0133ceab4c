"""The hall's side of a contact: one round, then push and pull until both are in step.

The network is a ``Line``; over HTTP it is :class:`HttpLine`, in the simulation a fake one. Nothing
here decides what to believe: that is ``sending``, ``receiving`` and ``mirror``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from io import BytesIO
from typing import Protocol
from urllib.parse import quote, urlsplit

import msgspec
import requests
import urllib3

from sync import messages
from sync.batch import MAX_BATCH_BYTES, MEDIA_TYPE
from sync.errors import (
    BY_CODE,
    Behind,
    Fork,
    Gap,
    Malformed,
    NotOurs,
    SyncError,
    TooLarge,
    Unreachable,
)
from sync.failpoints import fp
from sync.keysets import CenterKeys, follow
from sync.log import LogStore
from sync.messages import LogHead, RoundAnswer, RoundAsk
from sync.notes import Checkpoint, Signer, Verifier, open_note
from sync.receiving import Receiver, Writer, receive
from sync.sealing import SEALED_TOGETHER, Recipient
from sync.sending import accept_receipt, next_batch, signed_head
from sync.signed_requests import Asked, sign_request

PREFIX = "/sync/v1"
JSON = "application/json"
SOFTWARE = "onehall/1"
# A line of 50 kbit/s, shared with others, moves more than this.
_SLOWEST_BYTES_S = 2048
# A batch that gets through any line; one that does not has met a line that is down.
_SHORT_BYTES = 128 * 1024
_MAX_TURNS_BACK = 3


class Line(Protocol):
    """One request to the center and its answer.

    Raises:
        Unreachable: no answer in time. SyncError: the center's refusal.
    """

    def send(self, method: str, target: str, body: bytes, media_type: str) -> bytes:
        """Answer the body of a 200."""


@dataclass(frozen=True)
class Answer:
    """What came back for a request that was not refused."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpLine:
    """``Line`` over requests: no proxies, no redirects, capped bodies, three time limits.

    ``total_s`` is the time of an answer's body, and longer for a long one on a slow line.

    Args:
        url: the aggregator's address, e.g. ``https://center.example``.
        ca: file with the center's certificate authority; the system's when None.
        alive: called at each block that goes out or comes in.
    """

    connect_s, read_s, total_s = 5.0, 20.0, 120.0

    def __init__(
        self,
        url: str,
        signer: Signer,
        posix: Callable[[], int],
        ca: str | None = None,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        self._url, self._signer, self._posix = url.rstrip("/"), signer, posix
        self._alive = alive
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = ca or True
        self._base_path = urlsplit(self._url).path

    def send(self, method: str, target: str, body: bytes, media_type: str) -> bytes:
        """See ``Line``."""
        headers = {"Content-Type": media_type} if body else {}
        return self.ask(Asked(method, target, body, headers)).body

    def ask(self, asked: Asked) -> Answer:
        """As ``send``, with headers of one's own; a 206 is an answer too."""
        signed = replace(asked, target=self._base_path + asked.target)
        headers = {"Accept-Encoding": "identity", "User-Agent": SOFTWARE, **asked.headers}
        headers |= sign_request(self._signer, signed, self._posix())
        try:
            with self._session.request(
                asked.method,
                self._url + asked.target,
                # As a file it goes out block by block, each in good time; as bytes, the whole
                # of it would have to go out within the limit for connecting.
                data=_Outgoing(asked.body, self._alive) if asked.body else None,
                headers=headers,
                timeout=(self.connect_s, self.read_s),
                allow_redirects=False,
                stream=True,
            ) as answer:
                body = _checked(answer, _body(answer, self.total_s, self._alive))
                return Answer(answer.status_code, dict(answer.headers.items()), body)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise Unreachable(f"no answer from the center ({type(error).__name__})") from None


class _Outgoing(BytesIO):
    def __init__(self, body: bytes, alive: Callable[[], None]) -> None:
        super().__init__(body)
        self._alive = alive

    def read(self, size: int | None = -1, /) -> bytes:
        self._alive()
        return super().read(size)


def _body(answer: requests.Response, total_s: float, alive: Callable[[], None]) -> bytes:
    if answer.headers.get("Content-Encoding", "identity") != "identity":
        raise NotOurs("a compressed answer, which nobody asked for")
    began = time.monotonic()
    parts, size = [], 0
    # What there is, without waiting until a portion is full: a drip would hold us for ever.
    while part := answer.raw.read1(256 * 1024):
        size += len(part)
        alive()
        if size > MAX_BATCH_BYTES + 64 * 1024:
            raise TooLarge("the answer passes the cap")
        if time.monotonic() - began > total_s + size / _SLOWEST_BYTES_S:
            raise Unreachable("the answer took too long")
        parts.append(part)
    return b"".join(parts)


def _checked(answer: requests.Response, body: bytes) -> bytes:
    if answer.headers.get("OneHall") != "1":
        raise NotOurs(f"status {answer.status_code} from something that is not the center")
    if answer.status_code in (200, 206):
        return body
    # The answer to a HEAD has no body: its code stands in a header.
    if answer.request.method == "HEAD":
        raise BY_CODE.get(answer.headers.get("OneHall-Error", ""), SyncError)("refused")
    raise refusal_of(body)


def refusal_of(body: bytes) -> SyncError:
    """The center's refusal as the error it names; unknown codes stay plain refusals."""
    try:
        read = msgspec.json.decode(body[:16_384], type=dict[str, object])
    except msgspec.DecodeError:
        return NotOurs("a refusal that is not in the center's form")
    code, rule = str(read.pop("error", "")), str(read.pop("rule", "refused"))
    return BY_CODE.get(code, SyncError)(rule, **read)


@dataclass(frozen=True)
class Peer:
    """Whom we sync with and as whom. ``root`` was pinned at enrolment.

    ``keep``: takes over a new key set and a new roster note durably (each may be empty), or raises.
    """

    hall: str
    origin: str
    root: Verifier
    keys: CenterKeys
    signer: Signer
    receiver: Receiver
    keep: Callable[[bytes, bytes], object] = lambda keys, hall: None


@dataclass(frozen=True)
class Contact:
    """What one contact did."""

    sent: int
    fetched: int
    skew_s: float
    quarantined: int
    keys_note: bytes
    compare: bool = False


class Exchange:
    """One contact with the center over a line."""

    def __init__(self, logs: LogStore, line: Line, peer: Peer) -> None:
        self._logs, self._line, self._peer = logs, line, peer
        self._to = Recipient(peer.keys.sealing)

    def run(self, progress: Callable[[int], None] = lambda sent: None) -> Contact:
        """Round, push, pull; safe to break off anywhere and to run again.

        Args:
            progress: called with the number of entries receipted so far.

        Raises:
            SyncError: what stopped it; everything before stays done.
        """
        answer = self._round()
        sent = self._push(answer, progress)
        fetched = sum(self._pull(head) for head in answer.logs if head.origin != self._peer.origin)
        clock = self._logs.clock.now()
        skew = (clock - _instant(answer.clock)).total_seconds()
        keys = answer.keys.encode()
        return Contact(sent, fetched, skew, answer.quarantined, keys, answer.compare is True)

    def _round(self) -> RoundAnswer:
        logs, peer = self._logs, self._peer
        ask = RoundAsk(
            hall=peer.hall,
            clock=logs.clock.stamp(),
            software=SOFTWARE,
            oldest_unsent=oldest_unsent(logs, peer.origin),
            key_set=peer.keys.version,
            logs=tuple(self._heads()),
        )
        raw = self._line.send("POST", f"{PREFIX}/round", messages.write(ask), JSON)
        fp("round.after_answer")
        answer = messages.read(raw, RoundAnswer)
        if answer.center != peer.keys.center:
            raise NotOurs("an answer of another center")
        self._follow(answer)
        return answer

    def _follow(self, answer: RoundAnswer) -> None:
        """Go by a new key set from now on, in this contact too (never back to an older one)."""
        peer, keys = self._peer, self._peer.keys
        if answer.keys:
            keys = follow(keys, CenterKeys.open(answer.keys.encode(), peer.root))
        if keys != peer.keys or answer.hall:
            hall = answer.hall if isinstance(answer.hall, str) else ""
            peer.keep(answer.keys.encode() if keys != peer.keys else b"", hall.encode())
        self._peer = replace(peer, keys=keys)

    def _heads(self) -> list[LogHead]:
        logs, peer = self._logs, self._peer
        heads = []
        for state in logs.states():
            if state.origin == peer.origin:
                note = signed_head(logs, state.origin, peer.signer)
            elif not state.own:
                note = logs.receipt(state.origin, peer.receiver.cosigner.name) or b""
            else:
                continue
            heads.append(LogHead(origin=state.origin, size=state.size, note=note.decode()))
        return heads

    def _push(self, answer: RoundAnswer, progress: Callable[[int], None]) -> int:
        logs, peer = self._logs, self._peer
        held = next((h for h in answer.logs if h.origin == peer.origin), None)
        start, before = (held.size, logs.state(peer.origin).mark.size) if held else (0, 0)
        if held and held.note:
            self._believe(held.note.encode())
        if start > logs.state(peer.origin).size:
            raise Behind("the center holds more of this log than this node", size=start)
        together = answer.sealed is not msgspec.UNSET and answer.sealed >= SEALED_TOGETHER
        self._to = Recipient(peer.keys.sealing, together)
        usual = logs.portions
        try:
            reached = self._push_from(start, lambda reached: progress(reached - before))
        finally:
            logs.portions = usual
        return max(0, reached - before)

    def _push_from(self, start: int, progress: Callable[[int], None]) -> int:
        """Send what there is from this size on; the size that was reached."""
        logs, peer, turns_back = self._logs, self._peer, 0
        while raw := next_batch(logs, peer.origin, start, peer.signer, self._to):
            try:
                reached = self._send_batch(raw)
            except Unreachable:
                if len(raw) <= _SHORT_BYTES:
                    raise
                # So much at once may be more than the line, or the center's patience, can take.
                logs.portions = logs.portions.halved()
                continue
            turns_back += reached <= start
            if turns_back > _MAX_TURNS_BACK:
                raise Malformed("the center does not move on", size=reached)
            start = reached
            progress(start)
        return start

    def _send_batch(self, raw: bytes) -> int:
        peer = self._peer
        _, hall, epoch = peer.origin.rsplit("/", 2)
        fp("push.before_send")
        try:
            note = self._line.send("POST", f"{PREFIX}/logs/{hall}/{epoch}", raw, MEDIA_TYPE)
        except Gap as gap:
            return self._resume_at(gap)
        fp("push.after_send")
        return self._believe(note)

    def _resume_at(self, gap: Gap) -> int:
        """The center holds another size; go on there. Only a receipt moves the mark (S2)."""
        size, note = gap.facts.get("size"), gap.facts.get("receipt")
        if isinstance(note, str) and note:
            self._believe(note.encode())
        if not isinstance(size, int) or not 0 <= size <= self._logs.state(self._peer.origin).size:
            raise Behind("the center names a size this log does not have") from gap
        return size

    def _believe(self, note: bytes) -> int:
        """Check a receipt against our own tree and answer the size it proves."""
        peer = self._peer
        accept_receipt(self._logs, peer.origin, note, peer.keys.receipts)
        fp("believe.committed")
        return Checkpoint.parse(open_note(note, [peer.keys.receipts]).text).size

    def _pull(self, head: LogHead) -> int:
        logs, peer = self._logs, self._peer
        writer = self._writer(head.origin)
        if head.note:
            self._check_head(head, writer)
        here = first = logs.open(head.origin, writer.name, own=False).size
        while here < head.size:
            target = f"{PREFIX}/logs/{quote(head.origin)}?from={here}"
            raw = self._line.send("GET", target, b"", "")
            fp("pull.after_answer")
            receive(logs, raw, self._writer, peer.receiver)
            fp("pull.after_receive")
            after = logs.state(head.origin).size
            if after <= here:
                raise Malformed("a batch that brings nothing new", origin=head.origin)
            here = after
        return here - first

    def _check_head(self, head: LogHead, writer: Writer) -> None:
        """The signed head must hold, and must not be an older one than we have (T12)."""
        point = Checkpoint.parse(open_note(head.note.encode(), [writer.verifier]).text)
        if (point.origin, point.size) != (head.origin, head.size):
            raise Malformed("a head that speaks of another log or size")
        state = self._logs.open(head.origin, writer.name, own=False)
        if point.size < state.size:
            raise Behind("the center shows an older state of its own log", origin=head.origin)
        if point.size == state.size and point.root != state.frontier.root:
            raise Fork("the center shows another history of its own log", origin=head.origin)

    def _writer(self, origin: str) -> Writer:
        center = self._peer.keys.center
        allowed = (f"{center}/standards/1", f"{center}/orders-{self._peer.hall}/1")
        if origin not in allowed:
            raise Malformed("the center offers a log that is not for this hall", origin=origin)
        return Writer("center", origin, self._peer.keys.log)


def oldest_unsent(logs: LogStore, origin: str) -> str:
    """Wall time of the oldest entry without a receipt; empty when all are receipted."""
    rows = logs.db.query(
        "SELECT at FROM entry WHERE origin = :origin AND idx = :mark",
        origin=origin,
        mark=logs.state(origin).mark.size,
    )
    return str(rows[0]["at"]) if rows else ""


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is None:
            raise ValueError
    except ValueError:
        raise Malformed("a clock that cannot be read") from None
    return found
