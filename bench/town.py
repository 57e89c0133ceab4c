"""What the benches of the sync share: servers, a hall full of records, a counting line, the floor.

Standard library only at the top: a bench first sets up the environment, then runs again in it.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PYTHON = ROOT / ".venv" / "bin" / "python"
CENTER = "bench.example"


def enter_environment() -> None:
    """Set up if need be, then run again with the project's Python."""
    if Path(sys.prefix) == ROOT / ".venv":
        return
    if not PYTHON.exists():
        subprocess.run(["bash", str(ROOT / "deploy" / "setup")], check=True)
    os.execv(PYTHON, [str(PYTHON), *sys.argv])


FLOOR = """
import gzip, json, sqlite3, sys
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from flask import Flask, request
from waitress import serve
key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(sys.argv[2]))
db = sqlite3.connect(sys.argv[3], check_same_thread=False, isolation_level=None)
db.execute("PRAGMA journal_mode=WAL")
db.execute("PRAGMA synchronous=FULL")
db.execute("CREATE TABLE record (id TEXT PRIMARY KEY, body TEXT NOT NULL)")
import threading
turn = threading.Lock()
app = Flask("floor")
@app.post("/push")
def push():
    raw = request.get_data()
    key.verify(bytes.fromhex(request.headers["Signature"]), raw)
    rows = [json.loads(line) for line in gzip.decompress(raw).splitlines()]
    with turn:
        db.execute("BEGIN IMMEDIATE")
        db.executemany("INSERT INTO record VALUES (?, ?) ON CONFLICT (id) DO UPDATE "
                       "SET body = excluded.body", [(r["id"], json.dumps(r)) for r in rows])
        db.execute("COMMIT")
    return {"ok": len(rows)}
serve(app, host="127.0.0.1", port=int(sys.argv[1]), threads=4, connection_limit=2000, backlog=2048)
"""


def free_port() -> int:
    """A port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def server(words: list[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A server process until the block ends."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        process.wait(60)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mb(pid: int | str = "self") -> float:
    """The most memory a process ever had."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def timed(action: Callable[[], object]) -> float:
    """Seconds of one call."""
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


@cache
def item() -> tuple[str, tuple[str, ...]]:
    """A real item of the starter catalogue and the codes of its materials."""
    from standards.catalogue import starter_guides

    guide = max(starter_guides(), key=lambda g: len(g.materials))
    return guide.item, tuple(m.code for m in guide.materials)


def case(number: int) -> Any:
    """One case record of about 0.9 KB with its personal part."""
    from standards.records import CaseReceived

    code, materials = item()
    return CaseReceived(
        case_no=f"T01-20261124A{number:06d}7K",
        item=code,
        guide_version=1,
        received_on=date(2026, 11, 24),
        window="综合窗口三",
        materials=materials,
        applicant_name=f"申请人{number}",
        paper_no="11010519491231002X",
        mobile=f"138{number:08d}",
        contact_name=f"联系人{number}",
        address=f"某市某区某某街道某某路{number}号某某小区{number % 90}栋{number % 30}单元",
        subject="申请办理林木采伐许可证," + "现场情况说明" * 30,
    )


def write_cases(hall: Any, first: int, stop: int) -> None:
    """Write records into the hall's log; not timed (the floor's records are ready as well)."""
    for start in range(first, stop, 2_000):
        with hall.db.transaction():
            for number in range(start, min(stop, start + 2_000)):
                hall.write(case(number), actor="T01-001")


def new_hall(folder: Path, name: str = "T01") -> Any:
    """A hall over a new folder."""
    from node.app import LOCAL_TABLES
    from node.hall import Hall, HallSettings
    from node.keys.enrolment import DDL

    settings = HallSettings(hall=name, name="分厅", center=CENTER)
    settings.save(folder)
    hall = Hall(folder, settings)
    hall.db.create([*LOCAL_TABLES, *DDL])
    return hall


def hall_in(folder: Path) -> Any:
    """The hall of a folder."""
    from node.hall import Hall, HallSettings

    return Hall(folder, HallSettings.load(folder))


def line_to(hall: Any, port: int) -> Any:
    """The hall's real line to a port of this machine."""
    from sync.client import HttpLine

    return HttpLine(f"http://127.0.0.1:{port}", hall.signer, lambda: int(time.time()))


def new_center(data: Path, listen: str, database: str = "") -> Any:
    """A center with the starter catalogue over a new folder."""
    from aggregator.app import create_tables
    from aggregator.center import Center, CenterSettings
    from aggregator.publishing.starter import load_starter

    settings = CenterSettings(center=CENTER, name="中心", listen=listen, database=database)
    settings.save(data)
    center = Center(data, settings)
    create_tables(center)
    load_starter(center, "C-001")
    return center


