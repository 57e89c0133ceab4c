"""签到机: the application of the terminals' listener: the kiosk page, and how a kiosk is admitted.

What a paired kiosk sends is in ``kiosk_views``. Nothing here is a staff page; whoever has a
kiosk's key reads nothing but that kiosk's own state and a roster of numbers and masked names.
"""

from __future__ import annotations

import re
from typing import Annotated

import msgspec
from flask import Blueprint, Response, jsonify, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from attendance.engine import FaceEngine
from attendance.terminals.words import WORDS
from node.desk import FACES, HALL, hall
from node.hall import Hall
from node.staff.face_gallery import Faces
from node.terminals import certificate_pages, terminal_keys
from node.terminals.kiosk_line import NONCES, Nonces, Refused, body_as, told
from node.terminals.kiosk_sessions import Sessions
from node.terminals.kiosk_views import SESSIONS, WAITING, standing_of, views
from node.terminals.terminal_keys import Offered
from node.terminals.terminal_orders import WaitingRoom
from web import access, logs
from web.app import create_shell
from web.attempts import Attempts
from web.bodies import SealedRequest
from web.shell import Shell, ShellSettings

pages = Blueprint("kiosk", __name__, static_folder="../static", static_url_path="/kiosk-static")

_SMALL_BODY = 4096
SCRIPTS = ("store", "keys", "line", "chain", "lens", "voice", "screen", "upkeep", "card", "kiosk")
"""The page's own scripts under static/kiosk, in the order in which they need each other."""


class Pairing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The one-time code as typed at the terminal, the browser's key, and proof that it holds it."""

    code: Annotated[str, msgspec.Meta(max_length=40)]
    public: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{130}$")]
    proof: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{128}$")]
    model: Annotated[str, msgspec.Meta(max_length=200)] = ""


def create_terminal_app(
    here: Hall, engine: FaceEngine | None = None, *, https: bool = False
) -> Shell:
    """The terminals' application of a hall whose tables exist already.

    Args:
        here: open, and held by this process alone.
        engine: None where none runs; staff then sign in with number and PIN.
        https: the listener speaks TLS with the hall's own certificate.
    """
    app = create_shell(
        "node",
        database=here.db,
        settings=ShellSettings(
            site=f"{here.settings.hall.lower()}-terminals",
            hall_name=here.settings.name,
            roles={},
            trusted_hosts=here.settings.trusted_hosts,
            https=https,
            sign_in=False,
            max_body=_SMALL_BODY,
        ),
        title="签到",
        clock=here.clock.now,
    )
    app.request_class = SealedRequest
    app.extensions[HALL] = here
    app.extensions[FACES] = known = Faces(here, engine)
    app.extensions[NONCES] = Nonces(here.clock.now())
    app.extensions[SESSIONS] = Sessions(here, known)
    app.extensions[WAITING] = WaitingRoom()
    app.health.register("faces", known.health)
    app.register_blueprint(pages)
    app.register_blueprint(views)
    app.register_blueprint(certificate_pages.pages)
    app.register_error_handler(Refused, told)
    return app


@pages.get("/")
@access.public
def start() -> AnyResponse:
    """The kiosk page is all there is here."""
    return redirect("/kiosk", 303)


@pages.get("/kiosk")
@access.public
def kiosk() -> str:
    """The page that stays open on the terminal; it says nothing about anybody."""
    return render_template("kiosk/kiosk.html", scripts=SCRIPTS, words=" ".join(WORDS))


@pages.get("/kiosk-worker.js")
@access.public
def worker() -> Response:
    """The script that opens the page while the node is away; it must lie above the page."""
    answer = pages.send_static_file("kiosk/worker.js")
    answer.headers["Service-Worker-Allowed"] = "/"
    return answer


@pages.post("/t/v1/pair")
@access.signed_by_other_means("a one-time code of the administrator, in the body")
def pair() -> tuple[Response, int]:
    """Take a browser's key in against a one-time code; it waits until two people have compared."""
    here, place, asked = hall(), request.remote_addr or "", body_as(Pairing)
    attempts = Attempts(here.db, here.clock.now)
    if attempts.locked_until(f"pair:{place}", place) is not None:
        raise Refused(429, "too_many")
    offered = Offered(
        asked.code, bytes.fromhex(asked.public), bytes.fromhex(asked.proof), _model(asked.model)
    )
    key = terminal_keys.pair(here, offered)
    if key is None:
        attempts.failed(f"pair:{place}", place)
        raise Refused(403, "code")
    logs.event("terminal.paired", terminal=key.terminal)
    return jsonify(standing_of(here, key)), 202


def _model(text: str) -> str:
    """What kind of browser it says it is, without what would break a line."""
    return re.sub(r"[^\x20-\x7e]", "", text)[:80]
