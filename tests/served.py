"""A real process that serves on this machine, as tests ask it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path

import requests

ROOT = Path(__file__).resolve().parents[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(port: int, path: str) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.get(f"http://127.0.0.1:{port}{path}", timeout=10)


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether it comes true; the limit is only there so that a broken node fails the test."""
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        try:
            if condition():
                return True
        except requests.ConnectionError:
            pass
        time.sleep(0.05)
    return False
