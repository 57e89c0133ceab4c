"""TLS with the hall's own certificate: real connections to a real listener."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from waitress.adjustments import Adjustments

from web import certificates
from web.listener import MIB, Listener, Running
from web.tls import TlsChannel

NOW = datetime.now(UTC)
LARGE = 3 * MIB


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tls")
    certificates.issue(made, "公安分厅（T01）", ("hall.example",), NOW, anew=False)
    return made


def echo(environ: dict[str, Any], start: Any) -> list[bytes]:
    """Tells how it was reached, and gives back as much as it got."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start("200 OK", [("Content-Type", "text/plain"), ("X-Scheme", environ["wsgi.url_scheme"])])
    return [body or b"hello"]


@pytest.fixture(scope="module")
def listening(folder: Path) -> Iterator[Running]:
    tls = certificates.context_of(folder)
    running = Running(Listener(app=echo, host="127.0.0.1", port=0, threads=4, tls=tls))
    running.start()
    yield running
    running.stop()


def trusting(folder: Path) -> ssl.SSLContext:
    """A machine that was told to trust the hall's authority, and nothing else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    der = certificates.authority_file(folder)
    context.load_verify_locations(cadata=der)
    return context


def connected(listening: Running, context: ssl.SSLContext, name: str) -> ssl.SSLSocket:
    raw = socket.create_connection(("127.0.0.1", listening.port), 10)
    return context.wrap_socket(raw, server_hostname=name)


def asked(line: socket.socket, body: bytes = b"") -> bytes:
    """One request on a connection that goes on; its answer, whole."""
    head = f"POST / HTTP/1.1\r\nHost: hall.example\r\nContent-Length: {len(body)}\r\n\r\n"
    line.sendall(head.encode() + body)
    return answer_of(line)


def answer_of(line: socket.socket) -> bytes:
    got = b""
    while b"\r\n\r\n" not in got:
        piece = line.recv(65536)
        assert piece, got
        got += piece
    header, _, rest = got.partition(b"\r\n\r\n")
    chunked = b"chunked" in header.lower()
    length = 0 if chunked else int(header.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while (not rest.endswith(b"0\r\n\r\n")) if chunked else len(rest) < length:
        rest += line.recv(65536)
    return header + b"\r\n\r\n" + rest


@pytest.mark.parametrize("name", ["hall.example", "localhost", "127.0.0.1"])
def test_a_machine_that_trusts_the_authority_reaches_the_hall_by_each_of_its_names(
    listening: Running, folder: Path, name: str
):
    with connected(listening, trusting(folder), name) as line:
        for _ in range(3):
            answer = asked(line)
            assert b"X-Scheme: https" in answer
            assert answer.endswith(b"hello")


def test_a_machine_that_does_not_and_another_name_are_refused(listening: Running, folder: Path):
    with pytest.raises(ssl.SSLCertVerificationError):
        connected(listening, ssl.create_default_context(), "hall.example")
    with pytest.raises(ssl.SSLCertVerificationError):
        connected(listening, trusting(folder), "other.example")


def test_the_authority_can_vouch_for_nothing_but_the_hall(folder: Path):
    with pytest.raises(certificates.OutsideNames):
        certificates.issue(folder, "x", ("bank.example",), NOW, anew=False)
    assert certificates.issue(folder, "x", ("hall.example", "10.1.2.3"), NOW, anew=False)


def test_old_protocols_are_not_spoken(folder: Path):
    assert certificates.context_of(folder).minimum_version == ssl.TLSVersion.TLSv1_2


def test_large_bodies_go_both_ways_whole_beside_each_other(listening: Running, folder: Path):
    bodies = [os.urandom(LARGE) for _ in range(4)]
    got: dict[int, bytes] = {}

    def send(number: int) -> None:
        with connected(listening, trusting(folder), "hall.example") as line:
            got[number] = asked(line, bodies[number])

    threads = [threading.Thread(target=send, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert all(got[number].endswith(bodies[number]) for number in range(4))


def test_whoever_says_nothing_or_nonsense_holds_nobody_up(listening: Running, folder: Path):
    silent = socket.create_connection(("127.0.0.1", listening.port))
    half = socket.create_connection(("127.0.0.1", listening.port))
    half.sendall(b"\x16\x03\x01")
    nonsense = socket.create_connection(("127.0.0.1", listening.port))
    nonsense.sendall(b"\x16" + bytes(500))
    with connected(listening, trusting(folder), "hall.example") as line:
        assert asked(line).endswith(b"hello")
    for one in (silent, half, nonsense):
        one.close()
    with connected(listening, trusting(folder), "hall.example") as line:
        assert asked(line).endswith(b"hello")


def test_a_request_that_comes_in_single_bytes_is_answered(listening: Running, folder: Path):
    with connected(listening, trusting(folder), "hall.example") as line:
        for byte in b"GET / HTTP/1.1\r\nHost: hall.example\r\n\r\n":
            line.sendall(bytes([byte]))
        assert answer_of(line).endswith(b"hello")


def test_two_requests_in_one_piece_are_both_answered(listening: Running, folder: Path):
    with connected(listening, trusting(folder), "hall.example") as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost: hall.example\r\n\r\n" * 2)
        got = b""
        while got.count(b"hello") < 2:
            piece = line.recv(65536)
            assert piece, got
            got += piece


def test_a_plain_address_is_sent_to_the_https_one(listening: Running):
    with socket.create_connection(("127.0.0.1", listening.port)) as line:
        line.sendall(b"GET /kiosk?x=1 HTTP/1.1\r\nHost: hall.example:8711\r\n\r\n")
        answer = line.recv(4096)
    assert answer.startswith(b"HTTP/1.1 307 ")
    assert b"Location: https://hall.example:8711/kiosk?x=1\r\n" in answer


def test_a_certificate_that_ends_soon_is_made_anew_and_machines_trust_it_still(tmp_path: Path):
    before = certificates.issue(tmp_path, "T01", ("hall.example",), NOW, anew=False)
    assert not certificates.renew_if_due(tmp_path, NOW + timedelta(days=336))
    authority = certificates.authority_file(tmp_path)
    assert certificates.renew_if_due(tmp_path, NOW + timedelta(days=338))
    after = certificates.held_in(tmp_path)
    assert after is not None
    assert (after.names, after.fingerprint) == (before.names, before.fingerprint)
    assert after.until - before.until == timedelta(days=338)
    assert certificates.authority_file(tmp_path) == authority


def test_the_keys_are_for_this_user_only(tmp_path: Path):
    certificates.issue(tmp_path, "T01", (), NOW, anew=False)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    (tmp_path / "leaf.pem").chmod(0o644)
    with pytest.raises(PermissionError):
        certificates.context_of(tmp_path)


def test_a_new_authority_replaces_the_old_one(tmp_path: Path):
    first = certificates.issue(tmp_path, "T01", (), NOW, anew=False)
    second = certificates.issue(tmp_path, "T01", ("other.example",), NOW, anew=True)
    assert first.fingerprint != second.fingerprint
    made = x509.load_der_x509_certificate(certificates.authority_file(tmp_path))
    assert certificates.fingerprint(made) == second.fingerprint


@pytest.mark.parametrize("name", ["", "a b", "a/b", "分厅.example", "a..b"])
def test_what_is_neither_a_name_nor_an_address_is_refused(tmp_path: Path, name: str):
    with pytest.raises(ValueError):
        certificates.issue(tmp_path, "T01", (name,), NOW, anew=False)
    assert list(tmp_path.iterdir()) == []


class Looked(socket.socket):
    """A line on which is noted whether the loop would be woken for it while something is sent."""

    def send(self, data: Any, flags: int = 0) -> int:
        self.woken = bool(self.channel.writable())
        return super().send(data, flags)

    channel: Any
    woken = False


@pytest.mark.parametrize("is_tls", [False, True])
def test_the_loop_does_not_turn_for_a_connection_on_which_a_worker_is_sending(is_tls: bool):
    ours, theirs = socket.socketpair()
    line = Looked(fileno=ours.detach())
    server = SimpleNamespace(listener=SimpleNamespace(tls=is_tls or None), active_channels={})
    line.channel = TlsChannel(server, line, ("127.0.0.1", 0), Adjustments(), map={})
    line.channel.total_outbufs_len = 4
    assert line.channel.writable()
    assert line.channel.send(b"half") == 4
    assert not line.woken
    assert theirs.recv(9) == b"half"
    line.close()
    theirs.close()
