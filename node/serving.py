"""One process for one hall: staff pages, terminal pages, background sync, face engine.

Each listener is a server object with limits of its own, so that a flooded one does not touch the
others; faces are computed in a child process.
"""

from __future__ import annotations

from node.app import create_app
from node.hall import Hall
from node.syncing import Syncing
from web import logs
from web.listener import Listener, serve_all


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
    syncing = Syncing(hall)
    staff = create_app(hall)
    staff.extensions["sync"] = syncing
    staff.health.register("sync", syncing.health)
    host, port = address(hall.settings.listen)
    listeners = [Listener(app=staff, host=host, port=port, threads=8)]

    def ready(running: object) -> None:
        syncing.start()
        logs.event("node.ready", hall=hall.settings.hall, listen=hall.settings.listen)

    serve_all(listeners, ready=ready, stopping=syncing.stop)
