"""The watchdog: finds workers that hang, says so, and has the program started anew when it must.

A thread cannot be ended from outside, and a second one beside it would be a second writer. So a
worker that hangs is said at once (``/healthz``, the pages, the log), and when it hangs for long
the whole program ends, and its supervisor starts it: a hall's window waits a few seconds. Under
systemd it also says that it is alive; a program that does not say so any more (stopped, or out of
processor time) is ended from there. Knows no worker.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from web import logs

LOOK_S = 5.0
STUCK_S = 45.0
"""A step that shows no sign of life for so long hangs; with the time between looks within 60 s."""
ENDED_S = 600.0
"""A program with a worker that hangs for so long is ended."""

Monotonic = Callable[[], float]
Probe = Callable[[], str]
"""Says in a few words what hangs, or nothing."""


@dataclass(frozen=True)
class _Step:
    name: str
    until: float
    allowed: float


class Heart:
    """One worker's signs of life. The worker calls `step` and `beat`; others ask `overdue`."""

    def __init__(self, monotonic: Monotonic = time.monotonic) -> None:
        self._monotonic = monotonic
        self._now: _Step | None = None

    @contextmanager
    def step(self, name: str, allowed_s: float = STUCK_S) -> Iterator[None]:
        """Do something that must end, or beat again, within ``allowed_s``."""
        before = self._now
        self._now = _Step(name, self._monotonic() + allowed_s, allowed_s)
        try:
            yield
        finally:
            self._now = before
            self.beat()

    def beat(self) -> None:
        """The running step has got on."""
        step = self._now
        if step is not None:
            self._now = _Step(step.name, self._monotonic() + step.allowed, step.allowed)

    def overdue(self) -> str:
        """What the worker hangs in, or nothing."""
        step = self._now
        if step is None or self._monotonic() <= step.until:
            return ""
        return f"stuck in {step.name}"


class Watchdog:
    """The thread that looks.

    Args:
        probes: worker -> what hangs. Each must answer quickly.
        end: ends the program; a test gives another one.
    """

    def __init__(
        self,
        probes: Mapping[str, Probe],
        *,
        end: Callable[[], None] = lambda: os._exit(70),
        monotonic: Monotonic = time.monotonic,
        look_s: float = LOOK_S,
    ) -> None:
        self._probes, self._end, self._monotonic = dict(probes), end, monotonic
        self._look_s = look_s
        self._since: dict[str, float] = {}
        self._said: dict[str, str] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin, and tell systemd that the program is ready."""
        tell_systemd("READY=1")
        self._thread.start()

    def stop(self) -> None:
        """End."""
        tell_systemd("STOPPING=1")
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(self._look_s + 1)

    def health(self) -> tuple[bool, str]:
        """For ``/healthz``: who hangs, and in what."""
        said = dict(self._said)
        if not said:
            return True, "no worker hangs"
        return False, "; ".join(f"{worker}: {what}" for worker, what in sorted(said.items()))

    def stuck(self) -> dict[str, str]:
        """Worker -> what it hangs in."""
        return dict(self._said)

    def look(self) -> None:
        """Ask every probe once."""
        now = self._monotonic()
        for worker, probe in self._probes.items():
            what = _ask(probe)
            if not what:
                if self._said.pop(worker, ""):
                    logs.event("worker.recovered", worker=worker)
                self._since.pop(worker, None)
                continue
            if worker not in self._said:
                logs.event("worker.stuck", worker=worker, what=what)
            self._said[worker] = what
            self._since.setdefault(worker, now)
        if any(now - since > ENDED_S for since in self._since.values()):
            logs.event("watchdog.ends_program", workers=sorted(self._since))
            self._end()

    def _run(self) -> None:
        while not self._stop.wait(self._look_s):
            self.look()
            tell_systemd("WATCHDOG=1")


def _ask(probe: Probe) -> str:
    try:
        return probe()
    except Exception as broken:
        logs.failure("watchdog", broken)
        return f"cannot be asked ({type(broken).__name__})"


def tell_systemd(state: str) -> None:
    """Send a state over ``$NOTIFY_SOCKET`` (sd_notify); nothing where systemd did not start us."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
            line.sendto(state.encode(), address)
    except OSError as error:
        logs.failure("notify", error)


class Turn:
    """A probe of something that has one owner at a time and must not be kept for long.

    Args:
        is_free: whether it could be had just now.
    """

    def __init__(self, is_free: Callable[[], bool], monotonic: Monotonic = time.monotonic) -> None:
        self._is_free, self._monotonic = is_free, monotonic
        self._kept_since: float | None = None

    def kept(self) -> str:
        """That somebody has kept it for too long, or nothing."""
        if self._is_free():
            self._kept_since = None
            return ""
        now = self._monotonic()
        if self._kept_since is None:
            self._kept_since = now
        return "kept by somebody who hangs" if now - self._kept_since > STUCK_S else ""
