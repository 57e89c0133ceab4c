"""One process for one hall: staff pages, terminal pages, background sync, face engine.

Each listener is a server object with limits of its own, so that a flooded one does not touch the
others; faces are computed in a child process.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from ssl import SSLContext

from attendance.engine import EngineSettings, FaceEngine
from node import figures
from node.app import create_app
from node.cases.deemed import deem_overdue
from node.days.reckoning import Reckoning
from node.desk import FACES, FILING, SYNC, WATCHDOG
from node.files.filing import Filing
from node.hall import Hall, HallSettings
from node.outbox.syncing import Syncing
from node.safekeeping import disk
from node.safekeeping.erasures import sweeper
from node.staff.face_gallery import Faces, tidy
from node.terminals import certificate
from node.terminals.kiosk import create_terminal_app
from node.terminals.kiosk_views import WAITING
from node.zkteco.zkteco import TerminalPort
from web import logs
from web.large_bodies import admits
from web.listener import MIB, Listener, serve_all
from web.reading import READ_ONLY, UntilWritable
from web.shell import Shell
from web.uploads import MAX_UPLOAD_BYTES
from web.watchdog import Turn, Watchdog

# More than any request of a terminal; a picture of a face is never spilled to a temporary file.
TERMINAL_BODY = 2 * 1024 * 1024


def address(text: str) -> tuple[str, int]:
    """``host:port`` of a setting.

    Raises:
        ValueError: not that form; the administrator must mend node.toml.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit():
        raise ValueError(f"an address is host:port, not {text!r}")
    return host, int(port)


def serve(hall: Hall) -> None:
    """Serve until SIGTERM or SIGINT; blocks."""
    tls = certificate.opened(hall)
    syncing = Syncing(hall, chores=[*_chores(hall), certificate.renewal(hall, tls)])
    filing = Filing(hall, syncing)
    reckoning = Reckoning(hall)
    # Starts its child beside us: a hall where that fails signs in by PIN, and its pages go on.
    engine = FaceEngine(engine_settings(hall.settings))
    hearts = {"sync": syncing.heart, "files": filing.heart, "days": reckoning.heart}
    probes = {name: heart.overdue for name, heart in hearts.items()} | {
        "faces": engine.probe,
        "database": Turn(lambda: hall.db.is_writable_within(0.5)).kept,
    }
    watchdog = Watchdog(probes)

    def ready(running: object) -> None:
        syncing.start()
        filing.start()
        reckoning.start()
        watchdog.start()
        logs.event("node.ready", hall=hall.settings.hall, listen=hall.settings.listen)

    def stopping() -> None:
        watchdog.stop()
        engine.close()
        reckoning.stop()
        filing.stop()
        syncing.stop()

    staff = staff_app(hall, engine, syncing, filing)
    staff.extensions[WATCHDOG] = watchdog
    staff.health.register("days", reckoning.health)
    staff.health.register("workers", watchdog.health)
    staff.metrics.tell(lambda: figures.of_watch(watchdog, probes))
    kiosks = terminal_listener(hall, terminal_app(hall, engine, staff), tls)
    others = zkteco_listeners(hall, staff, syncing)
    serve_all([staff_listener(hall, staff, tls), kiosks, *others], ready=ready, stopping=stopping)


def terminal_app(hall: Hall, engine: FaceEngine, staff: Shell) -> Shell:
    """The kiosks' page and interface; counted among the figures of the staff pages."""
    terminals = create_terminal_app(hall, engine, https=certificate.is_held(hall))
    terminals.metrics, terminals.listener = staff.metrics, "terminals"
    return terminals


def engine_settings(settings: HallSettings) -> EngineSettings:
    """How this hall wants its faces measured."""
    plain = EngineSettings()
    return replace(
        plain,
        model=Path(settings.face_model) if settings.face_model else plain.model,
        model_id=settings.face_model_id or plain.model_id,
        eyes=settings.face_eyes or plain.eyes,
    )


def _chores(hall: Hall) -> list[Callable[[], object]]:
    """After each contact. Deemed acceptance must not wait until somebody opens a page."""
    return [lambda: disk.look(hall), lambda: deem_overdue(hall), lambda: tidy(hall), sweeper(hall)]


def serve_reading(hall: Hall) -> None:
    """Serve the staff pages over a copy, until SIGTERM; blocks.

    Where the folder was read-only, only until it can be written. Nothing is sent and no terminal is
    answered: they keep what they have.
    """
    staff = create_app(hall, https=certificate.is_held(hall))
    tls = certificate.opened(hall, renewed=False)
    watchdog, waiting = Watchdog({}), UntilWritable(hall.data / disk.DATABASE)
    disk.seal(hall)

    def ready(running: object) -> None:
        watchdog.start()
        if hall.reads_only == READ_ONLY:
            waiting.start()
        logs.event("node.ready", hall=hall.settings.hall, listen=hall.settings.listen)

    def stopping() -> None:
        waiting.stop()
        watchdog.stop()

    serve_all([staff_listener(hall, staff, tls)], ready=ready, stopping=stopping)


def staff_app(hall: Hall, engine: FaceEngine, syncing: Syncing, filing: Filing) -> Shell:
    """The staff pages, with the exchange, the files on their way and the engine they show."""
    staff = create_app(hall, https=certificate.is_held(hall))
    staff.extensions[SYNC] = syncing
    staff.health.register("sync", syncing.health)
    staff.extensions[FILING] = filing
    staff.health.register("files", filing.health)
    staff.extensions[FACES] = faces = Faces(hall, engine)
    staff.health.register("faces", faces.health)
    staff.metrics.tell(lambda: figures.of_sync(syncing))
    staff.metrics.tell(lambda: figures.of_files(filing))
    staff.metrics.tell(lambda: figures.of_faces(engine))
    return staff


def staff_listener(hall: Hall, staff: Shell, tls: SSLContext | None = None) -> Listener:
    """The staff's windows."""
    host, port = address(hall.settings.listen)
    most = MAX_UPLOAD_BYTES + MIB
    return Listener(
        app=staff,
        host=host,
        port=port,
        threads=8,
        # A browser opens six at most; no machine of the network takes all of them.
        per_address=200,
        max_body=most,
        larger=admits(staff),
        tls=tls,
    )


def terminal_listener(hall: Hall, terminals: Shell, tls: SSLContext | None = None) -> Listener:
    """The terminals: few connections, small requests that stay in memory."""
    host, port = address(hall.settings.terminal_listen)
    return Listener(
        app=terminals,
        host=host,
        port=port,
        threads=8,
        connections=64,
        per_address=24,
        max_body=TERMINAL_BODY,
        memory_body=TERMINAL_BODY,
        tls=tls,
        ending=terminals.extensions[WAITING].end,
    )


def zkteco_listeners(hall: Hall, staff: Shell, syncing: Syncing) -> list[Listener]:
    """The terminals of one maker, on an address of their own, where the settings name one."""
    if not hall.settings.zkteco_listen:
        return []
    port = TerminalPort(hall, lambda: syncing.status().center_clock_skew_s)
    port.refused = lambda rule: staff.metrics.refused(f"zkteco.{rule}")
    return [zkteco_listener(hall, port)]


def zkteco_listener(hall: Hall, port: TerminalPort) -> Listener:
    """A port that serves nothing else."""
    host, number = address(hall.settings.zkteco_listen)
    return Listener(
        app=port,
        host=host,
        port=number,
        threads=4,
        connections=128,
        per_address=16,
        # More than the port takes in, so that it can keep the beginning of what is too large.
        max_body=64 * MIB,
        memory_body=MIB,
        for_machines=True,
    )
