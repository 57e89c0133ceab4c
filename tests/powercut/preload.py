"""The two libraries that stand between a program and its disk: compiled here, spoken to here.

``rec.c`` records what is done to a folder, ``fault.c`` lets the disk fail. A child started with
:func:`environment` has both loaded; in it the functions below work.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Event

HERE = Path(__file__).parent
# fault stands before rec, so that a call that fails is not recorded.
LIBRARIES = ("fault", "rec")
_recording = Event()


def compile_into(folder: Path) -> list[Path]:
    """Compile both libraries; needs gcc, which ``deploy/setup --tests`` installs."""
    made = []
    for name in LIBRARIES:
        library = folder / f"{name}.so"
        source, into = str(HERE / f"{name}.c"), str(library)
        flags = ["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror"]
        subprocess.run(["gcc", *flags, "-o", into, source, "-ldl", "-lpthread"], check=True)
        made.append(library)
    return made


def environment(libraries: list[Path]) -> dict[str, str]:
    """The environment of a child that has the libraries loaded."""
    return {**os.environ, "LD_PRELOAD": ":".join(map(str, libraries))}


@cache
def _loaded() -> ctypes.CDLL:
    whole = ctypes.CDLL(None)
    whole.fault_arm.argtypes = [ctypes.c_char_p, ctypes.c_long, *[ctypes.c_int] * 3]
    whole.rec_mark.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
    return whole


@contextmanager
def recorded(folder: Path, log: Path) -> Iterator[None]:
    """Record what is done below a folder while inside; files open already are not seen."""
    if _loaded().rec_start(os.fsencode(folder.resolve()), os.fsencode(log)) < 0:
        raise OSError(f"{log} cannot be written")
    _recording.set()
    try:
        yield
    finally:
        _recording.clear()
        _loaded().rec_stop()


def mark(what: str, **facts: object) -> None:
    """Write into the record, at its place among the writes: this was acknowledged now.

    Does nothing where nothing is recorded.
    """
    if not _recording.is_set():
        return
    text = json.dumps({"what": what, **facts}).encode()
    _loaded().rec_mark(text, len(text))


def arm(folder: Path, nth: int, error: int = errno.EIO, *, stays: bool, half: bool = False) -> None:
    """Let the n-th write, truncation or sync below the folder fail, or from it on all of them."""
    _loaded().fault_arm(os.fsencode(folder.resolve()), nth, error, int(stays), int(half))


def disarm() -> int:
    """Let the disk work again; answers how many calls failed."""
    return int(_loaded().fault_disarm())
