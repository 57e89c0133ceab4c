"""One process of the center: pages, sync interface, and the worker that applies."""

from __future__ import annotations

import threading

from aggregator import figures
from aggregator.app import create_app
from aggregator.center import Center
from aggregator.database import disk
from aggregator.files import archives
from aggregator.receiving.intake import Worker, intake
from aggregator.safekeeping.erasures import sweeper
from sync.batch import MAX_BATCH_BYTES
from web import logs
from web.large_bodies import admits
from web.listener import MIB, Listener, serve_all
from web.memory import few_pools, settle
from web.reading import READ_ONLY, UntilWritable
from web.shell import Shell
from web.uploads import MAX_UPLOAD_BYTES
from web.watchdog import Watchdog


def serve(center: Center) -> None:
    """Serve until SIGTERM or SIGINT; blocks."""
    few_pools()
    center.keep_room()
    disk.look(center)
    chores = (lambda: disk.look(center), sweeper(center))
    app, worker = create_app(center), Worker(center, chores=chores)
    app.register_blueprint(intake)
    app.extensions["applying"] = worker
    app.health.register("applying", worker.alive)
    watchdog = Watchdog({"applying": worker.heart.overdue})
    app.health.register("workers", watchdog.health)
    app.metrics.tell(lambda: figures.of_worker(worker))

    def look_through() -> None:
        try:
            logs.event("files.looked_through", gone=archives.look_through(center))
        except Exception as error:
            # The next start looks again; meanwhile a file that is gone is found when it is asked.
            logs.failure("files", error)

    def ready(running: object) -> None:
        settle()
        worker.start()
        watchdog.start()
        threading.Thread(target=look_through, name="files", daemon=True).start()
        logs.event("center.ready", center=center.settings.center, listen=center.settings.listen)

    def stopping() -> None:
        watchdog.stop()
        worker.stop()

    serve_all([listener_of(center, app)], ready=ready, stopping=stopping)


def listener_of(center: Center, app: Shell) -> Listener:
    """Where pages and sync interface are answered."""
    host, _, port = center.settings.listen.rpartition(":")
    # Above the application's own caps, so that what is too large is refused in its words.
    most = max(MAX_BATCH_BYTES, MAX_UPLOAD_BYTES) + 8 * MIB
    return Listener(
        app=app,
        host=host,
        port=int(port),
        threads=16,
        max_body=most,
        larger=admits(app),
        proxy=center.settings.proxy,
    )


def reading_app(center: Center) -> Shell:
    """The pages over a copy; halls are told to come later, and keep what they have."""
    app = create_app(center)
    app.register_blueprint(intake)
    disk.seal(center)
    return app


def serve_reading(center: Center) -> None:
    """Serve the pages over a copy, until SIGTERM; blocks.

    Where the folder was read-only, only until it can be written.
    """
    app, watchdog = reading_app(center), Watchdog({})
    waiting = UntilWritable(center.settings.database_file(center.data) or center.data)

    def ready(running: object) -> None:
        watchdog.start()
        if center.reads_only == READ_ONLY:
            waiting.start()
        logs.event("center.ready", center=center.settings.center, listen=center.settings.listen)

    def stopping() -> None:
        waiting.stop()
        watchdog.stop()

    serve_all([listener_of(center, app)], ready=ready, stopping=stopping)
