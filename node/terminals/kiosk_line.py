"""Who speaks to the terminals' listener: every request is signed by the key of an approved kiosk.

Checks the signature over method, path, sorted query, digest, time and nonce, the time, and that
nothing is sent twice. What is refused is answered with a code, a sentence for the kiosk's screen
and the node's time. There is no token, cookie or session.
"""

from __future__ import annotations

import threading
from base64 import b64decode
from binascii import Error as NotBase64
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from hashlib import sha256
from typing import Final, TypeVar, cast

import msgspec
from flask import Response, current_app, jsonify, request

from attendance.errors import MESSAGES
from attendance.terminals.kiosk import NONCE, Asked, signed_text
from node.desk import hall
from node.hall import Hall
from node.terminals import terminal_keys, terminals
from node.terminals.device_keys import is_signed
from node.terminals.terminal_keys import DeviceKey
from web import access, logs

NONCES = "onehall.nonces"
SKEW: Final = timedelta(minutes=5)
NONCES_KEPT: Final = 2 * SKEW
_MOST_NONCES = 50_000

_MALFORMED = "签到机发来的内容不完整，请刷新页面再试；仍不行请找管理员。"
SENTENCES: Final = {
    "malformed": _MALFORMED,
    "digest": _MALFORMED,
    "nonce": "同一请求来了两次，签到机会自动重试。",
    "signature": "这台签到机的签名不对，请管理员重新配对。",
    "skew": "签到机的时钟与本厅主机相差超过5分钟，正在自动校准。",
    "unknown": "这台签到机没有配对，请管理员给出配对码。",
    "pending": "等待管理员核对六个词并批准。",
    "refused": "管理员没有批准这台签到机。请重新取配对码。",
    "retired": "这台签到机已换用新密钥或新机器，请重新配对。",
    "revoked": "这台签到机已被停用，请管理员给出配对码。",
    "quarantined": "这台签到机的数据可能被复制过，已隔离。请管理员重新配对。",
    "clone": "这台签到机的数据可能被复制过，已隔离。请管理员重新配对。",
    "code": "配对码不对、已用过或已过期，请管理员重新给出配对码。",
    "too_many": "尝试次数过多，请过几分钟再试，或请督导代签。",
    "frame_too_large": "画面文件太大，请刷新页面再试；仍不行请找管理员。",
    "session": "这次签到已结束，请重新开始。",
    "busy": "本厅主机正忙，签到机会自动重试。",
}


