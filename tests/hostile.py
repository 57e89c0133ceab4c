"""What somebody may type into any address or form, sent to every route of an application."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect, Rule

MARK = "<script>alert(7)</script>"
TYPED = (
    f"'\">{MARK}' OR 1=1; DROP TABLE log; --%_",
    "../../../etc/passwd\r\nSet-Cookie: a=b\x00",
    "9" * 30,
    "9999-12-31",
    "0001-01",
)
_ASKED = re.compile(r"request\.(?:args|form|values)\.get(?:list)?\(\s*f?\"([\w{}-]+)\"")
_LINK = re.compile(r"(?:href|data-refresh|action)=\"(/[^\"#]*)")
_STATIC = ("static",)
# A form that is sent here as it stands would end the walk.
_OWN = ("signin.", "staff.")


class Walk:
    """Somebody with every role, who types whatever he likes.

    Args:
        site: the address of the application; token: the form token of the session.
    """

    def __init__(self, app: Flask, client: FlaskClient, site: str, token: str) -> None:
        self.app, self.client, self.site, self.token = app, client, site, token
        self.broken: list[str] = []
        self.sent = 0

    def pages(self) -> dict[str, str]:
        """Endpoint -> an address of it that a page leads to."""
        found: dict[str, str] = {}
        todo = ["/"]
        while todo:
            path = todo.pop()
            endpoint = self._endpoint(path)
            if endpoint is None or endpoint in found or endpoint.endswith(_STATIC):
                continue
            found[endpoint] = path
            if not endpoint.startswith("signin.sign_out"):
                todo += _LINK.findall(self._get(path).replace("&amp;", "&"))
        return found

    def _endpoint(self, path: str) -> str | None:
        adapter = self.app.url_map.bind(urlsplit(self.site).netloc)
        for method in ("GET", "POST"):
            try:
                return str(adapter.match(urlsplit(path).path, method)[0])
            except (HTTPException, RequestRedirect):
                continue
        return None

    def _get(self, path: str) -> str:
        answer = self.client.get(path, base_url=self.site)
        is_page = answer.mimetype == "text/html"
        text = answer.get_data(as_text=True) if is_page else ""
        answer.close()
        if answer.status_code >= 500 or MARK in text:
            self.broken.append(f"GET {path}: {answer.status_code}")
        return text

    def everywhere(self) -> None:
        """Each text in each variable of a path, each parameter and each field of a form."""
        pages = self.pages()
        for rule in self.app.url_map.iter_rules():
            if rule.endpoint.endswith(_STATIC) or rule.endpoint.startswith("signin.sign_out"):
                continue
            for typed in TYPED:
                self._send(rule, path_of(rule, typed), {}, typed)
                if rule.endpoint in pages and not rule.endpoint.startswith(_OWN):
                    path = urlsplit(pages[rule.endpoint]).path
                    for name in names_of(self.app.view_functions[rule.endpoint]):
                        self._send(rule, path, {name: typed}, typed)

    def _send(self, rule: Rule, path: str, given: dict[str, str], typed: str) -> None:
        for method in sorted((rule.methods or set()) & {"GET", "POST"}):
            self.sent += 1
            more: dict[str, Any] = {"query_string": given}
            if method == "POST":
                data = MultiDict(
                    {"csrf": self.token, "once": f"a-form-key-{self.sent:09}", **given}
                )
                more = {"data": data, "headers": {"Origin": self.site}}
            answer = self.client.open(path, method=method, base_url=self.site, **more)
            body = answer.get_data(as_text=True) if answer.mimetype == "text/html" else ""
            if (
                answer.status_code >= 500
                or MARK in body
                or "Set-Cookie: a=b" in str(answer.headers)
            ):
                self.broken.append(f"{method} {path} {given}: {answer.status_code}")
            answer.close()


def names_of(view: Any) -> Iterator[str]:
    """The parameters and fields that the module of a view looks at."""
    source = inspect.getsource(inspect.getmodule(inspect.unwrap(view)))  # type: ignore[arg-type]
    for name in sorted(set(_ASKED.findall(source))):
        yield re.sub(r"{[^}]*}", "0", name)


def path_of(rule: Rule, typed: str) -> str:
    """The path of a route with a text in each of its variables."""
    path = re.sub(r"<int:\w+>", "9" * 30, rule.rule)
    path = re.sub(r"<uuid:\w+>", "00000000-0000-7000-8000-000000000000", path)
    return re.sub(r"<[^>]+>", quote(typed, safe=""), path)
