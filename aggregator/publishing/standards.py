"""标准管理: the guides in force, drafts of new versions, and their way to publication.

Shows and edits; what may follow what is decided in ``aggregator.publishing.drafts``, what is right
in a guide in ``standards.guide_rules``.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec
from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from aggregator.office import CHECKER, EDITOR, PUBLISHER, actor, center
from aggregator.publishing import drafts, guide_form
from aggregator.publishing.drafts import Draft
from aggregator.publishing.guide_words import read_json
from standards.errors import Invalid
from standards.guide_codes import ItemClass
from standards.guide_elements import CATALOGUE_ID, ELEMENTS, EXTRAS
from standards.guide_rules import RULES
from standards.guides import LARGEST_GUIDE, Guide, encode_guide
from standards.records import GuidePublished
from standards.shelf import Shelf
from web import access, once, page

pages = Blueprint("guides", __name__, url_prefix="/standards")

PAGE_SIZE = 50
STATUS = {"": "全部", "unverified": "未核对", "verified": "已核对", "closed": "已停办"}
ASKS = {rule.code: rule.asks for rule in RULES}


# --- reading --------------------------------------------------------------------------------------


@pages.get("")
@access.anyone_signed_in
def listing() -> str:
    """Every item in its newest version; searched by words, department, class and state."""
    shelf = center().shelf()
    wanted = {name: request.args.get(name, "").strip() for name in ("q", "department", "class")}
    wanted["status"] = request.args.get("status", "")
    found = [guide for guide in shelf.current() if _matches(guide, wanted)]
    found.sort(key=lambda guide: (guide.department, guide.task_name))
    number = page.page_number()
    return render_template(
        "standards/list.html",
        guides=found[(number - 1) * PAGE_SIZE : number * PAGE_SIZE],
        total=len(found),
        number=number,
        page_count=-(-len(found) // PAGE_SIZE),
        wanted=wanted,
        departments=sorted({guide.department for guide in shelf.current()}),
        classes=guide_form.choices_of(ItemClass),
        statuses=STATUS,
        open_drafts=_open_drafts(),
        size=shelf.size,
    )


def _matches(guide: Guide, wanted: dict[str, str]) -> bool:
    status = wanted["status"]
    fits = {
        "unverified": not guide.verified,
        "verified": guide.verified,
        "closed": not guide.open_on(center().clock.today()),
    }.get(status, True)
    words = wanted["q"].lower().split()
    text = f"{guide.task_name} {guide.item} {guide.department} {guide.catalog_code}".lower()
    return (
        fits
        and all(word in text for word in words)
        and wanted["department"] in ("", guide.department)
        and wanted["class"] in ("", guide.item_class.value)
    )


def _open_drafts() -> dict[str, Any]:
    rows = [*drafts.listed(center(), "draft"), *drafts.listed(center(), "checked")]
    return {row["item"]: row for row in rows}


@pages.get("/items/<item>")
@access.anyone_signed_in
def item(item: str) -> str:
    """One version of a guide with its 36 elements and their maintainers."""
    shelf = center().shelf()
    number = request.args.get("version", "")
    published = _published(shelf, item, int(number) if number.isdecimal() else None)
    return render_template(
        "standards/item.html",
        published=published,
        guide=published.guide,
        latest=shelf.latest[item],
        versions=_versions(shelf, item),
        elements=ELEMENTS,
        extras=EXTRAS,
        catalogue=CATALOGUE_ID,
        label_of=guide_form.label_of,
        shapes=guide_form.shapes(),
        columns=guide_form.COLUMNS,
        filled=guide_form.filled(published.guide),
        drafts=drafts.listed(center(), item=item, most=10),
        states=drafts.STATES,
    )


def _published(shelf: Shelf, item: str, version: int | None) -> GuidePublished:
    found = shelf.guides.get((item, version or shelf.latest.get(item, 0)))
    if found is None:
        raise NotFound()
    return found


def _versions(shelf: Shelf, item: str) -> list[GuidePublished]:
    return sorted((p for (i, _), p in shelf.guides.items() if i == item), key=lambda p: -p.version)


# --- drafting -------------------------------------------------------------------------------------


@pages.get("/drafts")
@access.anyone_signed_in
def draft_listing() -> str:
    """Drafts and what waits for whom."""
    return render_template(
        "standards/drafts.html",
        drafts=drafts.listed(center(), request.args.get("state", "")),
        state=request.args.get("state", ""),
        states=drafts.STATES,
        shelf=center().shelf(),
    )


@pages.post("/drafts")
@access.roles(EDITOR)
def begin() -> Response:
    """Begin a new version of an item, or a new item after the pattern of an existing one."""

    def effect() -> str:
        here, shelf = center(), center().shelf()
        guide = _published(shelf, request.form.get("item", ""), None).guide
        new_item = request.form.get("new_item", "").strip()
        if new_item:
            guide = _as_new_item(shelf, guide, new_item)
        draft_id = drafts.begin(here, guide, actor())
        return url_for("guides.edit", draft_id=draft_id)

    return once.answer_once(effect)


def _as_new_item(shelf: Shelf, pattern: Guide, new_item: str) -> Guide:
    if new_item in shelf.latest:
        raise Invalid({"new_item": "这个事项编码已经在用，请直接起草它的新版本"})
    text = encode_guide(msgspec.structs.replace(pattern, version=1, verified=False)).decode()
    plain = json.loads(text)
    plain["item"] = new_item
    return read_json(json.dumps(plain, ensure_ascii=False), new_item)


@pages.get("/drafts/<draft_id>")
@access.anyone_signed_in
def draft(draft_id: str) -> str:
    """A draft beside the version in force: what changes, what the rules say, the next step."""
    return _draft_page(_draft(draft_id), {})


def _draft(draft_id: str) -> Draft:
    found = drafts.find(center(), draft_id)
    if found is None:
        raise NotFound()
    return found


def _draft_page(found: Draft, errors: dict[str, str]) -> str:
    shelf = center().shelf()
    against = found.version - 1 if found.state == "published" else shelf.latest.get(found.item, 0)
    before = shelf.guides.get((found.item, against))
    return render_template(
        "standards/draft.html",
        draft=found,
        breaches=drafts.breaches_of(center(), found),
        asks=ASKS,
        changes=drafts.differences(before.guide if before else None, found.guide),
        against=against,
        label_of=guide_form.label_of,
        labels={**EXTRAS},
        maintainers=guide_form.maintainers(),
        states=drafts.STATES,
        me=access.current_staff().staff_no.upper(),
        errors=errors,
    )


@pages.get("/drafts/<draft_id>/edit")
@access.roles(EDITOR)
def edit(draft_id: str) -> str | Response:
    """The draft as a form of every field."""
    found = _draft(draft_id)
    if found.state != "draft":
        return redirect(url_for("guides.draft", draft_id=draft_id), 303)
    return _edit_page(found, guide_form.filled(found.guide), found.revision, {})


def _edit_page(
    found: Draft, values: dict[str, Any], revision: int | str, errors: dict[str, str]
) -> str:
    named = {name for _, names in guide_form.SECTIONS for name in names}
    rest = tuple(name for name in guide_form.shapes() if name not in named)
    return render_template(
        "standards/edit.html",
        draft=found,
        values=values,
        revision=revision,
        errors=errors,
        sections=(*guide_form.SECTIONS, ("其余要素", rest)),
        shapes=guide_form.shapes(),
        columns=guide_form.COLUMNS,
        label_of=guide_form.label_of,
        maintainers=guide_form.maintainers(),
        spare=guide_form.SPARE_ROWS,
    )


@pages.post("/drafts/<draft_id>/edit")
@access.roles(EDITOR)
@access.limits(body=1024 * 1024, fields=6000)
def save(draft_id: str) -> tuple[str, int] | Response:
    """Keep the form; every mistake is shown at once and nothing of it is kept."""
    found = _draft(draft_id)
    values = guide_form.typed_values(request.form)
    revision = request.form.get("revision", "")
    try:
        guide = guide_form.read_guide(values, found.item, found.guide)
        return _save_once(draft_id, revision, guide)
    except Invalid as wrong:
        return _edit_page(found, values, revision, wrong.fields), 422


def _save_once(draft_id: str, revision: str, guide: Guide) -> Response:
    def effect() -> str:
        drafts.save(center(), draft_id, _number(revision), guide, actor())
        return url_for("guides.draft", draft_id=draft_id)

    return once.answer_once(effect)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1


@pages.get("/drafts/<draft_id>/json")
@access.roles(EDITOR)
def edit_json(draft_id: str) -> str | Response:
    """The whole guide as JSON, for what is quicker to paste."""
    found = _draft(draft_id)
    if found.state != "draft":
        return redirect(url_for("guides.draft", draft_id=draft_id), 303)
    return _json_page(found, _pretty(found.guide), found.revision, {})


def _pretty(guide: Guide) -> str:
    return msgspec.json.format(encode_guide(guide), indent=2).decode()


def _json_page(found: Draft, text: str, revision: int | str, errors: dict[str, str]) -> str:
    return render_template(
        "standards/json.html",
        draft=found,
        text=text,
        revision=revision,
        errors=errors,
        largest=LARGEST_GUIDE,
    )


@pages.post("/drafts/<draft_id>/json")
@access.roles(EDITOR)
def save_json(draft_id: str) -> tuple[str, int] | Response:
    """Keep the JSON when it is a guide of this item."""
    found = _draft(draft_id)
    text, revision = request.form.get("json", ""), request.form.get("revision", "")
    try:
        return _save_once(draft_id, revision, read_json(text, found.item))
    except Invalid as wrong:
        return _json_page(found, text, revision, wrong.fields), 422


# --- the three steps ------------------------------------------------------------------------------


@pages.post("/drafts/<draft_id>/check")
@access.roles(CHECKER)
def check(draft_id: str) -> tuple[str, int] | Response:
    """审核通过."""
    return _step(draft_id, lambda revision: drafts.check(center(), draft_id, revision, actor()))


@pages.post("/drafts/<draft_id>/send-back")
@access.roles(CHECKER, PUBLISHER)
def send_back(draft_id: str) -> tuple[str, int] | Response:
    """退回修改."""
    remark = request.form.get("remark", "")
    return _step(draft_id, lambda revision: drafts.send_back(center(), draft_id, revision, remark))


@pages.post("/drafts/<draft_id>/drop")
@access.roles(EDITOR)
def drop(draft_id: str) -> tuple[str, int] | Response:
    """作废."""
    return _step(draft_id, lambda revision: drafts.drop(center(), draft_id, revision))


@pages.post("/drafts/<draft_id>/publish")
@access.roles(PUBLISHER)
def publish(draft_id: str) -> tuple[str, int] | Response:
    """发布: every hall fetches the new version at its next contact."""
    return _step(draft_id, lambda revision: drafts.publish(center(), draft_id, revision, actor()))


def _step(draft_id: str, take: Any) -> tuple[str, int] | Response:
    found = _draft(draft_id)
    revision = _number(request.form.get("revision", ""))

    def effect() -> str:
        take(revision)
        return url_for("guides.draft", draft_id=draft_id)

    try:
        return once.answer_once(effect)
    except Invalid as wrong:
        return _draft_page(found, wrong.fields), 422
