"""Every named point of the product, read from its source."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache

from tests.source import ROOT, product_sources

NODE, CENTER = "node", "aggregator"


@cache
def points() -> dict[str, str]:
    """Name of each point and the file it stands in.

    Raises:
        AssertionError: a name that is not written down on the spot, or stands twice.
    """
    found: dict[str, str] = {}
    for source in product_sources():
        for call in ast.walk(source.tree):
            if not (isinstance(call, ast.Call) and getattr(call.func, "id", "") == "fp"):
                continue
            (name,) = call.args
            assert isinstance(name, ast.Constant) and isinstance(name.value, str), source.path
            assert name.value not in found, f"{name.value} stands twice"
            found[name.value] = source.path
    return found


# What happens at a contact, when something is written, and when it is applied.
_OF_EXCHANGE = (
    *(
        "sync/contact/sending.py",
        "sync/log.py",
        "sync/contact/receiving.py",
        "sync/contact/pushing.py",
    ),
    *("sync/contact/exchange.py", "sync/applied/applying.py", "sync/recovery/highwater.py"),
    *("aggregator/receiving/intake.py", "aggregator/receiving/rounds.py"),
)


def of_the_exchange() -> frozenset[str]:
    """Names of the points that a contact meets."""
    return frozenset(name for name, path in points().items() if path in _OF_EXCHANGE)


def beside_the_exchange() -> frozenset[str]:
    """Names of all other points: of files, sticks, backups, upgrades, erasures and epochs."""
    return frozenset(points()) - of_the_exchange()


@cache
def within(program: str) -> tuple[str, ...]:
    """Names of the points in modules that this program loads."""
    asked = f"import {program}.commands, sys; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", asked], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    files = {name.replace(".", "/") + ".py" for name in loaded}
    return tuple(name for name, path in points().items() if path in files)