class Refused(Exception):
    """A request that is not answered with what it asked for; ``code`` names a sentence."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


def told(error: Exception) -> Response:
    """A refusal as its sender reads it."""
    assert isinstance(error, Refused)
    message = SENTENCES.get(error.code) or MESSAGES[error.code]
    made = jsonify(
        outcome="refused", code=error.code, message=message, server_time=hall().clock.stamp()
    )
    made.status_code = error.status
    if error.status in (429, 503):
        made.headers["Retry-After"] = "1" if error.status == 503 else "600"
    logs.event("kiosk.refused", code=error.code)
    return made


class Nonces:
    """What was sent in the last ten minutes; before the start of this process nothing counts.

    Args:
        started: a request signed earlier may have been seen by the process before this one.
    """

    def __init__(self, started: datetime) -> None:
        self.started = started
        self._lock = threading.Lock()
        self._seen: OrderedDict[tuple[str, str], datetime] = OrderedDict()

    def is_new(self, key_id: str, nonce: str, now: datetime) -> bool:
        """Note a nonce; False when this key has used it already."""
        with self._lock:
            while self._seen and (
                next(iter(self._seen.values())) < now - NONCES_KEPT
                or len(self._seen) >= _MOST_NONCES
            ):
                self._seen.popitem(last=False)
            if (key_id, nonce) in self._seen:
                return False
            self._seen[key_id, nonce] = now
            return True


@dataclass(frozen=True)
class Caller:
    """Whoever signed this request."""

    key: DeviceKey
    name: str

    @property
    def terminal(self) -> str:
        """Id of the terminal."""
        return self.key.terminal


View = TypeVar("View", bound=Callable[..., Response])


def signed(view: View) -> View:
    """The view is for approved kiosks; it is given the `Caller` first."""

    @wraps(view)
    def checked(*args: object, **kw: object) -> Response:
        found = caller()
        if found.key.state != "approved":
            _note_ended(hall(), found)
            raise Refused(403, found.key.state)
        return view(found, *args, **kw)

    reason = "the signature of an approved kiosk over method, path, query, digest, time and nonce"
    return cast(View, access.signed_by_other_means(reason)(checked))


def signed_by_any_key(view: View) -> View:
    """The same for keys that wait for approval or have ended: they may ask how they stand."""

    @wraps(view)
    def checked(*args: object, **kw: object) -> Response:
        return view(caller(), *args, **kw)

    reason = "the signature of a kiosk's key, also one that waits for approval"
    return cast(View, access.signed_by_other_means(reason)(checked))


def caller() -> Caller:
    """Who sent this request, with a key in whatever state.

    Raises:
        Refused: not proven.
    """
    here, body = hall(), request.get_data()
    asked = _asked()
    key = terminal_keys.device_key(here, asked.device, asked.key)
    if key is None:
        raise Refused(401, "unknown")
    signature = unbase64(request.headers.get("Hall-Signature", ""))
    well_named = NONCE.fullmatch(asked.nonce) is not None
    if not well_named or not is_signed(key.public, signature, signed_text(asked)):
        raise Refused(401, "signature")
    if asked.digest != digest_of(body):
        raise Refused(400, "digest")
    _check_time(here, asked.time)
    if not _nonces().is_new(key.key_id, asked.nonce, here.clock.now()):
        raise Refused(401, "nonce")
    return _seen(here, key)


def _asked() -> Asked:
    """This request, as its sender must have signed it."""
    given = request.headers.get
    return Asked(
        method=request.method,
        path=request.path,
        query=request.query_string.decode("latin-1"),
        digest=given("Content-Digest", ""),
        device=given("Hall-Device", ""),
        key=given("Hall-Key", ""),
        time=given("Hall-Time", ""),
        nonce=given("Hall-Nonce", ""),
    )


def _check_time(here: Hall, told_time: str) -> None:
    try:
        sent = datetime.fromisoformat(told_time)
        apart = abs(sent - here.clock.now())
    except (ValueError, TypeError) as wrong:
        raise Refused(401, "skew") from wrong
    if apart > SKEW or sent < _nonces().started:
        raise Refused(401, "skew")


def _seen(here: Hall, key: DeviceKey) -> Caller:
    known = terminals.terminal(here, key.terminal)
    assert known is not None
    if key.state == "approved":
        terminals.note_seen(here, known)
    return Caller(key, known.name)


def _note_ended(here: Hall, found: Caller) -> None:
    if found.key.state == "revoked":
        terminals.raise_alarm(here, found.terminal, "revoked_used", request.remote_addr or "")
        logs.event("terminal.revoked_used", terminal=found.terminal)


def _nonces() -> Nonces:
    return cast(Nonces, current_app.extensions[NONCES])


def digest_of(body: bytes) -> str:
    """The ``Content-Digest`` that belongs to a body."""
    return f"sha-256={sha256(body).hexdigest()}"


def unbase64(text: str) -> bytes:
    """The bytes, or none where it is no base64."""
    try:
        return b64decode(text, validate=True)
    except (NotBase64, ValueError):
        return b""


Body = TypeVar("Body", bound=msgspec.Struct)


def body_as(kind: type[Body]) -> Body:
    """The JSON body of this request.

    Raises:
        Refused: not JSON, or not of this form.
    """
    if not request.is_json:
        raise Refused(415, "malformed")
    try:
        return msgspec.json.decode(request.get_data(), type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as wrong:
        raise Refused(400, "malformed") from wrong
