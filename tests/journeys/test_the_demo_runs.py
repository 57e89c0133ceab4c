"""``deploy/demo`` as anybody starts it: it checks itself, tells where everything is, and ends."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from deploy.casework import until
from deploy.sign_ins import kiosk_state, prepared_kiosk
from tests.journeys.town import free_ports

ROOT = Path(__file__).resolve().parents[2]


class Run:
    """The command as a process, and every process that came of it."""

    def __init__(self, data: Path, *words: str) -> None:
        self.data, self.base = data, free_ports()
        command = ["bash", str(ROOT / "deploy" / "demo"), "--data", str(data)]
        self.out = open(data.parent / "out.txt", "wb+")  # noqa: SIM115
        self.process = subprocess.Popen(
            [*command, "--port", str(self.base), *words],
            stdout=self.out,
            stderr=self.out,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            cwd=data.parent,
        )

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *failed: object) -> None:
        """A test that fails half-way leaves no servers behind either."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)
        self.out.close()

    def told(self) -> str:
        return Path(self.out.name).read_text("utf-8")

    def left(self) -> list[str]:
        """Command lines of processes that work on the data folder."""
        found = []
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = entry.read_bytes()
            except OSError:
                continue
            if os.fsencode(str(self.data)) in words:
                found.append(words.decode("utf-8", "replace"))
        return found


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "data"


@pytest.fixture
def facts(data: Path) -> Iterator[dict]:
    yield json.loads((data / "demo.json").read_text("utf-8"))


def test_the_check_takes_one_case_and_one_face_through_everything_and_leaves_nothing(data: Path):
    with Run(data, "--check") as run:
        assert run.process.wait(240) == 0, run.told()
        assert "judged by its standard" in run.told()
        assert "the test person is removed again" in run.told()
        assert "the terminal's punch stands at the center" in run.told()
        assert run.left() == []


def test_demo_json_names_every_address_and_sign_in(facts: dict):
    assert facts["aggregator"]["url"].startswith("http://127.0.0.1:")
    assert {person["role"] for person in facts["aggregator"]["staff"]} >= {
        *("reconciler", "inspector", "administrator"),
        *("standards_editor", "standards_checker", "standards_publisher"),
    }
    assert [node["hall"] for node in facts["nodes"]] == ["T01", "T02"]
    for node in facts["nodes"]:
        assert Path(node["data"]).is_dir()
        assert {person["role"] for person in node["staff"]} == {
            *("clerk", "reviewer", "supervisor", "administrator"),
        }
        assert all(person["name"] and person["password"] for person in node["staff"])
        assert [terminal["kind"] for terminal in node["terminals"]] == ["kiosk", "zkteco"]
        assert node["terminals"][1]["pins"]["1"] == f"{node['hall']}-001"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_later_run_goes_on_with_the_same_data_and_ends_when_asked(data: Path, number: int):
    begun = datetime.now(UTC).isoformat()
    with Run(data) as run:
        # The file of the earlier run is taken away first, so that this is the new one.
        until("demo.json", lambda: is_of(data / "demo.json", run.base), 120)
        facts = json.loads((data / "demo.json").read_text("utf-8"))
        assert requests.get(f"{facts['aggregator']['url']}/healthz", timeout=10).ok
        for node in facts["nodes"]:
            until("the terminals report", partial(report_anew, node, begun), 60)
            terminal = node["terminals"][0]
            state = kiosk_state(prepared_kiosk(terminal["url"]))
            assert state["terminal"] == terminal["serial"]
            maker = node["terminals"][1]
            asked = f"{maker['url']}/iclock/cdata?SN={maker['serial']}&options=all"
            assert "GET OPTION FROM" in requests.get(asked, timeout=10).text
        os.kill(python_of(run), number)
        assert run.process.wait(60) == 0, run.told()
        assert run.left() == []


def report_anew(node: dict[str, Any], begun: str) -> bool:
    """Whether kiosk and maker's terminal have called since: days wait for every one of them."""
    with closing(sqlite3.connect(f"file:{node['data']}/node.db?mode=ro", uri=True)) as db:
        asked = (
            "SELECT MAX(at) FROM kiosk_report UNION ALL SELECT MAX(seen_at) FROM zkteco_terminal"
        )
        return all((at or "") > begun for (at,) in db.execute(asked))


def is_of(path: Path, base: int) -> bool:
    return path.exists() and f"127.0.0.1:{base}" in path.read_text("utf-8")


def python_of(run: Run) -> int:
    """The shell has become the demo itself by now."""
    deadline = time.monotonic() + 30
    while b"run_demo" not in Path(f"/proc/{run.process.pid}/cmdline").read_bytes():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return run.process.pid
