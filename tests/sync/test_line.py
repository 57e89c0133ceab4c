"""The hall's line over HTTP: what is not the center's answer is never believed."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sync.batch import MAX_BATCH_BYTES
from sync.client import JSON, HttpLine
from sync.contact.signed_requests import check_request
from sync.errors import Gap, NotOurs, SyncError, TooLarge, TryLater, Unreachable
from sync.notes import Signer

HALL = Signer("city.example/T01", b"h" * 32)
OURS = {"OneHall": "1"}
Answer = tuple[int, dict[str, str], bytes]


class Server:
    """A server that answers everything the same way, and keeps what it was sent."""

    def __init__(self, answer: Answer) -> None:
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        kept = self.requests

        class Asked(BaseHTTPRequestHandler):
            def _any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                kept.append((self.command, self.path, dict(self.headers.items()), body))
                status, headers, content = answer
                self.send_response(status)
                for name, value in {"Content-Length": str(len(content)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = _any

            def log_message(self, *words: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Asked)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def serve() -> Iterator[Callable[[Answer], Server]]:
    running: list[Server] = []

    def start(answer: Answer) -> Server:
        running.append(Server(answer))
        return running[-1]

    yield start
    for server in running:
        server.close()


def send(url: str, body: bytes = b"{}") -> bytes:
    line = HttpLine(url, HALL, lambda: 1_795_480_197)
    return line.send("POST", "/sync/v1/round", body, JSON)


def test_the_center_s_answer_comes_through_and_the_request_was_signed(
    serve: Callable[[Answer], Server],
) -> None:
    server = serve((200, OURS, b"receipt"))
    assert send(server.url) == b"receipt"
    method, path, headers, body = server.requests[0]
    assert headers["Content-Type"] == JSON and headers["Accept-Encoding"] == "identity"
    signed = check_request(headers, method, path, body, lambda name: HALL.verifier)
    assert signed == (HALL.name, 1_795_480_197)


def test_a_center_below_a_path_is_signed_for_as_it_is_asked(
    serve: Callable[[Answer], Server],
) -> None:
    server = serve((200, OURS, b"x"))
    assert send(server.url + "/halls/") == b"x"
    method, path, headers, body = server.requests[0]
    assert path == "/halls/sync/v1/round"
    assert check_request(headers, method, path, body, lambda name: HALL.verifier)


@pytest.mark.parametrize(
    "answer",
    [
        (200, {"Content-Type": "text/html"}, b"<!doctype html><title>Sign in to the wifi</title>"),
        (200, {"OneHall": "2"}, b"receipt"),
        (204, {}, b""),
        (404, {}, b"not found"),
        (502, {"Content-Type": "text/html"}, b"<h1>Bad Gateway</h1>"),
        (503, {}, b'{"error":"try_later","rule":"x"}'),
        (409, {"OneHall": "1"}, b"<html>not json"),
        (200, {"OneHall": "1", "Content-Encoding": "gzip"}, b"not gzip"),
    ],
)
def test_a_captive_portal_or_proxy_is_never_taken_for_the_center(
    serve: Callable[[Answer], Server], answer: Answer
) -> None:
    with pytest.raises((NotOurs, Unreachable)):
        send(serve(answer).url)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(serve: Callable[[Answer], Server], status: int) -> None:
    elsewhere = serve((200, OURS, b"receipt"))
    server = serve((status, {"Location": elsewhere.url + "/sync/v1/round"}, b""))
    with pytest.raises(NotOurs):
        send(server.url)
    assert elsewhere.requests == []


def test_a_refusal_becomes_the_error_that_it_names(serve: Callable[[Answer], Server]) -> None:
    gap = b'{"error":"gap","rule":"not where it ends","size":7,"receipt":"x"}'
    with pytest.raises(Gap) as refused:
        send(serve((409, OURS, gap)).url)
    assert refused.value.facts == {"size": 7, "receipt": "x"}
    with pytest.raises(TryLater):
        send(serve((503, OURS, b'{"error":"try_later","rule":"disk"}')).url)
    with pytest.raises(SyncError) as unknown:
        send(serve((418, OURS, b'{"error":"a_later_code","rule":"a later rule"}')).url)
    assert (type(unknown.value), unknown.value.rule) == (SyncError, "a later rule")


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b'"x"', b'{"error":7}', b'{"error":"gap","rule":"x","self":1}',
     b'{"error":"gap","rule":{"deep":[1]},"size":"7"}', b"\xff", b"[" * 100_000],
)  # fmt: skip
def test_no_refusal_raises_anything_but_a_refusal(
    serve: Callable[[Answer], Server], body: bytes
) -> None:
    with pytest.raises(SyncError):
        send(serve((409, OURS, body)).url)


def test_an_answer_above_every_cap_is_cut_off(serve: Callable[[Answer], Server]) -> None:
    with pytest.raises(TooLarge):
        send(serve((200, OURS, bytes(MAX_BATCH_BYTES + 300_000))).url)


def test_an_answer_that_ends_early_is_no_answer(serve: Callable[[Answer], Server]) -> None:
    with pytest.raises(Unreachable):
        send(serve((200, {**OURS, "Content-Length": "100"}, b"half")).url)


def test_no_line_is_unreachable_and_says_no_address() -> None:
    with pytest.raises(Unreachable) as refused:
        send("http://127.0.0.1:9")
    assert "127.0.0.1" not in refused.value.rule


def test_a_proxy_of_the_environment_is_not_asked(
    serve: Callable[[Answer], Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, center = serve((200, OURS, b"from the proxy")), serve((200, OURS, b"receipt"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    monkeypatch.delenv("no_proxy", raising=False)
    assert send(center.url) == b"receipt" and proxy.requests == []


def test_a_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = socket.create_server(("127.0.0.1", 0))
    monkeypatch.setattr(HttpLine, "read_s", 0.2)
    try:
        with pytest.raises(Unreachable):
            send(f"http://127.0.0.1:{silent.getsockname()[1]}")
    finally:
        silent.close()


class Talker:
    """A server at the level of bytes, for one request: ``talk`` gets the accepted connection."""

    def __init__(self, talk: Callable[[socket.socket], None]) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        # Small, so that it is the reader who decides how fast a body goes out.
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._talk = talk
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        connection, _ = self._listening.accept()
        with connection, suppress(OSError):
            self._talk(connection)

    def close(self) -> None:
        self._thread.join()
        self._listening.close()


@pytest.fixture
def talk() -> Iterator[Callable[[Callable[[socket.socket], None]], str]]:
    running: list[Talker] = []

    def start(talk: Callable[[socket.socket], None]) -> str:
        running.append(Talker(talk))
        return running[-1].url

    yield start
    for talker in running:
        talker.close()


Talk = Callable[[Callable[[socket.socket], None]], str]


def test_a_large_batch_on_a_slow_line_takes_the_time_it_needs(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit on connecting, or on one read, must not be one on sending megabytes."""
    body = bytes(12 * 1024 * 1024)

    def read_slowly(line: socket.socket) -> None:
        left = len(body)
        while left > 0 and (read := line.recv(128 * 1024)):
            left -= len(read)
            time.sleep(0.01)
        line.sendall(b"HTTP/1.1 200 OK\r\nOneHall: 1\r\nContent-Length: 7\r\n\r\nreceipt")

    monkeypatch.setattr(HttpLine, "connect_s", 0.3)
    assert send(talk(read_slowly), body) == b"receipt"


