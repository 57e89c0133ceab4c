"""密钥: the center's key set, every hall's keys, and the revocation of a hall's key in two steps.

The pages over ``aggregator.keys.keybook`` and ``aggregator.keys.keyring``, which decide and sign.
"""

from __future__ import annotations

from flask import Blueprint, abort, render_template, request, url_for
from werkzeug.wrappers import Response

from aggregator.center import Center
from aggregator.halls.halls import hall_names
from aggregator.keys import keybook, rotation
from aggregator.keys.keyring import PURPOSES
from aggregator.office import ADMINISTRATOR, actor, center
from standards.errors import Invalid
from sync.errors import SyncError
from sync.keys.keyfiles import KeyMissing
from sync.keys.keysets import Position
from web import access, logs, once

pages = Blueprint("keys", __name__, url_prefix="/keys")


@pages.get("")
@access.roles(ADMINISTRATOR)
def overview() -> str:
    """The key set in force, where the root is, and each hall's key."""
    return _overview({})


def _overview(errors: dict[str, str]) -> str:
    here = center()
    ring = here.keys.refresh()
    return render_template(
        "keys/overview.html",
        keys=ring.keys,
        signed=bool(ring.note),
        root=here.root,
        root_here=(here.data / "keys" / "root.key").exists(),
        sets=here.keys.history(),
        purposes=PURPOSES,
        chosen=request.form.getlist("rotate"),
        errors=errors,
        halls=[(hall, name, _last(here, hall)) for hall, name in hall_names(here).items()],
    )


@pages.post("/request")
@access.roles(ADMINISTRATOR)
def wish() -> tuple[str, int] | Response:
    """The key set to be signed where the root is, as a file; asking again gives the same."""
    here = center()
    try:
        asked = here.keys.wish(request.form.getlist("rotate"))
    except Invalid as wrong:
        return _overview(wrong.fields), 422
    logs.event("keys.requested", version=asked.version)
    name = f"keys-{asked.version}.txt"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(asked.text, content_type="text/plain; charset=utf-8", headers=headers)


@pages.post("/install")
@access.roles(ADMINISTRATOR)
def install() -> tuple[str, int] | Response:
    """Go by a key set that the root signed."""

    def effect() -> str:
        note = request.form.get("note", "").replace("\r\n", "\n").strip() + "\n"
        installed = rotation.install(center(), note.encode(), actor())
        logs.event("keys.installed", version=installed.version)
        return url_for("keys.overview")

    try:
        return once.answer_once(effect)
    except Invalid as wrong:
        return _overview(wrong.fields), 422
    except SyncError as wrong:
        said = f"这不是可以启用的密钥清单:不是由本中心的根密钥签名,或版本不衔接({wrong.code})"
        return _overview({"note": said}), 422
    except KeyMissing:
        said = "本机没有这份清单里的私钥。请在提出更换申请的那台机器上启用,或先拷来新的密钥文件"
        return _overview({"note": said}), 422


def _last(here: Center, hall: str) -> keybook.KeyRow | None:
    rows = keybook.keys_of(here, hall)
    return rows[-1] if rows else None


@pages.get("/<hall>")
@access.roles(ADMINISTRATOR)
def one(hall: str) -> str:
    """Every key a hall ever had, and the form that revokes the one in force."""
    return _page(hall, {})


def _page(hall: str, errors: dict[str, str]) -> str:
    here = center()
    name = hall_names(here).get(hall) or abort(404)
    rows = keybook.keys_of(here, hall)
    return render_template(
        "keys/hall.html",
        hall=hall,
        name=name,
        rows=rows,
        held=keybook.held_place(here, hall),
        errors=errors,
        given=request.values,
        can_revoke=bool(rows) and rows[-1].keys.revoked_at is None,
    )


@pages.get("/<hall>/revoke")
@access.roles(ADMINISTRATOR)
def confirm(hall: str) -> tuple[str, int] | str:
    """What will be revoked, before it is: the place, the reason, what it means."""
    here = center()
    name = hall_names(here).get(hall) or abort(404)
    try:
        place = place_of(keybook.held_place(here, hall))
        if not request.args.get("reason", "").strip():
            raise Invalid({"reason": "请写明吊销原因"})
    except Invalid as wrong:
        return _page(hall, wrong.fields), 422
    reason = request.args["reason"].strip()
    held = keybook.held_place(here, hall)
    return render_template(
        "keys/revoke.html", hall=hall, name=name, place=place, held=held, reason=reason
    )


def place_of(held: Position) -> Position:
    """The place in the request; what is held now when nothing is given.

    Raises:
        Invalid: not two whole numbers.
    """
    texts = (request.values.get("epoch", "").strip(), request.values.get("size", "").strip())
    if texts == ("", ""):
        return held
    if not all(text.isascii() and text.isdigit() and len(text) < 16 for text in texts):
        raise Invalid({"size": "卷号和条数都填整数，或都不填"})
    return int(texts[0]), int(texts[1])


@pages.post("/<hall>/revoke")
@access.roles(ADMINISTRATOR)
def revoke(hall: str) -> tuple[str, int] | Response:
    """Revoke the hall's keys above the place that the step before showed."""
    here = center()
    if hall not in hall_names(here):
        abort(404)

    def effect() -> str:
        if request.form.get("hall", "").strip().upper() != hall:
            raise Invalid({"": "请在确认页输入分厅编号，与要吊销的分厅一致才会执行"})
        place = place_of(keybook.held_place(here, hall))
        keybook.revoke(here, hall, place, (request.form.get("reason", ""), actor()))
        logs.event("hall.revoked", hall=hall, epoch=place[0], size=place[1])
        return url_for("keys.one", hall=hall)

    try:
        return once.answer_once(effect)
    except Invalid as wrong:
        return _page(hall, wrong.fields), 422
