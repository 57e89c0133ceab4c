"""Listeners: a WSGI application behind a waitress server object with limits of its own.

Several listeners run in one process, each with its own threads, sockets and limits, so that one
flooded listener does not touch the others. Adds to waitress what it lacks: a request needs exactly
one Host and never two ways to tell its length, a whole request has a deadline, one address has a
share of the connections, and refusals are Chinese pages that a browser gets to see.
"""

from __future__ import annotations

import signal
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from dataclasses import dataclass
from typing import Any, Protocol

from waitress import wasyncore
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask, WSGITask
from waitress.utilities import RequestEntityTooLarge

from web import logs
from web.bodies import SealedBuffer
from web.headers import STANDING
from web.refusals import REFUSALS, bare_page
from web.tls import TlsChannel

MIB = 1024 * 1024
WsgiApp = Callable[..., Iterable[bytes]]

TOO_LARGE, NO_ROOM = 413, 507


class Admits(Protocol):
    """Answers the status that refuses a request, 0 when its body may come."""

    def __call__(
        self, method: str, path: str, headers: Mapping[str, str], length: int, /
    ) -> int: ...


# A browser shows a refusal only after it has sent its whole body: what is too large is read and
# thrown away up to this size, and cut off beyond.
_READ_AND_DROPPED = 64 * MIB
# A body beyond the cap that may come has as much more time as it needs at this rate per second.
_SLOWEST = 128 * 1024


@dataclass(frozen=True, kw_only=True)
class Listener:
    """One listener.

    Args:
        app: the WSGI application.
        host, port: where to listen; port 0 lets the system choose.
        threads: requests worked on at the same time.
        connections: open connections in all.
        per_address: open connections of one address; 0 for no cap (behind a reverse proxy).
        idle_seconds: a connection silent that long is closed.
        request_seconds: a request must have arrived whole within this.
        max_body: bytes; the application's own limits are usually smaller.
        larger: says of a request with a longer body, by its header, whether that may come.
        memory_body: bytes of a body that stay in memory; a longer one goes to a temporary file
            without a name that nobody can read (``web.bodies``).
        proxy: address of the reverse proxy whose X-Forwarded-For and -Proto are believed.
        for_machines: nobody reads its pages: refusals are one word, and tell no time.
        tls: what the listener needs to speak TLS (``web.certificates``); None for plain HTTP.
        ending: called when the listener is about to end, so that requests that wait go home.
    """

    app: WsgiApp
    host: str
    port: int
    threads: int = 8
    connections: int = 1000
    per_address: int = 0
    idle_seconds: int = 15
    request_seconds: int = 120
    max_body: int = 8 * MIB
    larger: Admits | None = None
    memory_body: int = MIB // 2
    backlog: int = 1024
    proxy: str = ""
    for_machines: bool = False
    tls: ssl.SSLContext | None = None
    ending: Callable[[], None] = lambda: None


NO_DATE = "-"
"""As the value of ``Date``: an answer that tells no time, because the clock is in doubt."""


class _DatelessTask(WSGITask):  # type: ignore[misc]
    """Sends no ``Date`` where the application says so; waitress would always send one."""

    def build_response_header(self) -> bytes:
        return _without_date(super().build_response_header())


def _without_date(header: bytes) -> bytes:
    return header.replace(f"Date: {NO_DATE}\r\n".encode(), b"", 1)


class _NoRoom(RequestEntityTooLarge):  # type: ignore[misc]
    code, reason = NO_ROOM, "Insufficient Storage"


