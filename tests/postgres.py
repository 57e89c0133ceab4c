"""A real PostgreSQL for the tests: started when the first test asks for it, stopped with them.

Durable as in production (fsync on), on a Unix socket in a folder of its own; the machine's own
clusters are neither used nor touched. PostgreSQL refuses to run as root: it then runs as the user
``postgres`` that Debian's package makes.
"""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from functools import cache
from hashlib import sha256
from pathlib import Path

import psycopg

SUPERUSER = "postgres"
# Small WAL segments, so that a test can give a backend a small disk without touching the log.
_INITDB = (
    "-A",
    "trust",
    "-U",
    SUPERUSER,
    "-E",
    "UTF8",
    "--locale=C.UTF-8",
    "--wal-segsize=1",
    "-N",
)
_SETTINGS = (
    "shared_buffers=32MB",
    "deadlock_timeout=50ms",
    "max_connections=120",
    "max_wal_size=512MB",
    "jit=off",
)
_LONGEST_START_S = 60


def _binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_major)
    if not found:
        raise RuntimeError("PostgreSQL is missing: run `bash deploy/setup --tests`")
    return found[-1].parent


def _major(initdb: Path) -> int:
    return int(initdb.parent.parent.name)


def _as_server_user() -> list[str]:
    """How to run a program as a user that PostgreSQL accepts; it ends when we end."""
    words = ["setpriv", "--pdeathsig", "INT"]
    if os.getuid() == 0:
        words += ["--reuid", SUPERUSER, "--regid", SUPERUSER, "--clear-groups"]
    return words


class Postgres:
    """One server with a data folder of its own.

    Args:
        port: names the socket; no TCP port is opened.
    """

    def __init__(self, port: int = 5432) -> None:
        self.port = port
        self.folder = Path(tempfile.mkdtemp(prefix="onehall-pg-", dir="/tmp"))
        self.data = self.folder / "data"
        if os.getuid() == 0:
            user = pwd.getpwnam(SUPERUSER)
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        # initdb may leave its files to the first checkpoint: -N; the server itself syncs.
        self.run(str(_binaries() / "initdb"), "-D", str(self.data), *_INITDB)
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def run(self, *words: str) -> None:
        """Run a program as the server's user."""
        answer = subprocess.run(
            [*_as_server_user(), *words], capture_output=True, text=True, cwd=self.folder
        )
        if answer.returncode:
            raise RuntimeError(f"{words[0]} failed: {answer.stderr}")

    def start(self) -> None:
        """Start, and wait until it answers."""
        options = [word for setting in _SETTINGS for word in ("-c", setting)]
        options += ["-c", f"unix_socket_directories={self.folder}", "-c", "listen_addresses="]
        options += ["-c", f"port={self.port}"]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*_as_server_user(), str(_binaries() / "postgres"), "-D", str(self.data), *options],
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )
        latest = time.monotonic() + _LONGEST_START_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > latest:
                raise RuntimeError((self.folder / "log").read_text()[-2000:])
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End every session and stop: SIGINT is a clean end, SIGQUIT is as good as a crash."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(60)
            self._process = None

    def remove(self) -> None:
        """Stop for good."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def connect(self, database: str = SUPERUSER) -> psycopg.Connection:
        """A connection of the administrator, each statement a transaction of its own."""
        return psycopg.connect(
            host=str(self.folder), port=self.port, user=SUPERUSER, dbname=database, autocommit=True
        )

    def url(self, database: str) -> str:
        """The setting ``database`` of a center on this server."""
        return f"postgresql+psycopg://{SUPERUSER}@/{database}?host={self.folder}&port={self.port}"

    def make_database(self, name: str, like: str = "template1") -> str:
        """Make a database, unless it is there, as a copy of another one; answers its URL."""
        with self.connect() as admin:
            known = admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
            if known.fetchone() is None:
                admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{like}"')
        return self.url(name)

    def limit_files(self, session: int, size: int | None) -> None:
        """Cap the files that a session (its process id) may write, in bytes; None for no cap.

        The segments of the log are 1 MiB each: a larger cap does not touch them.
        """
        told = "unlimited" if size is None else str(size)
        self.run("prlimit", "--pid", str(session), f"--fsize={told}:")

    def database_of(self, folder: Path, like: str = "template1") -> str:
        """The database that stands for a folder: the same folder, the same database."""
        return self.make_database("t" + sha256(str(folder).encode()).hexdigest()[:16], like)


@cache
def postgres() -> Postgres:
    """The one server of a test run."""
    made = Postgres()
    atexit.register(made.remove)
    return made
