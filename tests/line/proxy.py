"""A proxy between hall and center on which one chosen thing goes wrong, byte by byte.

It knows TCP and nothing of what is sent, so that a fault falls wherever it falls: into a header, a
batch, a receipt, between two requests.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from random import Random

PORTAL = b"<!doctype html><title>Wi-Fi</title><p>" + "请先认证".encode()
_HEAD = b"HTTP/1.1 %s\r\nContent-Type: text/html\r\nContent-Length: %d\r\nConnection: close\r\n"
PORTALS = {
    "page": _HEAD % (b"200 OK", len(PORTAL)) + b"\r\n" + PORTAL,
    "redirect": _HEAD % (b"302 Found", 0) + b"Location: /log-in\r\n\r\n",
}
UP, DOWN = "up", "down"


DRAWN = ("cut", "flip", "stall", "silent", "page", "redirect")


@dataclass(frozen=True)
class Fault:
    """What happens to one connection.

    Args:
        kind: none, cut, flip, stall, delay, silent (accepts, and never answers), page or redirect
            (a captive portal answers instead).
        way: up, from the hall, or down, from the center.
        after: bytes that get through that way first.
    """

    kind: str
    way: str = UP
    after: int = 0

    @classmethod
    def drawn(cls, chance: Random) -> Fault:
        """Some fault, somewhere in what a short contact sends."""
        kind = chance.choice([*DRAWN, "cut", "cut", "flip", "stall"])
        # A short contact is that long at least; what goes up may be longer.
        return cls(kind, chance.choice([UP, DOWN]), chance.randrange(2_000))


class FaultProxy:
    """Relays one local port to another; each new connection meets ``fault``."""

    def __init__(self, target: int) -> None:
        self._target = target
        self.fault = Fault("none")
        self.met: list[Fault] = []
        self.up_bytes = 0
        self._ends: set[socket.socket] = set()
        self._let_go = threading.Event()
        self.stalled = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        """Where the hall connects."""
        return f"http://127.0.0.1:{self.port}"

    def let_go(self) -> None:
        """End everything that stalls or is silent, and every connection."""
        self._let_go.set()
        for end in list(self._ends):
            _hang_up(end)

    def renewed(self, fault: Fault) -> None:
        """From now on new connections meet this."""
        self.fault = fault
        self._let_go.clear()
        self.stalled.clear()

    def close(self) -> None:
        """Cut everything and leave no thread behind."""
        self.let_go()
        _hang_up(self._listener)
        for thread in self._threads:
            thread.join(20)

    def _accept(self) -> None:
        with self._listener:
            while True:
                try:
                    hall, _ = self._listener.accept()
                except OSError:
                    return
                thread = threading.Thread(target=self._relay, args=(hall, self.fault))
                self._threads.append(thread)
                thread.start()

    def _relay(self, hall: socket.socket, fault: Fault) -> None:
        self._ends.add(hall)
        with hall:
            if fault.kind in PORTALS:
                self._answer_instead(hall, fault)
            elif fault.kind == "silent":
                self._hold(fault)
            else:
                self._join(hall, fault)
        self._ends.discard(hall)

    def _answer_instead(self, hall: socket.socket, fault: Fault) -> None:
        self.met.append(fault)
        with suppress(OSError):
            hall.settimeout(1)
            hall.recv(65_536)
            hall.sendall(PORTALS[fault.kind])
            # Until the hall has hung up: closing first could throw our answer away.
            while hall.recv(65_536):
                pass

    def _hold(self, fault: Fault) -> None:
        self.met.append(fault)
        self.stalled.set()
        self._let_go.wait()

    def _join(self, hall: socket.socket, fault: Fault) -> None:
        try:
            center = socket.create_connection(("127.0.0.1", self._target), timeout=10)
        except OSError:
            return
        self._ends.add(center)
        with center:
            center.settimeout(None)
            back = threading.Thread(target=self._pump, args=(center, hall, DOWN, fault))
            back.start()
            self._pump(hall, center, UP, fault)
            back.join()
        self._ends.discard(center)

    def _pump(self, source: socket.socket, sink: socket.socket, way: str, fault: Fault) -> None:
        passed, here, last = 0, fault.way == way, 0.0
        with suppress(OSError):
            while data := source.recv(65_536):
                rest = fault.after - passed
                if here and fault.kind == "delay":
                    last = self._late(fault, last)
                elif here and 0 <= rest < len(data):
                    data = self._spoilt(data, rest, fault)
                passed += len(data)
                self.up_bytes += len(data) if way == UP else 0
                sink.sendall(data)
                if here and fault.kind == "cut" and passed >= fault.after:
                    self.met.append(fault)
                    break
        _hang_up(source)
        _hang_up(sink)

    def _spoilt(self, data: bytes, rest: int, fault: Fault) -> bytes:
        if fault.kind == "cut":
            return data[:rest]
        if fault.kind == "flip":
            self.met.append(fault)
            return data[:rest] + bytes([data[rest] ^ 1 << fault.after % 8]) + data[rest + 1 :]
        if fault.kind == "stall":
            self._hold(fault)
        return data

    def _late(self, fault: Fault, last: float) -> float:
        """A round trip takes a second; what follows at once comes as late, not later."""
        if fault not in self.met:
            self.met.append(fault)
        if time.monotonic() - last > 0.2:
            time.sleep(1.0)
        return time.monotonic()


def _hang_up(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