def test_work_is_done_while_the_answer_is_on_its_way(talk: Talk) -> None:
    done = threading.Event()

    def answer_when_done(line: socket.socket) -> None:
        line.recv(64 * 1024)
        said = b"receipt" if done.wait(10) else b"too late"
        line.sendall(b"HTTP/1.1 200 OK\r\nOneHall: 1\r\nContent-Length: %d\r\n\r\n" % len(said))
        line.sendall(said)

    line = HttpLine(talk(answer_when_done), HALL, lambda: 1_795_480_197)
    line.meanwhile(done.set)
    assert line.send("POST", "/sync/v1/round", b"{}", JSON) == b"receipt"


def test_work_for_a_request_that_does_not_get_out_is_left_undone(
    serve: Callable[[Answer], Server],
) -> None:
    server, done = serve((200, OURS, b"receipt")), []
    line = HttpLine("http://127.0.0.1:9", HALL, lambda: 1_795_480_197)
    line.meanwhile(lambda: done.append("work"))
    with pytest.raises(Unreachable):
        line.send("POST", "/sync/v1/round", b"{}", JSON)
    line._url = server.url
    assert line.send("POST", "/sync/v1/round", b"{}", JSON) == b"receipt"
    assert done == []


def test_an_answer_that_drips_is_given_up(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes in time for a read, and the whole never would."""

    def drip(line: socket.socket) -> None:
        line.recv(64 * 1024)
        line.sendall(b"HTTP/1.1 200 OK\r\nOneHall: 1\r\nContent-Length: 100\r\n\r\n")
        for _ in range(100):
            line.sendall(b".")
            sent.append(b".")
            time.sleep(0.02)

    sent: list[bytes] = []
    monkeypatch.setattr(HttpLine, "total_s", 0.2)
    with pytest.raises(Unreachable):
        send(talk(drip))
    assert len(sent) < 100, "given up only when all of it had come"


def test_a_compressed_answer_is_not_inflated(serve: Callable[[Answer], Server]) -> None:
    """We asked for none, and a few kilobytes could become gigabytes."""
    packed = gzip.compress(bytes(1_000_000))
    with pytest.raises(NotOurs):
        send(serve((200, {**OURS, "Content-Encoding": "gzip"}, packed)).url)
