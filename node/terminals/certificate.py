"""本厅证书: whether this hall's listeners speak TLS, and that its certificate never runs out.

Made with ``onehall-node certificate``; where it was not, the pages answer plain HTTP as before.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from ssl import SSLContext

from node.hall import Hall
from web import certificates, logs


def folder(here: Hall) -> Path:
    """Where authority and certificate lie, with their keys, beside the database."""
    return here.data / "tls"


def is_held(here: Hall) -> bool:
    """Whether there is one."""
    return certificates.held_in(folder(here)) is not None


def opened(here: Hall, *, renewed: bool = True) -> SSLContext | None:
    """What the listeners need, with a new certificate when the old one ends within two months.

    Args:
        renewed: False where nothing can be written.
    """
    if not is_held(here):
        return None
    if renewed:
        _renew(here)
    return certificates.context_of(folder(here))


def renewal(here: Hall, context: SSLContext | None) -> Callable[[], None]:
    """A chore: once a day, renew what ends soon; new connections get it without a restart."""
    done: list[object] = [here.clock.today()]

    def renew() -> None:
        if context is None or done[0] == here.clock.today():
            return
        done[0] = here.clock.today()
        if _renew(here):
            certificates.load_into(context, folder(here))

    return renew


def _renew(here: Hall) -> bool:
    renewed = certificates.renew_if_due(folder(here), here.clock.now())
    if renewed:
        logs.event("certificate.renewed")
    return renewed
