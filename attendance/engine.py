"""The face engine as the node sees it: a queue in front of a process that may die at any time.

Pages never wait for dlib: it runs in a child process, measured pictures come back over a socket.
Whatever happens to the child (a decoder's crash, the memory limit, ``quit()`` with status 0, a
picture that takes too long) costs the one request it happened to, which is told to try again; the
child is started anew. This module knows processes and time, and nothing of faces.
"""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

import msgspec

from attendance import exchange
from attendance.errors import FaceError
from attendance.pictures import check_length
from attendance.quality import FaceFound

_log = logging.getLogger(__name__)
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 10.0
_SETTLED: Final = 10.0
"""A child that lived this long (seconds) is started again at once."""


_LAST_WORDS: Final = 1.0


@dataclass(frozen=True)
class EngineSettings:
    """How the engine runs. Seconds and bytes."""

    queue: int = 8
    """pictures waiting or being measured; one more is told to try again"""
    timeout: float = 5.0
    """for one picture, after which the child is taken for hung and replaced"""
    start_timeout: float = 30.0
    memory: int = 1024 * 1024 * 1024
    """address space of the child (RLIMIT_AS)"""
    engine: str = field(default_factory=lambda: os.environ.get("ATT_ENGINE", "fast"))
    """``fast``, or ``face_recognition`` to force the reference"""
    model: Path | None = None
    """weights in dlib's format; by default those of face_recognition"""
    model_id: str = field(default_factory=lambda: os.environ.get("ATT_MODEL_ID", ""))
    """its name in templates and decisions, before the file's hash; by default the file's name"""
    eyes: bool = field(default_factory=lambda: os.environ.get("ATT_EYES") == "1")
    """measure the eyes too, for blinks, with the 68-point model: its training pictures (iBUG 300-W)
    are not for commercial use, so it is off unless somebody decides otherwise"""


@dataclass(frozen=True)
class EngineStatus:
    """For the health page."""

    alive: bool
    waiting: int
    """pictures in hand, the one being measured included"""
    is_measuring: bool
    """whether the child has one of them"""
    starts: int
    last_exit: int | None
    """of the child before this one; minus the signal's number when one ended it"""
    model_id: str | None
    engine_id: str | None
    refused: str = ""
    """why the fast engine is not used, where it was asked for"""


@dataclass(frozen=True)
class _Child:
    process: subprocess.Popen[bytes]
    line: socket.socket
    ready: exchange.Ready


