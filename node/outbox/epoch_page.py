"""日志卷页: the logs this hall wrote, what is lost of them by number, and which machine goes on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response

from node.desk import hall
from node.hall import Hall
from node.outbox import epochs
from standards.records import EpochOpened, HallSucceeded
from standards.records.epochs import OPENED_BECAUSE
from sync.recovery.epochs import epoch_of, in_order
from sync.storage.tables import records
from web import access, logs
from web.shell import Banner

pages = Blueprint("epochs", __name__, url_prefix="/outbox/epochs")


@dataclass(frozen=True)
class Volume:
    """One log of this hall. ``because``: why it was opened; empty for the first one."""

    epoch: int
    size: int
    receipted: int
    because: str
    open: bool


def volumes(here: Hall) -> list[Volume]:
    """Every log this hall wrote, the open one first."""
    because = {epoch_of(e.origin): e.cause for e in _opened(here)}
    states = {s.origin: s for s in here.logs.states() if s.own}
    return [
        Volume(
            number := epoch_of(origin),
            states[origin].size,
            states[origin].mark.size,
            OPENED_BECAUSE.get(because.get(number, ""), ""),
            origin == here.origin,
        )
        for origin in reversed(in_order(states))
    ]


@dataclass(frozen=True)
class _Opening:
    origin: str
    cause: str


def _opened(here: Hall) -> list[_Opening]:
    rows = here.db.query(
        "SELECT origin, cause FROM epoch_opened WHERE hall = :hall", hall=here.settings.hall
    )
    return [_Opening(row["origin"], row["cause"]) for row in rows]


def warnings(here: Hall) -> Iterator[Banner]:
    """Two machines of one hall, and a machine that was restored and has not met the center yet."""
    link = url_for("epochs.listing")
    if epochs.clone_seen(here) is not None:
        said = "另有一台机器在续写本厅日志，本机上报已暂停，业务照常。请管理员选定由哪台继续。"
        yield Banner(level="danger", text=said, href=link, link="去选定")
    elif here.epoch > epochs.FIRST and not here.state().mark.size:
        said = "本机数据来自旧备份或换了机器，已自动另起新卷。联系上中心后补齐缺失的记录。"
        yield Banner(level="warn", text=said, href=link)


@pages.get("")
@access.roles("supervisor", "administrator")
def listing() -> str:
    """Volumes, the gap list for printing, and the choice between two machines."""
    here = hall()
    return render_template(
        "epochs/listing.html",
        volumes=volumes(here),
        lost=epochs.lost(here),
        elsewhere=epochs.clone_seen(here),
        opened=records(here.db, EpochOpened),
        predecessors=[
            one for one in records(here.db, HallSucceeded) if here.settings.hall in one.successors
        ],
        hall_name=here.settings.name,
        today=here.clock.today(),
    )


@pages.post("/go-on")
@access.roles("administrator")
def go_on() -> Response:
    """This machine goes on; the other one's sending is then held."""
    epochs.go_on_here(hall(), access.current_staff().staff_no)
    logs.event("epochs.go_on")
    return redirect(url_for("epochs.listing"), 303)
