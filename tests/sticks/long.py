"""A browser that keeps what it saves and sends on the disk: only the product is measured."""

from __future__ import annotations

import http.client
import random
from pathlib import Path
from typing import Any

from sync.files.sealed_files import Scratch
from web.listener import Running
from web.sessions import csrf_of

BLOCK = 65_536
Side = tuple[Running, Any]


def most() -> int:
    """The most memory that this process ever had, in MiB."""
    text = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(text.split("VmHWM:")[1].split()[0]) // 1024


def plain(seed: int, size: int) -> Scratch:
    """A file of this size, like no other."""
    room, chance = Scratch(), random.Random(seed)
    for _ in range(size // BLOCK):
        room.write(chance.randbytes(BLOCK))
    room.seek(0)
    return room


def _line(side: Side) -> tuple[http.client.HTTPConnection, dict[str, str]]:
    running, person = side
    cookie = next(iter(person.client._cookies.values()))
    line = http.client.HTTPConnection("127.0.0.1", running.port, timeout=60)
    return line, {"Cookie": f"{cookie.decoded_key}={cookie.decoded_value}"}


def fetch(side: Side, path: str, room: Scratch) -> None:
    """Save a file."""
    line, headers = _line(side)
    line.request("GET", path, headers=headers)
    answer = line.getresponse()
    assert answer.status == 200, answer.read()[:2000]
    while block := answer.read(BLOCK):
        room.write(block)
    line.close()


def bring(side: Side, path: str, room: Scratch) -> int:
    """Hand it in as a form does; the status."""
    line, headers = _line(side)
    boundary = "--" + "b" * 20
    begin = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n{_csrf(side)}\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="stick"; filename="T01.OHS"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    end = f"\r\n--{boundary}--\r\n".encode()
    line.putrequest("POST", path)
    for name, value in headers.items():
        line.putheader(name, value)
    line.putheader("Content-Type", f"multipart/form-data; boundary={boundary}")
    line.putheader("Content-Length", str(len(begin) + room.seek(0, 2) + len(end)))
    line.endheaders()
    line.send(begin)
    room.seek(0)
    while block := room.read(BLOCK):
        line.send(block)
    line.send(end)
    answer = line.getresponse()
    answer.read()
    line.close()
    return answer.status


def _csrf(side: Side) -> str:
    cookie = next(iter(side[1].client._cookies.values()))
    return csrf_of(cookie.decoded_value)
