"""Who may send a body beyond a listener's cap, told from its header before any of it is taken.

Only somebody who is signed in with a role of the view, for a view that declares a larger limit
(`access.limits`), and while the disk has room. The view itself checks everything again.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping

from werkzeug.exceptions import HTTPException
from werkzeug.http import parse_cookie

from web import logs
from web.access import Access, access_of, cookie_name
from web.listener import NO_ROOM, TOO_LARGE, Admits
from web.sessions import Sessions
from web.shell import Shell

# A body stands twice in temporary files: as it came, and taken out of its form.
_COPIES = 2
_LEFT_FREE = 512 * 1024 * 1024


def room_for_bodies() -> int:
    """Free bytes where bodies stand while they are worked on."""
    return shutil.disk_usage(tempfile.gettempdir()).free


def admits(app: Shell) -> Admits:
    """The check for an application's views."""

    def check(method: str, path: str, headers: Mapping[str, str], length: int) -> int:
        try:
            limit, declared = _declared(app, method, path)
            if length > limit or declared is None or not _may(app, declared, headers):
                return TOO_LARGE
            return 0 if room_for_bodies() > _COPIES * length + _LEFT_FREE else NO_ROOM
        except Exception as error:
            # It runs where every connection is served: nothing of it may end that.
            logs.failure("body.unchecked", error)
            return TOO_LARGE

    return check


def _declared(app: Shell, method: str, path: str) -> tuple[int, Access | None]:
    try:
        endpoint, _ = app.url_map.bind("localhost").match(path, method)
    except HTTPException:
        return 0, None
    view = app.view_functions[endpoint]
    limits = getattr(view, "limits", None)
    return (limits.body if limits else 0), access_of(view)


def _may(app: Shell, declared: Access, headers: Mapping[str, str]) -> bool:
    sessions: Sessions = app.extensions["onehall.sessions"]
    token = parse_cookie(headers.get("COOKIE", "")).get(cookie_name(app.settings), "")
    account = sessions.holder(token) if token and declared.kind == "roles" else None
    return account is not None and bool(declared.roles & set(account.roles))
