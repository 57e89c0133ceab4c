"""Real listeners on real sockets."""

import os
import signal
import socket
import threading
import time

import pytest

from web.listener import NO_ROOM, TOO_LARGE, Listener, Running, serve_all

MIB = 1024 * 1024


def echo(environ, start_response):
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{environ['REQUEST_METHOD']} {len(body)}".encode()]


def slow(environ, start_response):
    time.sleep(0.5)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"finished"]


@pytest.fixture
def started():
    running = []

    def start(**changed) -> Running:
        given = {"app": echo, "host": "127.0.0.1", "port": 0, "threads": 2, **changed}
        one = Running(Listener(**given))
        one.start()
        running.append(one)
        return one

    yield start
    for one in running:
        one.stop(grace=1)


def talk(listener: Running, *parts: bytes) -> bytes:
    """Send bytes, answer everything that comes back until the other side closes or waits."""
    with socket.create_connection(("127.0.0.1", listener.port), timeout=10) as line:
        for part in parts:
            line.sendall(part)
        line.shutdown(socket.SHUT_WR)
        got = b""
        while more := line.recv(65_536):
            got += more
        return got


def test_a_request_is_answered(started):
    answer = talk(started(), b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")

    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(b"POST 5")
    assert b"waitress" not in answer


@pytest.mark.parametrize(
    "head",
    [
        b"Host: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Host: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        b"Host: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n",
        b"Host: x\r\nHost: y\r\n",
        b"",
    ],
)
def test_what_two_servers_could_read_differently_is_refused(started, head):
    answer = talk(started(), b"POST / HTTP/1.1\r\n" + head + b"\r\nhello")

    assert answer.startswith((b"HTTP/1.0 400", b"HTTP/1.1 400"))
    assert "请求不完整".encode() in answer
    assert b"Content-Security-Policy: default-src" in answer


def test_a_chunked_request_alone_is_fine(started):
    answer = talk(
        started(),
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    )

    assert answer.endswith(b"POST 5")


def test_a_body_that_is_too_large_is_read_and_refused_with_a_page(started):
    listener = started(max_body=1 * MIB)
    body = b"x" * 65_536

    answer = talk(
        listener,
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (10 * MIB),
        *[body] * 160,
    )

    assert answer.startswith(b"HTTP/1.1 413")
    assert "提交的内容太大".encode() in answer


def test_a_body_beyond_all_measure_is_cut_off_at_once(started):
    listener = started(max_body=1 * MIB)
    with socket.create_connection(("127.0.0.1", listener.port), timeout=10) as line:
        line.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n")
        answer = line.recv(65_536)

    assert answer.startswith(b"HTTP/1.1 413")


def test_a_header_that_is_too_long_is_refused(started):
    head = b"GET / HTTP/1.1\r\nHost: x\r\nX: "

    answer = talk(started(), head.ljust(32 * 1024, b"a"))

    assert b" 431 " in answer.splitlines()[0]
    assert "请求头太大".encode() in answer


def test_a_body_without_a_length_is_capped_too(started):
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    listener = started(max_body=4 * 65_536)

    answer = talk(
        listener,
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
        *[chunk] * 4,
    )

    assert answer.startswith(b"HTTP/1.1 413")


def test_a_request_that_only_drips_in_is_cut_off(started):
    listener = started(idle_seconds=1, request_seconds=1)
    with socket.create_connection(("127.0.0.1", listener.port), timeout=10) as line:
        line.sendall(b"GET / HTTP/1.1\r\nHo")
        closed = False
        for _ in range(60):
            time.sleep(0.1)
            try:
                line.sendall(b"s")
            except OSError:
                closed = True
                break

    assert closed


def test_one_address_has_a_share_of_the_connections(started):
    listener = started(per_address=3)
    lines = [socket.create_connection(("127.0.0.1", listener.port), timeout=5) for _ in range(3)]
    try:
        with socket.create_connection(("127.0.0.1", listener.port), timeout=5) as one_too_many:
            assert one_too_many.recv(1) == b""
        lines[0].sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert lines[0].recv(65_536).startswith(b"HTTP/1.1 200")
    finally:
        for line in lines:
            line.close()


def test_one_flooded_listener_does_not_touch_the_other(started):
    public, staff = started(connections=50), started()
    idle = [socket.create_connection(("127.0.0.1", public.port), timeout=5) for _ in range(80)]
    try:
        answer = talk(staff, b"GET / HTTP/1.0\r\nHost: x\r\n\r\n")
    finally:
        for line in idle:
            line.close()

    assert answer.startswith(b"HTTP/1.0 200")


def test_a_running_request_is_finished_before_the_listener_stops(started):
    listener = started(app=slow)
    got = []
    asking = threading.Thread(
        target=lambda: got.append(talk(listener, b"GET / HTTP/1.0\r\nHost: x\r\n\r\n"))
    )
    asking.start()
    time.sleep(0.2)

    listener.stop()
    asking.join()

    assert got[0].endswith(b"finished")
    assert not listener.is_alive()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", listener.port), timeout=1)


def test_all_listeners_stop_on_a_signal():
    ports: list[int] = []
    stopped: list[bool] = []

    def ready(running):
        ports.extend(one.port for one in running)
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    serve_all(
        [Listener(app=echo, host="127.0.0.1", port=0) for _ in range(2)],
        ready=ready,
        stopping=lambda: stopped.append(True),
    )

    assert stopped == [True]
    assert signal.getsignal(signal.SIGTERM) is before
    for port in ports:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=1)