class _StrictParser(HTTPRequestParser):  # type: ignore[misc]
    """Refuses what two servers could read differently (RFC 9112 3.2, 6.1)."""

    to_drop = refused_by = 0
    is_large = False
    adj: Any
    error: Any

    def parse_header(self, header_plus: bytes) -> None:
        if header_plus != b"GET / HTTP/1.0\r\n":  # waitress's own stand-in for a header too long
            _check_names(header_plus)
        super().parse_header(header_plus)
        if self.body_rcv is not None:
            self.body_rcv.buf = SealedBuffer(self.adj.inbuf_overflow)
        if self.content_length >= self.adj.max_request_body_size:
            self._judge_large()

    def _judge_large(self) -> None:
        larger: Admits | None = getattr(self.adj, "larger", None)
        if larger is None:
            return
        self.refused_by = larger(self.command, self.path, self.headers, self.content_length)
        if self.refused_by == 0:
            self.adj, self.is_large = copy(self.adj), True
            self.adj.max_request_body_size = self.content_length + 1

    def received(self, data: bytes) -> int:
        if self.to_drop:
            return self._drop(data)
        consumed: int = super().received(data)
        refused = isinstance(self.error, RequestEntityTooLarge) and self.body_rcv is not None
        if refused and self.refused_by == NO_ROOM:
            self.error = _NoRoom("no room for this body")
        if refused and self.body_bytes_received == 0 and self.content_length < _READ_AND_DROPPED:
            self.to_drop = self.content_length
            self.completed = False
        return consumed

    def _drop(self, data: bytes) -> int:
        dropped = min(len(data), self.to_drop)
        self.to_drop -= dropped
        self.completed = self.to_drop == 0
        return dropped


def _check_names(header_plus: bytes) -> None:
    first, *lines = header_plus.split(b"\r\n")
    names = Counter(line.partition(b":")[0].strip().lower() for line in lines)
    if names[b"host"] > 1 or (names[b"host"] == 0 and not first.endswith(b"HTTP/1.0")):
        raise ParsingError("exactly one Host header is needed")
    if names[b"transfer-encoding"] + names[b"content-length"] > 1:
        raise ParsingError("the length of the request is told in more than one way")


class _RefusalTask(ErrorTask):  # type: ignore[misc]
    """Answers what never reached the application, in the product's words."""

    def execute(self) -> None:
        status, _, _ = self.request.error.to_response()
        self.status = status
        refusal = REFUSALS.get(self.request.error.code, REFUSALS[400])
        kind, body = "text/html; charset=utf-8", bare_page(refusal).encode()
        if self.channel.server.listener.for_machines:
            kind, body = "text/plain", status.encode()
            self.response_headers.append(("Date", NO_DATE))
        self.response_headers.extend([("Content-Type", kind), ("Cache-Control", "no-store")])
        self.response_headers.extend(STANDING.items())
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)

    def build_response_header(self) -> bytes:
        return _without_date(super().build_response_header())


class _Channel(TlsChannel):
    parser_class = _StrictParser
    task_class = _DatelessTask
    error_task_class = _RefusalTask
    begun = 0.0

    def received(self, data: bytes) -> bool:
        if self.request is None:
            self.begun = time.monotonic()
        return bool(super().received(data))


class _Server(TcpWSGIServer):  # type: ignore[misc]
    channel_class = _Channel
    listener: Listener

    def handle_accept(self) -> None:
        super().handle_accept()
        most = self.listener.per_address
        if not most:
            return
        # The newest is last; the map keeps the order in which connections came.
        channels = list(self.active_channels.values())
        if channels and sum(c.addr[0] == channels[-1].addr[0] for c in channels) > most:
            channels[-1].handle_close()

    def maintenance(self, now: float) -> None:
        super().maintenance(now)
        latest = time.monotonic() - self.listener.request_seconds
        for channel in self.active_channels.values():
            request = channel.request
            if request is not None and channel.begun < latest - _extra_seconds(request):
                channel.will_close = True


def _extra_seconds(request: Any) -> float:
    return float(request.content_length / _SLOWEST) if request.is_large else 0.0


class CannotListen(OSError):
    """Another program has the address, or it is not this machine's; the text names it."""


