"""The proof as a whole: record the real thing, then start it over every image in children."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from tests.powercut import preload
from tests.powercut.checking import Order, Outcome

ROOT = Path(__file__).parents[2]
# Images are written and thrown away by the thousand: memory is a good place for them.
_MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class Proof:
    """What was checked and what was found.

    ``second``: images left by a second cut, while the machine started over the first one.
    """

    images: dict[str, int]
    violations: list[str]
    broken: int
    second: int

    def summary(self) -> str:
        """One line: how many images of how many paths, and how many broke a promise."""
        total = sum(self.images.values()) + self.second
        return f"{total} images, {len(self.images)} paths, {self.broken} violations"


@dataclass(frozen=True)
class Wish:
    """What to prove. ``paths``: names of commit paths, all when empty."""

    images: int
    seed: int = 1
    parts: int = 2
    synchronous: str = "FULL"
    paths: Sequence[str] = ()


def prove(wish: Wish) -> Proof:
    """Record and check.

    Raises:
        subprocess.CalledProcessError: a child ended with a fault of its own.
    """
    home = _MEMORY if _MEMORY.is_dir() else None
    with TemporaryDirectory(prefix="onehall-powercut-", dir=home) as name:
        folder = Path(name)
        records = folder / "records"
        records.mkdir()
        loaded = preload.environment(preload.compile_into(folder))
        told = ["--synchronous", wish.synchronous, *(f"--path={name}" for name in wish.paths)]
        command = [sys.executable, "-m", "tests.powercut.recording", str(records), *told]
        subprocess.run(command, check=True, cwd=ROOT, env=loaded, stdout=subprocess.DEVNULL)
        orders = [
            Order(str(records), name, wish.images, wish.seed, part, wish.parts)
            for part in range(wish.parts)
        ]
        return _whole([_begin(order, loaded) for order in orders])


def _begin(order: Order, loaded: dict[str, str]) -> subprocess.Popen[bytes]:
    text = msgspec.json.encode(order).decode()
    command = [sys.executable, "-m", "tests.powercut.checking", text]
    return subprocess.Popen(command, cwd=ROOT, env=loaded, stdout=subprocess.PIPE)


def _whole(children: list[subprocess.Popen[bytes]]) -> Proof:
    images: dict[str, int] = {}
    violations: list[str] = []
    broken = second = 0
    answers = [(child, child.communicate()[0]) for child in children]
    for child, answer in answers:
        if child.returncode:
            raise subprocess.CalledProcessError(child.returncode, child.args)
        outcome = msgspec.json.decode(answer, type=Outcome)
        for label, count in outcome.images.items():
            images[label] = images.get(label, 0) + count
        violations += outcome.violations
        broken += outcome.broken
        second += outcome.second
    return Proof(images, violations, broken, second)
