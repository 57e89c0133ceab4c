"""The hall's line to the center, and who both of them are.

The network is a ``Line``; over HTTP it is :class:`HttpLine`, in the simulation a fake one. What is
said over it is in ``sync.contact.exchange``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Protocol
from urllib.parse import urlsplit

import msgspec
import requests
import urllib3

from sync.batch import MAX_BATCH_BYTES
from sync.contact.receiving import Receiver
from sync.contact.signed_requests import Asked, sign_request
from sync.errors import BY_CODE, NotOurs, SyncError, TooLarge, Unreachable
from sync.keys.keysets import CenterKeys
from sync.notes import Signer, Verifier

PREFIX = "/sync/v1"
JSON = "application/json"
SOFTWARE = "onehall/1"
# A line of 50 kbit/s, shared with others, moves more than this.
_SLOWEST_BYTES_S = 2048


class Line(Protocol):
    """One request to the center and its answer.

    Raises:
        Unreachable: no answer in time. SyncError: the center's refusal.
    """

    def send(self, method: str, target: str, body: bytes, media_type: str) -> bytes:
        """Answer the body of a 200."""


class PatientLine(Line, Protocol):
    """A line on which work is done while an answer is on its way."""

    def meanwhile(self, work: Callable[[], object]) -> None:
        """Do this, once, when the whole of the next request that has a body is out; never when it
        does not get out. It must not raise.
        """


def meanwhile(line: Line, work: Callable[[], object]) -> None:
    """See ``PatientLine``; on any other line it is left undone."""
    wait: Callable[[Callable[[], object]], None] | None = getattr(line, "meanwhile", None)
    if wait is not None:
        wait(work)


def _nothing() -> None:
    return


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
        self._work: Callable[[], object] = _nothing
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = ca or True
        self._base_path = urlsplit(self._url).path

    def meanwhile(self, work: Callable[[], object]) -> None:
        """See ``PatientLine``."""
        self._work = work

    def send(self, method: str, target: str, body: bytes, media_type: str) -> bytes:
        """See ``Line``."""
        headers = {"Content-Type": media_type} if body else {}
        return self.ask(Asked(method, target, body, headers)).body

    def ask(self, asked: Asked) -> Answer:
        """As ``send``, with headers of one's own; a 206 is an answer too."""
        work, self._work = self._work, _nothing
        signed = replace(asked, target=self._base_path + asked.target)
        headers = {"Accept-Encoding": "identity", "User-Agent": SOFTWARE, **asked.headers}
        headers |= sign_request(self._signer, signed, self._posix())
        try:
            with self._session.request(
                asked.method,
                self._url + asked.target,
                # As a file it goes out block by block, each in good time; as bytes, the whole
                # of it would have to go out within the limit for connecting.
                data=_Outgoing(asked.body, self._alive, work) if asked.body else None,
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
    def __init__(
        self, body: bytes, alive: Callable[[], None], when_out: Callable[[], object]
    ) -> None:
        super().__init__(body)
        self._alive, self._when_out = alive, when_out

    def read(self, size: int | None = -1, /) -> bytes:
        self._alive()
        some = super().read(size)
        if not some:
            # Asked for more after the last block went out.
            when_out, self._when_out = self._when_out, _nothing
            when_out()
        return some


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


class LogBook(Protocol):
    """The logs that we write ourselves, one for each epoch; only the open one grows."""

    def open_log(self) -> str:
        """The origin of the log that is written now."""

    def signer(self, origin: str) -> Signer:
        """The key of one of our logs."""

    def verifier(self, origin: str) -> Verifier:
        """Under whose signature entries of this log of ours come back, from another machine's
        time too.

        Raises:
            UnknownKey: an epoch of which we do not know the key.
        """

    def end(self, origin: str) -> int | None:
        """Above which size the key of this log was revoked; None when it was not."""

    def part(self, moves: Sequence[tuple[str, int]]) -> None:
        """Open the next epoch and let entries go on in it, in this order.

        Args:
            moves: of each log, from where on.
        """


@dataclass(frozen=True)
class Peer:
    """Whom we sync with and as whom. ``root`` was pinned at enrolment.

    ``keep``: takes over a new key set, a new roster note (each may be empty) and those of earlier
    keys durably, or raises. ``opens``: the newest form of sealed section that the center said it
    opens.
    """

    hall: str
    root: Verifier
    keys: CenterKeys
    receiver: Receiver
    book: LogBook
    keep: Callable[..., object] = lambda *notes: None
    opens: int = 1

    @property
    def name(self) -> str:
        """What our origins begin with."""
        return f"{self.keys.center}/{self.hall}"

    def is_own(self, origin: str) -> bool:
        """Is this one of the logs that this hall writes?"""
        return origin.rpartition("/")[0] == self.name
