"""The demo: one aggregator, two branch halls, a cable between each of them, sample data.

Started by ``deploy/demo``. Everything goes through the commands and pages that a real installation
has; what is the demo's own is the choice of names and the cable.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from deploy.cable import Cable, CablePage

CENTER = "tonghua.example"
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class HallPlan:
    """One branch hall of the demo."""

    hall: str
    name: str
    port: int
    terminal_port: int
    data: Path


CENTER_STAFF = (
    ("duizhang", "C-001", "对账员", "reconciler"),
    ("qicao", "C-002", "标准起草人", "standards_editor"),
    ("shenhe", "C-003", "标准审核人", "standards_checker"),
    ("fabu", "C-004", "标准发布人", "standards_publisher"),
    ("ducha", "C-005", "督查员", "inspector"),
    ("admin", "C-006", "管理员", "administrator"),
)
HALL_STAFF = (
    ("chuangkou", "001", "窗口人员", "clerk"),
    ("shenpi", "002", "审批人员", "reviewer"),
    ("dudao", "003", "厅负责人", "supervisor"),
    ("admin", "004", "管理员", "administrator"),
)


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


class Demo:
    """The processes and addresses of one demo."""

    def __init__(self, data: Path, port: int) -> None:
        self.data, self.port = data, port
        self.center = data / "center"
        self.halls = [
            HallPlan("T01", "公安分厅", port + 1, port + 11, data / "T01"),
            HallPlan("T02", "不动产登记分厅", port + 2, port + 12, data / "T02"),
        ]
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.cables: list[Cable] = []
        self.page: CablePage | None = None
        self.password = ""

    # --- setting up -------------------------------------------------------------------------

    def set_up(self) -> None:
        """Make center and halls when the data folder does not hold them yet."""
        kept = self.data / "password"
        if kept.exists():
            self.password = kept.read_text(encoding="ascii").strip()
            return
        self.password = f"demo-{secrets.token_hex(5)}"
        self.data.mkdir(parents=True, exist_ok=True)
        command(
            "onehall-aggregator", "init", "--data", str(self.center), "--center", CENTER,
            "--name", "市政务公开办公室", "--listen", f"127.0.0.1:{self.port}",
        )  # fmt: skip
        command("onehall-aggregator", "starter", "--data", str(self.center))
        for plan in self.halls:
            self._set_up_hall(plan)
        for login, number, name, role in CENTER_STAFF:
            self._account("onehall-aggregator", self.center, (login, number, name, role))
        kept.write_text(self.password + "\n", encoding="ascii")

    def _set_up_hall(self, plan: HallPlan) -> None:
        command(
            "onehall-node", "init", "--data", str(plan.data), "--hall", plan.hall,
            "--name", plan.name, "--center", CENTER, "--listen", f"127.0.0.1:{plan.port}",
            "--terminal-listen", f"127.0.0.1:{plan.terminal_port}", "--sync-seconds", "3",
        )  # fmt: skip
        command(
            "onehall-aggregator", "register", "--data", str(self.center), plan.hall,
            "--name", plan.name,
        )  # fmt: skip
        for login, number, name, role in HALL_STAFF:
            staff = (login, f"{plan.hall}-{number}", name, role)
            self._account("onehall-node", plan.data, staff)

    def _account(self, program: str, data: Path, staff: tuple[str, str, str, str]) -> None:
        login, number, name, role = staff
        command(
            program, "account", "--data", str(data), login, "--staff-no", number, "--name", name,
            "--role", role, "--keep-password", "--password", self.password,
        )  # fmt: skip

    # --- running ----------------------------------------------------------------------------

    def start(self) -> None:
        """Start the aggregator, lay the cables, enrol and start the halls."""
        self.start_process("center", "onehall-aggregator", self.center)
        self.wait(f"http://127.0.0.1:{self.port}/healthz", "center")
        for number, plan in enumerate(self.halls):
            cable = Cable(f"{plan.name} → 中心", self.port + 21 + number, self.port)
            self.cables.append(cable)
            self._enrol(plan, cable)
        for plan in self.halls:
            self.start_process(plan.hall, "onehall-node", plan.data)
        for plan in self.halls:
            self.wait(f"http://127.0.0.1:{plan.port}/healthz", plan.hall)
        links = {"中心": self.center_url} | {p.name: self.hall_url(p) for p in self.halls}
        self.page = CablePage(self.port + 20, self.cables, links)

    def start_process(self, label: str, program: str, data: Path) -> None:
        """Start one of the product's servers; its log goes beside its data."""
        data.mkdir(parents=True, exist_ok=True)
        with open(data / "server.log", "ab") as log:
            self.processes[label] = subprocess.Popen(
                [str(BIN / program), "serve", "--data", str(data)],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def wait(self, url: str, label: str, seconds: float = 60) -> None:
        """Wait until a server answers.

        Raises:
            Failed: it ended, or did not answer in time.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.processes[label].poll() is not None:
                log = self.data / label / "server.log"
                raise Failed(f"{label} ended; see {log.relative_to(self.data.parent)}")
            try:
                if requests.get(url, timeout=2).ok:
                    return
            except requests.RequestException:
                pass
            time.sleep(0.1)
        raise Failed(f"{label} did not answer within {seconds:.0f} s")

    def _enrol(self, plan: HallPlan, cable: Cable) -> None:
        status = json.loads(command("onehall-node", "status", "--json", "--data", str(plan.data)))
        if status["enrolment"] == "approved":
            return
        code = command("onehall-aggregator", "code", "--data", str(self.center), plan.hall)
        url = f"http://127.0.0.1:{cable.port}"
        asked = json.loads(command(
            "onehall-node", "enrol", "--json", "--data", str(plan.data), "--url", url,
            "--code", code,
        ))  # fmt: skip
        command(
            "onehall-aggregator", "approve", "--data", str(self.center), plan.hall,
            "--digits", asked["digits"], "--actor", "C-006",
        )  # fmt: skip

    def stop(self) -> None:
        """Stop everything that was started."""
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
        for cable in self.cables:
            cable.close()
        if self.page is not None:
            self.page.close()

    # --- telling ----------------------------------------------------------------------------

    @property
    def center_url(self) -> str:
        """Address of the aggregator."""
        return f"http://127.0.0.1:{self.port}"

    def hall_url(self, plan: HallPlan) -> str:
        """Address of a hall's staff pages."""
        return f"http://127.0.0.1:{plan.port}"

    def facts(self, terminals: dict[str, list[dict[str, str]]]) -> dict[str, Any]:
        """What ``demo.json`` holds."""

        def staff(rows: tuple[tuple[str, str, str, str], ...]) -> list[dict[str, str]]:
            return [
                {"name": login, "password": self.password, "role": role}
                for login, _, _, role in rows
            ]

        return {
            "aggregator": {"url": self.center_url, "staff": staff(CENTER_STAFF)},
            "cable": self.page.url if self.page else "",
            "nodes": [
                {
                    "hall": plan.hall,
                    "name": plan.name,
                    "url": self.hall_url(plan),
                    "data": str(plan.data),
                    "staff": staff(HALL_STAFF),
                    "terminals": terminals.get(plan.hall, []),
                }
                for plan in self.halls
            ],
        }

    def tell(self, facts: dict[str, Any]) -> None:
        """Write ``demo.json`` whole or not at all, and print the addresses."""
        path = self.data / "demo.json"
        partial = path.with_suffix(".new")
        partial.write_text(json.dumps(facts, ensure_ascii=False, indent=1), encoding="utf-8")
        os.replace(partial, path)
        center = facts["aggregator"]
        print(f"\n  中心      {center['url']}   登录名 {_logins(center['staff'])}")
        for node in facts["nodes"]:
            print(f"  {node['name']}  {node['url']}   登录名 {_logins(node['staff'])}")
            for terminal in node["terminals"]:
                print(f"            签到终端 {terminal['url']}")
        print(f"  网线      {facts['cable']}   (拔掉、插上)")
        print(f"  密码      {self.password}   (演示用,所有账号相同)\n", flush=True)


def _logins(staff: list[dict[str, str]]) -> str:
    return " ".join(person["name"] for person in staff)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="deploy/demo", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("demo-data"), metavar="DIR")
    parser.add_argument("--port", type=int, default=8700, metavar="N")
    parser.add_argument("--check", action="store_true", help="one case and one punch, then stop")
    parser.add_argument("--cwd", type=Path, default=Path.cwd(), help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    """Run the demo; 0 when it ended as asked, 1 when it failed."""
    from deploy import sample

    given = _arguments()
    demo = Demo((given.cwd / given.data).resolve(), given.port)
    stopping = {"now": False}

    def stop(number: int, frame: object) -> None:
        stopping["now"] = True
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    try:
        demo.set_up()
        demo.start()
        terminals = sample.fill(demo)
        demo.tell(demo.facts(terminals))
        if given.check:
            return sample.check(demo, terminals)
        while all(process.poll() is None for process in demo.processes.values()):
            time.sleep(1)
        raise Failed("a server ended by itself; see server.log in the data folder")
    except KeyboardInterrupt:
        return 0
    except Failed as failed:
        print(f"demo: {failed}", file=sys.stderr)
        return 1
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        demo.stop()


if __name__ == "__main__":
    sys.exit(main())