class FaceEngine:
    """Measures faces for any number of threads, one picture at a time.

    Starting returns at once; ``ready`` is set when the child answers, and cleared while it is
    being replaced.
    """

    def __init__(self, settings: EngineSettings | None = None) -> None:
        self.settings = settings or EngineSettings()
        self.ready = threading.Event()
        self._waiting = 0
        self._is_measuring = False
        self._turn = threading.Lock()
        self._closing = threading.Event()
        self._guard = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._child: _Child | None = None
        self._said: exchange.Ready | None = None
        self._starts = 0
        self._last_exit: int | None = None
        self._keeper = threading.Thread(target=self._keep, name="face-engine", daemon=True)
        self._keeper.start()

    def measure(self, picture: bytes, timeout: float | None = None) -> FaceFound:
        """JPEG or PNG bytes -> the one face in it.

        ``timeout`` (seconds, default from the settings) bounds the wait for a turn and, once
        more, the measuring. Raises FaceError.
        """
        check_length(picture)
        with self._guard:
            if self._waiting >= self.settings.queue:
                raise FaceError("engine_busy")
            self._waiting += 1
        try:
            return self._wait_and_ask(picture, timeout or self.settings.timeout)
        finally:
            with self._guard:
                self._waiting -= 1

    @property
    def alive(self) -> bool:
        """Whether a child is up and answering."""
        return self.ready.is_set()

    @property
    def pid(self) -> int | None:
        """Of the child, while it is up."""
        child = self._child
        return child.process.pid if child else None

    def status(self) -> EngineStatus:
        """What the health page shows."""
        ready = self._said
        return EngineStatus(
            self.alive,
            self._waiting,
            self._is_measuring,
            self._starts,
            self._last_exit,
            ready.model_id if ready else None,
            ready.engine_id if ready else None,
            ready.refused if ready else "",
        )

    def probe(self) -> str:
        """Whether the child hangs: asks it for something it must refuse, unless it is at work.

        A child that does not answer is replaced. Answers what was wrong, or nothing.
        """
        child = self._child
        if child is None or not self._turn.acquire(blocking=False):
            return ""
        try:
            self._ask(child, b"", time.monotonic() + self.settings.timeout)
        except FaceError as error:
            return "the engine hung and is replaced" if error.code == "engine_failed" else ""
        finally:
            self._turn.release()
        return ""

    def close(self) -> None:
        """End the child and wait until it is gone. Safe to call twice."""
        self._closing.set()
        with self._guard:
            if self._process is not None:
                self._process.kill()
        self._keeper.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _wait_and_ask(self, picture: bytes, timeout: float) -> FaceFound:
        until = time.monotonic() + timeout
        if not self._turn.acquire(timeout=timeout):
            raise FaceError("engine_busy")
        try:
            if not self.ready.wait(max(0.0, until - time.monotonic())):
                raise FaceError("engine_failed")
            child = self._child
            if child is None:
                raise FaceError("engine_failed")
            return self._ask(child, picture, time.monotonic() + timeout)
        finally:
            self._turn.release()

    def _ask(self, child: _Child, picture: bytes, deadline: float) -> FaceFound:
        try:
            exchange.say(child.line, picture, deadline)
            self._is_measuring = True
            said = exchange.hear(child.line, deadline)
            answer = msgspec.msgpack.decode(said, type=exchange.Answer)
            refused = exchange.refused_code(answer)
            if refused is None:
                return exchange.face_of(answer, child.ready)
        except (exchange.ExchangeEnded, msgspec.DecodeError) as error:
            # Hung, dead or talking nonsense: the next request waits for another one.
            self._give_up(child)
            raise FaceError("engine_failed") from error
        finally:
            self._is_measuring = False
        raise FaceError(refused)

    def _give_up(self, child: _Child) -> None:
        with self._guard:
            child.process.kill()
            if self._child is child:
                self._child = None
                self.ready.clear()

    def _keep(self) -> None:
        """Start the child, wait until it ends, start it again; the pause grows while it fails."""
        pause = 0.0
        while not self._closing.wait(pause):
            began = time.monotonic()
            child = self._start()
            if child is not None:
                with self._guard:
                    self._child, self._said = child, child.ready
                    self.ready.set()
                child.process.wait()
                self._give_up(child)
                child.line.close()
            self._note_exit()
            settled = time.monotonic() - began > _SETTLED
            pause = 0.0 if settled else min(max(2 * pause, _FIRST_PAUSE), _LONGEST_PAUSE)

    def _note_exit(self) -> None:
        process = self._process
        self._last_exit = process.returncode if process else None
        if not self._closing.is_set():
            _log.warning("the face engine ended (status %s) and is started again", self._last_exit)

    def _start(self) -> _Child | None:
        """A child that has said it is ready, or None."""
        ours, theirs = socket.socketpair()
        try:
            with self._guard, theirs:
                if self._closing.is_set():
                    return None
                self._process = process = self._spawn(theirs.fileno())
                self._starts += 1
        except OSError:
            _log.exception("the face engine cannot be started")
            ours.close()
            return None
        try:
            said = exchange.hear(ours, time.monotonic() + self.settings.start_timeout)
            return _Child(process, ours, msgspec.msgpack.decode(said, type=exchange.Ready))
        except (exchange.ExchangeEnded, msgspec.DecodeError):
            ours.close()
            _end(process)
            return None

    def _spawn(self, line: int) -> subprocess.Popen[bytes]:
        """A fresh interpreter: nothing of the node's memory, keys or open files is in it."""
        home = str(Path(__file__).resolve().parents[1])
        path = os.pathsep.join(filter(None, (home, os.environ.get("PYTHONPATH"))))
        settings = {
            "PYTHONPATH": path,
            "ATT_ENGINE": self.settings.engine,
            "ATT_MEMORY": str(self.settings.memory),
            "ATT_MODEL_ID": self.settings.model_id,
            "ATT_EYES": "1" if self.settings.eyes else "0",
            # A second thread for matrices of this size costs more than it gains.
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
        }
        if self.settings.model is not None:
            settings["ATT_MODEL"] = str(self.settings.model)
        return subprocess.Popen(
            [sys.executable, "-m", "attendance.child", str(line)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=(line,),
            env={**os.environ, **settings},
            process_group=0,
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    """Let it end by itself, so that its own exit status is known, but not for long."""
    try:
        process.wait(_LAST_WORDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