class Running:
    """A listener that runs in a thread of its own."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self._server = _server(listener)
        self._stop = threading.Event()
        self._grace_until = 0.0
        self._ended: Callable[[], None] = lambda: None
        self._thread = threading.Thread(target=self._loop, name=f"listener-{self.port}")

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.effective_port)

    def start(self, ended: Callable[[], None] = lambda: None) -> None:
        """Begin to answer; ``ended`` is called when the loop ends, whatever the reason."""
        self._ended = ended
        self._thread.start()

    def stop(self, *, grace: float = 5.0) -> None:
        """Take no new connection, finish the running requests (``grace`` seconds), close."""
        if not self._stop.is_set():
            self._grace_until = time.monotonic() + grace
            self._stop.set()
            self.listener.ending()
            # The loop may have seen it already, and closed what would wake it.
            with suppress(OSError):
                self._server.pull_trigger()
        if self._thread.ident is None:
            self._close()
        else:
            self._thread.join(grace + 5)

    def is_alive(self) -> bool:
        """Whether it still answers."""
        return self._thread.is_alive()

    def _loop(self) -> None:
        try:
            while not self._stop.is_set():
                self._turn(1.0)
            self._server.accepting = False
            while self._is_working() and time.monotonic() < self._grace_until:
                self._turn(0.1)
        finally:
            self._close()
            self._ended()

    def _close(self) -> None:
        self._server.task_dispatcher.shutdown(timeout=1)
        wasyncore.close_all(self._server._map, ignore_all=True)

    def _turn(self, seconds: float) -> None:
        wasyncore.loop(timeout=seconds, use_poll=True, map=self._server._map, count=1)

    def _is_working(self) -> bool:
        channels: list[Any] = list(self._server.active_channels.values())
        return any(channel.requests or channel.total_outbufs_len for channel in channels)


def _server(listener: Listener) -> _Server:
    proxy: dict[str, object] = {}
    if listener.proxy:
        proxy = {
            "trusted_proxy": listener.proxy,
            "trusted_proxy_headers": {"x-forwarded-for", "x-forwarded-proto"},
        }
    # Bound here, so that a taken address leaves nothing open behind it.
    family = socket.AF_INET6 if ":" in listener.host else socket.AF_INET
    try:
        bound = socket.create_server((listener.host, listener.port), family=family)
    except OSError as error:
        raise CannotListen(
            f"{listener.host}:{listener.port} is taken, or is no address of this machine"
        ) from error
    server = _Server(
        listener.app,
        _sock=bound,
        bind_socket=False,
        sockinfo=(family, bound.type, bound.proto, bound.getsockname()),
        threads=listener.threads,
        connection_limit=listener.connections,
        channel_timeout=listener.idle_seconds,
        cleanup_interval=min(5, listener.idle_seconds),
        max_request_body_size=listener.max_body,
        inbuf_overflow=listener.memory_body,
        # An answer waits for its reader in memory, never in a temporary file.
        outbuf_overflow=8 * MIB,
        outbuf_high_watermark=1 * MIB,
        max_request_header_size=32 * 1024,
        backlog=listener.backlog,
        clear_untrusted_proxy_headers=True,
        expose_tracebacks=False,
        ident=None,
        url_scheme="https" if listener.tls else "http",
        **proxy,
    )
    server.listener = listener
    server.adj.larger = listener.larger
    return server


def serve_all(
    listeners: Sequence[Listener],
    *,
    ready: Callable[[Sequence[Running]], None] = lambda running: None,
    stopping: Callable[[], None] = lambda: None,
) -> None:
    """Run listeners until SIGTERM or SIGINT, then stop them all; call it in the main thread.

    Args:
        ready: called once, when all of them answer.
        stopping: called when the listeners have ended, for what runs beside them.

    Raises:
        RuntimeError: a listener ended by itself and the others were stopped; end the process, so
            that its supervisor starts it anew.
        CannotListen: an address is taken or not ours.
    """
    end, asked = threading.Event(), threading.Event()
    running: list[Running] = []

    def ask(signum: int, frame: object) -> None:
        asked.set()
        end.set()

    with _asked_to_end(ask):
        try:
            running.extend(Running(listener) for listener in listeners)
            for one in running:
                one.start(end.set)
            ready(running)
            # A wait without end cannot be interrupted by a signal on every platform.
            while not end.wait(1.0):
                pass
        finally:
            for one in running:
                one.stop()
            stopping()
    logs.event("listeners.stopped", asked=asked.is_set())
    if not asked.is_set():
        raise RuntimeError("a listener ended by itself")


@contextmanager
def _asked_to_end(ask: Callable[[int, object], None]) -> Iterator[None]:
    """Call ``ask`` on SIGTERM and SIGINT; give the signals back afterwards."""
    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)