def serve_words(data: Path) -> list[str]:
    """How the center of a folder is served, in a process of its own."""
    return [str(PYTHON), "-m", "aggregator.commands", "serve", "--data", str(data)]


@dataclass
class Town:
    """A running center and one enrolled hall."""

    center: Any
    hall: Any
    origin: str
    """of the log that the hall writes; known also when the hall is closed here"""
    pid: int
    port: int
    lines: dict[int, Any] = field(default_factory=dict)

    def contact(self, port: int = 0) -> Any:
        """One contact of the hall, through a port of its choice; the line stays, as the hall's."""
        from node.outbox import syncing

        port = port or self.port
        if port not in self.lines:
            self.lines[port] = line_to(self.hall, port)
        return syncing.contact(self.hall, self.lines[port])

    def wait_applied(self, size: int) -> None:
        """Until the center has applied and judged this many entries."""
        while self.center.logs.state(self.origin).applied < size:
            time.sleep(0.02)


@contextmanager
def town(folder: Path, source: Path, database: str = "") -> Iterator[Town]:
    """A running aggregator and an enrolled hall, a copy of ``source``."""
    from aggregator.halls import roster
    from node.keys import enrolment

    port = free_port()
    center = new_center(folder / "center", f"127.0.0.1:{port}", database)
    roster.register_hall(center, "T01", "分厅")
    code = roster.new_code(center, "T01")
    shutil.copytree(source, folder / "hall")
    hall = hall_in(folder / "hall")
    with server(serve_words(folder / "center"), port) as process:
        line = line_to(hall, port)
        enrolment.ask(hall, line, f"http://127.0.0.1:{port}", code)
        roster.approve(center, roster.pending(center)[0].id, "C-001")
        enrolment.ask_again(hall, line)
        yield Town(center, hall, hall.origin, process.pid, port)
    center.close()
    hall.close()


@contextmanager
def floor(folder: Path) -> Iterator[tuple[Callable[[list[bytes], int], None], int]]:
    """The plainest server: a function that posts lines in batches, and the server's pid."""
    import requests
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key, port = Ed25519PrivateKey.generate(), free_port()
    public = key.public_key().public_bytes_raw().hex()
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "floor.py"
    script.write_text(FLOOR, encoding="utf-8")
    words = [str(PYTHON), str(script), str(port), public, str(folder / "floor.db")]
    session = requests.Session()
    session.trust_env = False

    def post(some: list[bytes], through: int = 0) -> None:
        for start in range(0, len(some), 1_000):
            raw, headers = floor_batch(key, some[start : start + 1_000])
            url = f"http://127.0.0.1:{through or port}/push"
            session.post(url, data=raw, headers=headers, timeout=60).raise_for_status()

    post.key, post.port = key, port  # type: ignore[attr-defined]
    with server(words, port) as process:
        yield post, process.pid


def floor_batch(key: Any, lines: list[bytes]) -> tuple[bytes, dict[str, str]]:
    """Some records as the floor sends them, and their signature."""
    rows = [json.loads(line) for line in lines]
    raw = gzip.compress("\n".join(map(json.dumps, rows)).encode(), 1)
    return raw, {"Signature": key.sign(raw).hex()}


def floor_lines(records: int) -> list[bytes]:
    """The same content as one flat JSON object a line."""
    import msgspec

    return [
        msgspec.json.encode({"id": f"r{n}", **msgspec.to_builtins(case(n))}) for n in range(records)
    ]


class Counter:
    """A line that counts what goes over it, both ways, headers included."""

    def __init__(self, port: int) -> None:
        self._to, self.bytes, self.connections = port, 0, 0
        self._lock = threading.Lock()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            self.connections += 1
            far = socket.create_connection(("127.0.0.1", self._to))
            for ends in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=ends, daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while some := source.recv(65_536):
                with self._lock:
                    self.bytes += len(some)
                target.sendall(some)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            return

    def of(self, action: Callable[[int], object]) -> int:
        """Bytes that an action sends and gets through this line."""
        before = self.bytes
        action(self.port)
        return self.bytes - before


def figure(name: str, unit: str, better: str, pair: tuple[float, float]) -> dict[str, object]:
    """One line of the JSON: ours, peer, their ratio."""
    ours, peer = pair
    return {
        "bench": name,
        "ours": round(ours, 4),
        "peer": round(peer, 4),
        "unit": unit,
        "ratio": round(ours / peer, 3),
        "better": better,
    }
