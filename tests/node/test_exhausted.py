"""A hall's machine that runs out of open files is busy, not dead (F19)."""

from __future__ import annotations

import resource
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from node.hall import HallSettings
from node.serving import address
from tests.node.test_serving import settings
from tests.served import ROOT, eventually, get

__all__ = ["settings"]
FEW = 64


def few_files() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (FEW, FEW))


def test_a_node_without_a_file_left_to_open_lives_and_answers_when_there_are_some(
    settings: HallSettings, tmp_path: Path
):
    command = [sys.executable, "-m", "node.commands", "serve", "--data", str(tmp_path / "hall")]
    log = tmp_path / "log"
    port = address(settings.listen)[1]
    with log.open("wb") as told, ExitStack() as stack:
        node = subprocess.Popen(command, cwd=ROOT, stderr=told, preexec_fn=few_files)
        stack.callback(node.wait)
        stack.callback(node.kill)
        assert eventually(lambda: get(port, "/sign-in").status_code == 200)
        with ExitStack() as flood:
            for _ in range(2 * FEW):
                flood.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
            # The server has met with the end of its files, and says so.
            assert eventually(lambda: b"accept() threw" in log.read_bytes())
            assert node.poll() is None
        assert eventually(lambda: get(port, "/sign-in").status_code == 200)
        assert node.poll() is None
