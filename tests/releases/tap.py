"""What goes over the wire between a node and a center, kept request by request."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http.client import HTTPConnection
from io import BytesIO
from typing import Any

from web.listener import WsgiApp

# What the wire's document speaks of; a connection has other headers of its own.
_ASKED = ("CONTENT_TYPE", "HTTP_CONTENT_DIGEST", "HTTP_SIGNATURE", "HTTP_SIGNATURE_INPUT")
_ANSWERED = ("Content-Type", "OneHall", "Retry-After")


@dataclass(frozen=True)
class Passed:
    """One request and its answer, whole."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    status: int
    answer_headers: dict[str, str]
    answer: bytes

    def again(self, port: int) -> tuple[int, dict[str, str], bytes]:
        """Send the same bytes to a center of today; status, headers and body of its answer.

        Names of headers are in lower case.
        """
        line = HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            line.request(self.method, self.target, self.body or None, self.headers)
            answer = line.getresponse()
            named = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, named, answer.read()
        finally:
            line.close()


class Tap:
    """A WSGI application around another one that keeps what passes."""

    def __init__(self, app: WsgiApp) -> None:
        self._app = app
        self.passed: list[Passed] = []

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = BytesIO(body)
        told: list[Any] = []

        def begin(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            told[:] = [status, headers]
            return start(status, headers, *rest)

        answer = b"".join(self._app(environ, begin))
        headers = {
            name.removeprefix("HTTP_").replace("_", "-").title(): environ[name]
            for name in _ASKED
            if environ.get(name)
        }
        said = {name: value for name, value in told[1] if name in _ANSWERED}
        self.passed.append(
            Passed(
                *(environ["REQUEST_METHOD"], environ["REQUEST_URI"], headers, body),
                *(int(told[0].split()[0]), said, answer),
            )
        )
        return [answer]


def written(passed: Iterable[Passed]) -> bytes:
    """Requests and answers as they are kept in a file."""
    rows = [{**vars(one), "body": _text(one.body), "answer": _text(one.answer)} for one in passed]
    return json.dumps(rows, indent=1).encode()


def read(raw: bytes) -> list[Passed]:
    """The other way."""
    return [
        Passed(**{**row, "body": b64decode(row["body"]), "answer": b64decode(row["answer"])})
        for row in json.loads(raw)
    ]


def _text(raw: bytes) -> str:
    return b64encode(raw).decode()
