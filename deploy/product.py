"""The product's own commands, called as an administrator types them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BIN = Path(sys.executable).parent


class Failed(Exception):
    """The demo cannot start; the message says what to do."""


def command(name: str, *words: str) -> str:
    """Run one of the product's commands and answer what it prints.

    Raises:
        Failed: the command failed, with its own words.
    """
    done = subprocess.run([str(BIN / name), *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"{name} {words[0]}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout.strip()
