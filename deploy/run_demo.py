"""The demo: one aggregator, two branch halls, a cable between each of them, sample data.

Started by ``deploy/demo``. Everything goes through the commands and pages that a real installation
has; what is the demo's own is the choice of names and the cable.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import requests

from aggregator.center import CenterSettings
from deploy.browser import Refused
from deploy.cable import Cable, CablePage
from deploy.people import CENTER_STAFF, HALL_STAFF
from deploy.product import BIN, Failed, command
from node.hall import HallSettings
from sync.storage.durable import write_file

CENTER = "tonghua.example"


@dataclass(frozen=True)
class HallPlan:
    """One branch hall of the demo."""

    hall: str
    name: str
    port: int
    terminal_port: int
    zkteco_port: int
    data: Path


class Demo:
    """The processes and addresses of one demo."""

    def __init__(self, data: Path, port: int) -> None:
        self.data, self.port = data, port
        self.center = data / "center"
        self.halls = [
            HallPlan("T01", "公安分厅", port + 1, port + 11, port + 13, data / "T01"),
            HallPlan("T02", "不动产登记分厅", port + 2, port + 12, port + 14, data / "T02"),
        ]
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.cables: list[Cable] = []
        self.cable_type = Cable
        self.page: CablePage | None = None
        self.password = ""

    # --- setting up -------------------------------------------------------------------------

    def set_up(self) -> None:
        """Make center and halls when the data folder does not hold them yet.

        Raises:
            Failed: a port is taken, or the folder holds something else.
        """
        self._check_ports()
        kept, begun = self.data / "password", self.data / "begun"
        if kept.exists():
            self.password = kept.read_text(encoding="ascii").strip()
            self._settle_addresses()
            return
        folders = [self.center, *(plan.data for plan in self.halls)]
        for folder in folders:
            if folder.exists() and not begun.exists():
                raise Failed(
                    f"{folder} is there already and is not the demo's; give another --data"
                )
            # An earlier set-up was broken off: what it left is of no use.
            shutil.rmtree(folder, ignore_errors=True)
        self.data.mkdir(parents=True, exist_ok=True)
        begun.touch()
        self.password = f"demo-{secrets.token_hex(5)}"
        self._together(
            self._set_up_center, *(lambda plan=plan: self._set_up_hall(plan) for plan in self.halls)
        )
        kept.write_text(self.password + "\n", encoding="ascii")
        begun.unlink()

    def _check_ports(self) -> None:
        """Say at once what stands in the way, instead of half a start."""
        for port in [*range(self.port, self.port + 3), *range(self.port + 11, self.port + 15),
                     *range(self.port + 20, self.port + 23)]:  # fmt: skip
            try:
                socket.create_server(("127.0.0.1", port)).close()
            except (OSError, OverflowError):
                raise Failed(
                    f"port {port} is taken by another program or not allowed; the demo uses "
                    f"{self.port} to {self.port + 22}: stop it, or choose others with --port N"
                ) from None

    @staticmethod
    def _together(*steps: Callable[[], None]) -> None:
        with ThreadPoolExecutor(len(steps)) as hands:
            for done in [hands.submit(step) for step in steps]:
                done.result()

    def _set_up_center(self) -> None:
        command(
            "onehall-aggregator", "init", "--data", str(self.center), "--center", CENTER,
            "--name", "市政务公开办公室", "--listen", f"127.0.0.1:{self.port}",
        )  # fmt: skip
        command("onehall-aggregator", "starter", "--data", str(self.center))
        for plan in self.halls:
            command(
                "onehall-aggregator", "register", "--data", str(self.center), plan.hall,
                "--name", plan.name,
            )  # fmt: skip
        for login, number, name, role in CENTER_STAFF:
            self._account("onehall-aggregator", self.center, (login, number, name, role))

    def _set_up_hall(self, plan: HallPlan) -> None:
        command(
            "onehall-node", "init", "--data", str(plan.data), "--hall", plan.hall,
            "--name", plan.name, "--center", CENTER, "--listen", f"127.0.0.1:{plan.port}",
            "--terminal-listen", f"127.0.0.1:{plan.terminal_port}", "--sync-seconds", "3",
            "--zkteco-listen", f"127.0.0.1:{plan.zkteco_port}",
        )  # fmt: skip
        for login, number, name, role in HALL_STAFF:
            staff = (login, f"{plan.hall}-{number}", name, role)
            self._account("onehall-node", plan.data, staff)
        made = command(
            "onehall-node", "terminal", "--data", str(plan.data), "一楼签到机",
            "--location", "工作人员入口", "--prepared", "--json",
        )  # fmt: skip
        write_file(plan.data / "kiosk.json", made + "\n")

    def _settle_addresses(self) -> None:
        """The same data may be run on other ports than the last time."""
        center = CenterSettings.load(self.center)
        replace(center, listen=f"127.0.0.1:{self.port}").save(self.center)
        for number, plan in enumerate(self.halls):
            replace(
                HallSettings.load(plan.data),
                listen=f"127.0.0.1:{plan.port}",
                terminal_listen=f"127.0.0.1:{plan.terminal_port}",
                zkteco_listen=f"127.0.0.1:{plan.zkteco_port}",
                center_url=f"http://127.0.0.1:{self._cable_port(number)}",
            ).save(plan.data)

    def _cable_port(self, number: int) -> int:
        return self.port + 21 + number

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
            cable = self.cable_type(f"{plan.name} → 中心", self._cable_port(number), self.port)
            self.cables.append(cable)
            self._enrol(plan, cable)
        for plan in self.halls:
            self.start_process(plan.hall, "onehall-node", plan.data)
        for plan in self.halls:
            self.wait(f"http://127.0.0.1:{plan.port}/healthz", plan.hall)
            self.wait(f"http://127.0.0.1:{plan.terminal_port}/kiosk", plan.hall)
        links = {"中心": self.center_url} | {p.name: self.hall_url(p) for p in self.halls}
        self.page = CablePage(self.port + 20, self.cables, links)

    def start_process(self, label: str, program: str, data: Path) -> None:
        """Start one of the product's servers; its log goes beside its data."""
        self.run(label, data, program, "serve", "--data", str(data))

    def run(self, label: str, data: Path, program: str, *words: str) -> None:
        """Run one of the product's commands for as long as the demo runs."""
        data.mkdir(parents=True, exist_ok=True)
        with open(data / "server.log", "ab") as log:
            self.processes[label] = subprocess.Popen(
                [str(BIN / program), *words],
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
                raise Failed(f"{label} ended; see {self.data / label / 'server.log'}")
            try:
                if requests.get(url, timeout=2, proxies={"http": ""}).ok:
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

    def stop_process(self, label: str, number: int = signal.SIGTERM) -> None:
        """Stop one server; what does not end within 30 s is killed."""
        process = self.processes.pop(label)
        if process.poll() is None:
            process.send_signal(number)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def stop(self) -> None:
        """Stop everything that was started."""
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for label in list(self.processes):
            self.stop_process(label)
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

    def facts(self, terminals: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
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
    parser.add_argument("--check", action="store_true", help="one case, two punches, then stop")
    parser.add_argument("--cwd", type=Path, default=Path.cwd(), help=argparse.SUPPRESS)
    return parser.parse_args()


def _asked_to_stop(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Run the demo; 0 when it ended as asked, 1 when it failed."""
    given = _arguments()
    demo = Demo((given.cwd / given.data).resolve(), given.port)
    # SIGINT too: a shell starts what runs behind it with Ctrl-C ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _asked_to_stop)
    try:
        with _alone(demo.data):
            return _run(demo, check=given.check)
    except KeyboardInterrupt:
        print("demo: stopping", file=sys.stderr)
        return int(given.check)
    except (Failed, Refused, OSError) as failed:
        print(f"demo: {failed}", file=sys.stderr)
        return 1


@contextmanager
def _alone(data: Path) -> Iterator[None]:
    """Two demos on one folder would stop each other's servers."""
    data.mkdir(parents=True, exist_ok=True)
    with open(data / "demo.lock", "w", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Failed(f"another demo runs on {data}; stop it, or give another --data") from None
        yield


def _run(demo: Demo, *, check: bool) -> int:
    from deploy import sample

    # Whoever waits for it must not find the one of an earlier run.
    (demo.data / "demo.json").unlink(missing_ok=True)
    demo.set_up()
    try:
        demo.start()
        terminals = sample.fill(demo)
        demo.tell(demo.facts(terminals))
        if check:
            return sample.check(demo, terminals)
        print("  Ctrl-C 结束演示。\n", flush=True)
        beat = sample.keep_calling(demo, terminals)
        while all(process.poll() is None for process in demo.processes.values()):
            beat()
            time.sleep(1)
        raise Failed(f"a server ended by itself; see server.log in the folders of {demo.data}")
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        demo.stop()


if __name__ == "__main__":
    sys.exit(main())
