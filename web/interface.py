"""The JSON interface for other systems: read-only lists, and their description made from the types.

A `Listing` names its items' type once: what is answered is encoded from it and the description
(OpenAPI 3.1) is generated from it, so that the two cannot differ. Personal fields have no place in
any item. Knows no list; each application gives its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from flask import Blueprint, Response, g, request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, Unauthorized

from standards.errors import Invalid
from web import logs
from web.access import public, signed_by_other_means
from web.api_tokens import ApiTokens
from web.shell import Shell, shell

PREFIX = "/api/v1"
MOST = 200
TOKENS = "onehall.api_tokens"
LISTINGS = "onehall.api_listings"
_LIMIT = re.compile(r"[1-9][0-9]{0,2}")
_AFTER = re.compile(r"[A-Za-z0-9._-]{1,80}")
Item = msgspec.Struct


class Problem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A refusal (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    request: str
    fields: dict[str, str] = msgspec.field(default_factory=dict)


@dataclass(frozen=True)
class Listing:
    """One list of the interface.

    Args:
        name: last part of its address, and the scope that a token needs.
        label: what pages call it; summary: for the description.
        item: the type of one item; its first field is the key by which pages go on.
        read: items after a key (empty: from the first), in the order of the key, so many at most.
    """

    name: str
    label: str
    summary: str
    item: type[Item]
    read: Callable[[str, int], Sequence[Item]]


def interface(app: Shell, listings: Sequence[Listing]) -> None:
    """Give an application its JSON interface."""
    pages = Blueprint("interface", __name__, url_prefix=PREFIX)
    document = msgspec.json.encode(openapi(listings, str(app.config["TITLE"])))

    @public
    def openapi_json() -> Response:
        """The description; it says nothing of what the lists hold."""
        return Response(document, content_type="application/json")

    pages.add_url_rule("/openapi.json", "openapi", openapi_json, methods=["GET"])
    for one in listings:
        pages.add_url_rule(f"/{one.name}", one.name, _view(one), methods=["GET"])
    app.extensions[TOKENS] = ApiTokens(app.database, app.clock)
    app.extensions[LISTINGS] = {one.name: one.label for one in listings}
    app.register_blueprint(pages)


def _view(listing: Listing) -> Callable[[], Response]:
    @signed_by_other_means("bearer token of the JSON interface, checked by scope and end")
    def view() -> Response:
        _check_token(listing.name)
        after, limit = _asked()
        # One more than asked for tells whether there is a next page.
        found = list(listing.read(after, limit + 1))
        shown = found[:limit]
        following = _key(shown[-1]) if len(found) > limit else None
        answer = {"items": shown, "next": following}
        return Response(msgspec.json.encode(answer), content_type="application/json")

    return view


def _key(item: Item) -> str:
    return str(getattr(item, item.__struct_fields__[0]))


def _check_token(scope: str) -> None:
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    tokens: ApiTokens = shell().extensions[TOKENS]
    token = tokens.find(secret.strip()) if kind.lower() == "bearer" else None
    if token is None:
        logs.event("api.unknown_token")
        raise Unauthorized(www_authenticate=WWWAuthenticate("bearer", {"realm": "onehall"}))
    if scope not in token.scopes:
        logs.event("api.scope_refused", token=token.id, scope=scope)
        raise Forbidden()
    g.api_token = token.id


def _asked() -> tuple[str, int]:
    wrong = {
        name: "未知或重复的参数"
        for name, values in request.args.lists()
        if name not in ("after", "limit") or len(values) > 1
    }
    after, limit = request.args.get("after"), request.args.get("limit", "50")
    if after is not None and not _AFTER.fullmatch(after):
        wrong["after"] = "应为上一页给出的 next"
    if not _LIMIT.fullmatch(limit) or int(limit) > MOST:
        wrong["limit"] = f"应为1至{MOST}的整数"
    if wrong:
        raise Invalid(wrong)
    return after or "", int(limit)


# --- the description ----------------------------------------------------------------------------


def openapi(listings: Sequence[Listing], title: str) -> dict[str, Any]:
    """The OpenAPI document of these lists."""
    pages = {one.name: _page_type(one) for one in listings}
    types = [*pages.values(), Problem]
    schemas, components = msgspec.json.schema_components(
        types, ref_template="#/components/schemas/{name}"
    )
    by_name = dict(zip([*pages, "problem"], schemas, strict=True))
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": "1"},
        "paths": {f"{PREFIX}/{one.name}": {"get": _operation(one, by_name)} for one in listings},
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _page_type(listing: Listing) -> type[Item]:
    fields: list[Any] = [("items", list[listing.item]), ("next", str | None)]  # type: ignore[name-defined]
    return msgspec.defstruct(f"{listing.item.__name__}Page", fields)


def _operation(listing: Listing, schemas: Mapping[str, Any]) -> dict[str, Any]:
    refusals = {
        "401": "No token, or one that is unknown, ended or revoked.",
        "403": "A token for other lists.",
        "422": "A parameter that is unknown or out of its bounds; `fields` names it.",
        "503": "Busy; try again later.",
    }
    answers: dict[str, Any] = {
        status: {
            "description": said,
            "content": {"application/problem+json": {"schema": schemas["problem"]}},
        }
        for status, said in refusals.items()
    }
    answers["401"]["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}
    content = {"application/json": {"schema": schemas[listing.name]}}
    answers["200"] = {"description": "One page.", "content": content}
    return {
        "operationId": listing.name,
        "summary": listing.summary,
        "security": [{"token": []}],
        "parameters": [
            _parameter("after", "`next` of the page before.", {
                "type": "string", "pattern": f"^{_AFTER.pattern}$"}),
            _parameter("limit", "Items of a page.", {
                "type": "integer", "minimum": 1, "maximum": MOST, "default": 50}),
        ],
        "responses": answers,
    }  # fmt: skip


def _parameter(name: str, said: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": said, "schema": schema}
