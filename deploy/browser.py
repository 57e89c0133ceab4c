"""A person at the pages without a browser: signs in, fills forms, follows redirects.

For the demo's sample data, its self-check and the benchmarks; it uses the pages exactly as they
are served, form tokens included, so that what it does a clerk could have done.
"""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

import requests

Files = list[tuple[str, tuple[str, bytes, str]]]


class Refused(Exception):
    """A page answered with something else than success; the text is what a person would read."""


class Form:
    """One form of a page: where it goes and what stands in it.

    ``choices`` are the values of its check boxes and radio buttons, ticked or not.
    """

    def __init__(self, action: str, method: str) -> None:
        self.action, self.method = action, method
        self.fields: list[tuple[str, str]] = []
        self.buttons: list[tuple[str, str]] = []
        self.names: set[str] = set()
        self.choices: dict[str, list[str]] = {}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[Form] = []
        self.text: list[str] = []
        self._form: Form | None = None
        self._area: str | None = None
        self._select: str | None = None
        self._chosen: str | None = None
        self._quiet = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        at = {name: value or "" for name, value in attrs}
        if tag in ("script", "style"):
            self._quiet += 1
        if tag == "form":
            self._form = Form(at.get("action", ""), at.get("method", "get").lower())
            self.forms.append(self._form)
        if self._form is not None:
            self._field(tag, at)

    def _field(self, tag: str, at: dict[str, str]) -> None:
        form, name = self._form, at.get("name", "")
        assert form is not None
        form.names.add(name)
        if tag == "button" or (tag == "input" and at.get("type") == "submit"):
            form.buttons.append((name, at.get("value", "")))
        elif tag == "input":
            is_choice = at.get("type") in ("checkbox", "radio")
            if is_choice:
                form.choices.setdefault(name, []).append(at.get("value", "on"))
            if name and at.get("type") != "file" and (not is_choice or "checked" in at):
                form.fields.append((name, at.get("value", "")))
        elif tag == "textarea":
            self._area = name
            form.fields.append((name, ""))
        elif tag == "select":
            self._select, self._chosen = name, None
        elif tag == "option" and (self._chosen is None or "selected" in at):
            self._chosen = at.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._quiet -= 1
        if tag == "form":
            self._form = None
        if tag == "textarea":
            self._area = None
        if tag == "select":
            if self._form is not None and self._select:
                self._form.fields.append((self._select, self._chosen or ""))
            self._select = None

    def handle_data(self, data: str) -> None:
        if self._area is not None and self._form is not None:
            self._form.fields[-1] = (self._area, self._form.fields[-1][1] + data)
        if not self._quiet and data.strip():
            self.text.append(data.strip())


class Page:
    """One answer: its address, words and forms."""

    def __init__(self, answer: requests.Response) -> None:
        self.url, self.status, self.html = answer.url, answer.status_code, answer.text
        reader = _Reader()
        reader.feed(answer.text)
        self.forms, self.words = reader.forms, " ".join(reader.text)

    def form(self, *names: str) -> Form:
        """The first form that has all these fields or buttons.

        Raises:
            Refused: no such form on this page.
        """
        for form in self.forms:
            if set(names) <= form.names | {n for n, _ in form.buttons}:
                return form
        raise Refused(f"no form with {names} at {self.url}: {self.words[:300]}")


class Person:
    """Somebody at a browser, with their own cookies (``session``)."""

    def __init__(self, base: str) -> None:
        self.base = base.rstrip("/")
        self.session = requests.Session()
        self.session.trust_env = False

    def open(self, path: str) -> Page:
        """Go to a page.

        Raises:
            Refused: not a success.
        """
        return self._seen(self.session.get(urljoin(self.base + "/", path), timeout=30))

    def submit(
        self, page: Page, form: Form, typed: dict[str, Any], files: Files | None = None
    ) -> Page:
        """Fill in a form and send it; a list stands for several ticks of one name.

        Args:
            files: (field, (file name, content, media type)) of each file chosen.

        Raises:
            Refused: not a success; the message holds the page's words.
        """
        values = [(n, v) for n, v in form.fields if n not in typed]
        for name, value in typed.items():
            values += [(name, v) for v in (value if isinstance(value, list) else [value])]
        url = urljoin(page.url, form.action) if form.action else page.url
        headers = {"Origin": self.base, "Sec-Fetch-Site": "same-origin"}
        answer = self.session.post(url, data=values, files=files, headers=headers, timeout=60)
        return self._seen(answer)

    def _seen(self, answer: requests.Response) -> Page:
        page = Page(answer)
        if answer.status_code >= 400:
            raise Refused(f"{answer.status_code} at {answer.url}: {page.words[:600]}")
        return page

    def sign_in(self, login: str, password: str) -> Page:
        """Sign in.

        Raises:
            Refused: wrong name or password.
        """
        page = self.open("/")
        return self.submit(page, page.form("password"), {"login": login, "password": password})
