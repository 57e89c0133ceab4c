"""Whatever is sent at once, the center's memory stays bounded (P7): a real process, flooded."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sync.batch import MAX_BATCH_BYTES, MEDIA_TYPE, hashes_of, pack
from sync.merkle import root_of
from sync.notes import Checkpoint, b64
from sync.private.sealing import OPENING_BYTES, commitment
from tests.aggregator.intake_desk import NAME, Asker, open_desk
from tests.memory import most_mib

MOST_MIB = 300
AT_ONCE = 16
FORM = "application/x-www-form-urlencoded"


@dataclass
class Served:
    """A center's process."""

    process: subprocess.Popen[bytes]
    port: int
    sealing: bytes

    def flood(self, body: bytes, media_type: str) -> set[int]:
        """Send one body many times at once; the statuses that came back."""
        found: list[int] = []
        threads = [
            threading.Thread(target=lambda: found.append(self._post(body, media_type)))
            for _ in range(AT_ONCE)
        ]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert len(found) == AT_ONCE
        return set(found)

    def _post(self, body: bytes, media_type: str) -> int:
        head = (
            f"POST /sync/v1/logs/T01/1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            f"Content-Type: {media_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", self.port)) as line:
            line.sendall(head.encode())
            line.sendall(body)
            return int(line.recv(4096).split(b" ", 2)[1])

    def most_mib(self) -> int:
        """The most memory it ever had."""
        return most_mib(self.process.pid)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    desk = open_desk(tmp_path)
    sealing = desk.center.sealing.public
    desk.center.close()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = f'center = "{NAME}"\nname = "x"\nlisten = "127.0.0.1:{port}"\n'
    (tmp_path / "center.toml").write_text(settings)
    with open(tmp_path / "server.log", "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "aggregator.commands", "serve", "--data", str(tmp_path)],
            stderr=log,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
    try:
        while process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.05)
        yield Served(process, port, sealing)
    finally:
        process.terminate()
        process.wait()


def heaviest(sealing: bytes) -> bytes:
    """A batch of hall T01 that is as heavy as the caps allow, and correct."""
    payload = b'{"note":"%s"}' % (b"x" * 6_300)
    opened = bytes(OPENING_BYTES) + payload
    promised = b64(commitment(bytes(OPENING_BYTES), payload)).encode()
    leaves = [
        b'{"actor":"T01-003","at":"2026-11-24T00:29:57.123Z","body":{"text":"%s"},"boot":"b",'
        b'"commitment":"%s","id":"0193b2c4-aaaa-7000-8000-%012x","kind":"a_later_kind","mono":1,'
        b'"v":1}' % (os.urandom(1_300).hex().encode(), promised, number)
        for number in range(4_900)
    ]
    hall = Asker("T01")
    head = Checkpoint(hall.origin, len(leaves), root_of(hashes_of(leaves)))
    parts = dict.fromkeys(range(3_800), opened)
    raw = pack(hall.signer, head, 0, len(leaves), (leaves, parts, sealing))
    assert 0.9 * MAX_BATCH_BYTES < len(raw) < MAX_BATCH_BYTES
    return raw


def test_a_flood_of_the_largest_bodies_is_answered_within_bounded_memory(served: Served) -> None:
    noise = b"x" * (MAX_BATCH_BYTES - 1024)
    assert served.flood(b"a=" + noise, FORM) <= {400, 413, 503}
    unsigned = b"onehall-batch/1 30 10\nonehall/batch/v1\nc.example/T01/1\n" + noise
    assert served.flood(unsigned, MEDIA_TYPE) <= {400, 403, 503}
    assert served.most_mib() < MOST_MIB
    # The hall itself, gone mad: the receipt is given, or it is told to come again.
    assert 200 in served.flood(heaviest(served.sealing), MEDIA_TYPE)
    assert served.most_mib() < MOST_MIB