def test_a_listener_that_ends_by_itself_ends_the_process():
    with pytest.raises(RuntimeError, match="ended by itself"):
        serve_all(
            [Listener(app=echo, host="127.0.0.1", port=0) for _ in range(2)],
            ready=lambda running: running[0].stop(),
        )


def test_an_address_that_is_taken_is_an_error():
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError):
        serve_all([Listener(app=echo, host="127.0.0.1", port=taken.getsockname()[1])])


@pytest.mark.parametrize(("told", "status"), [(0, b"200"), (TOO_LARGE, b"413"), (NO_ROOM, b"507")])
def test_a_body_beyond_the_cap_comes_only_when_its_header_is_let_in(started, told, status):
    asked = []

    def larger(method, path, headers, length):
        asked.append((method, path, headers["COOKIE"], length))
        return told

    listener = started(max_body=1 * MIB, larger=larger)
    head = b"POST /a?b HTTP/1.1\r\nHost: x\r\nCookie: c=d\r\nContent-Length: %d\r\n\r\n"

    answer = talk(listener, head % (3 * MIB), *[b"x" * 65_536] * 48)

    assert asked == [("POST", "/a", "c=d", 3 * MIB)]
    assert answer.splitlines()[0].split()[1] == status
    assert (told == 0) == answer.endswith(b"POST 3145728")
    # The next one on another connection has the usual cap again.
    assert talk(listener, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
    assert len(asked) == 1


def test_a_long_body_that_is_let_in_has_as_much_more_time_as_it_needs(started):
    listener = started(
        max_body=1 * MIB, larger=lambda *_: 0, idle_seconds=1, request_seconds=1, threads=1
    )
    with socket.create_connection(("127.0.0.1", listener.port), timeout=10) as line:
        line.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (2 * MIB))
        for _ in range(32):
            line.sendall(b"x" * 65_536)
            time.sleep(0.08)
        answer = line.recv(65_536)

    assert answer.startswith(b"HTTP/1.1 200")


def test_a_loop_that_ended_before_it_was_woken_is_stopped_all_the_same(started):
    ended = threading.Event()

    def wait_for_its_end() -> None:
        assert ended.wait(9)

    listener = Running(Listener(app=echo, host="127.0.0.1", port=0, ending=wait_for_its_end))
    listener.start(ended.set)

    listener.stop(grace=0)

    assert not listener.is_alive()
