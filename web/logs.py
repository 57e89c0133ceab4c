"""The log of a process: one JSON object a line, without personal data.

A line holds the route's rule, never the URL; a staff number, never a name; an error's type and
place, never its text, because texts carry values. Messages of other libraries are written without
their arguments for the same reason. JSON escapes every control character, so that no value can
forge a line.
"""

from __future__ import annotations

import json
import logging
import secrets
import sys
import time
import traceback
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path

from flask import Response, g, has_request_context, request

_log = logging.getLogger("onehall")
_OURS = "onehall"
_MOST_PLACES = 12


class JsonLines(logging.Formatter):
    """One record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "log": record.name,
            "event": str(record.msg),
        }
        if record.name.partition(".")[0] == _OURS:
            line["event"] = record.getMessage()
            line.update(getattr(record, "fields", {}))
        if record.exc_info and record.exc_info[1] is not None:
            line.update(_trouble(record.exc_info[1]))
        return json.dumps(line, ensure_ascii=True, default=lambda value: type(value).__name__)


def _trouble(error: BaseException) -> dict[str, object]:
    places = traceback.extract_tb(error.__traceback__)[-_MOST_PLACES:]
    chain: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(chain) < 5:
        chain.append(type(cause).__name__)
        cause = cause.__cause__ or cause.__context__
    return {
        "error": chain,
        "where": [f"{Path(p.filename).name}:{p.lineno}:{p.name}" for p in places],
    }


def set_up(path: Path | None = None, *, level: int = logging.INFO) -> None:
    """Send every log of this process to ``path`` (10 files of 10 MB, 0640), or to stderr."""
    outlet: logging.Handler
    if path is None:
        outlet = logging.StreamHandler(sys.stderr)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o640, exist_ok=True)
        outlet = RotatingFileHandler(
            path, maxBytes=10_000_000, backupCount=9, encoding="utf-8", delay=True
        )
    outlet.setFormatter(JsonLines())
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
        old.close()
    root.addHandler(outlet)
    root.setLevel(logging.WARNING)
    _log.setLevel(level)


def event(name: str, **fields: object) -> None:
    """Write one event of the product, e.g. ``sign-in.refused``; no personal data in ``fields``."""
    _log.info("%s", name, extra={"fields": {**_request_fields(), **fields}})


def failure(name: str, error: BaseException, **fields: object) -> None:
    """Write one error with its type and place; its text stays out, whoever formats the line."""
    _log.error("%s", name, extra={"fields": {**_request_fields(), **_trouble(error), **fields}})


def begin_request() -> None:
    """Give the request its number and starting time."""
    g.request_id = secrets.token_hex(6)
    g.begun = time.monotonic()


def end_request(answer: Response) -> Response:
    """Write the line of an answered request and tell the browser its number."""
    answer.headers["X-Request-Id"] = request_id()
    if not (request.endpoint or "").endswith("static"):
        took = round((time.monotonic() - g.get("begun", time.monotonic())) * 1000, 1)
        event("request", status=answer.status_code, ms=took)
    return answer


def request_id() -> str:
    """The number of this request, as the error page shows it."""
    if not has_request_context():
        return "-"
    found = g.get("request_id")
    return found if isinstance(found, str) else "-"


def _request_fields() -> dict[str, object]:
    if not has_request_context():
        return {}
    staff = g.get("staff")
    return {
        "request": request_id(),
        "method": request.method,
        "route": request.url_rule.rule if request.url_rule else None,
        "staff_no": staff.staff_no if staff is not None else None,
    }
