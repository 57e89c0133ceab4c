"""What people see when something is refused or breaks: one Chinese page, one JSON form.

Each says who can do what. A traceback, an SQL text or a value never leaves the process.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import dataclass, replace

from flask import Response, g, jsonify, make_response, render_template, request
from werkzeug.exceptions import HTTPException, InternalServerError, SecurityError

from standards.errors import Invalid
from sync.errors import DatabaseDamaged, DiskFull, RowRefused, StoreBusy, SyncError, Unwritable
from web import access, logs
from web.shell import Shell, shell


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """One answer to something refused: the page's words and the interface's word."""

    status: int
    rule: str
    heading: str
    advice: str
    detail: str


def _refusal(status: int, rule: str, heading: str, advice: str, detail: str) -> Refusal:
    return Refusal(status=status, rule=rule, heading=heading, advice=advice, detail=detail)


REFUSALS: Mapping[int, Refusal] = {
    refusal.status: refusal
    for refusal in (
        _refusal(400, "bad-request", "请求不完整或格式不对",
                 "请返回上一页重新操作；从本厅给出的网址打开。仍不行请告诉管理员下面的编号。",
                 "The request is malformed or was sent to a name this server does not have."),
        _refusal(401, "not-signed-in", "请先登录",
                 "登录已过期或已退出，刚才提交的内容没有保存。请登录后再做一次。",
                 "Sign in first."),
        _refusal(403, "not-allowed", "您没有这项操作的权限",
                 "如工作需要，请管理员在“人员账号”里给您相应岗位。",
                 "The signed-in person may not do this."),
        _refusal(404, "not-found", "没有找到这个页面或记录",
                 "可能已被移走或网址有误。请从上方菜单重新进入。",
                 "No such page or record."),
        _refusal(405, "method-not-allowed", "不能这样打开这个页面",
                 "请从上方菜单重新进入，不要直接输入或刷新这个网址。",
                 "This address does not take this method."),
        _refusal(413, "too-large", "提交的内容太大",
                 "没有保存任何内容。请减少文字或图片后重新提交；扫描件请降低分辨率。",
                 "The request is larger than this address accepts."),
        _refusal(415, "unsupported-type", "不支持这种内容类型",
                 "请用本页面的表单提交。", "Unsupported content type."),
        _refusal(431, "header-too-large", "请求头太大",
                 "请清除浏览器中本网站的 Cookie 后重试。", "The request header is too large."),
        _refusal(422, "invalid", "填写内容需要修改",
                 "没有保存任何内容。请按下面的提示修改后重新提交。",
                 "Some fields must be corrected."),
        _refusal(429, "too-many", "尝试次数过多",
                 "为安全起见请过几分钟再试；急用请管理员解除锁定。",
                 "Too many requests; try later."),
        _refusal(500, "broken", "系统出了故障",
                 "这次操作没有保存。请再试一次；仍不行请把下面的编号告诉管理员。",
                 "Something broke; nothing was saved."),
        _refusal(503, "unavailable", "系统暂时忙",
                 "这次操作没有保存。请等几秒再试；持续出现请找管理员。",
                 "Busy or read-only; try again later."),
        _refusal(507, "disk-full", "磁盘已满，不能保存",
                 "没有保存、没有产生编号。查询仍可使用。请立即通知管理员清理磁盘后再试。",
                 "The disk is full; nothing was saved. The administrator must free space."),
    )
}  # fmt: skip

_CROSS_ORIGIN = _refusal(
    403, "cross-origin", "这次提交不是从本系统页面发出的",
    "没有保存任何内容。请从本系统的页面重新操作；如未操作过，请告诉管理员。",
    "The request came from another site's page.",
)  # fmt: skip
_FORM_TOKEN = _refusal(
    403, "form-token", "这个页面已过时",
    "没有保存任何内容。可能中途重新登录过。请重新打开该页面再提交。",
    "The form token does not belong to this session.",
)  # fmt: skip
_READ_ONLY = _refusal(
    503, "read-only", "系统处于只读状态",
    "不能保存，查询仍可使用。请管理员检查数据目录的权限和磁盘。",
    "The database is read-only.",
)  # fmt: skip

_DAMAGED = _refusal(
    503, "database-damaged", "数据库文件已损坏，已停止写入",
    "这次操作没有保存，查询可能不完整。请管理员立即停机，按手册“数据库损坏了怎么办”恢复。",
    "The database file is damaged; nothing is written any more.",
)  # fmt: skip

_SYNC = _refusal(
    502, "sync", "与对方的数据交换没有成功",
    "本地业务不受影响，数据都在，稍后会自动再试。持续出现请把下面的编号告诉管理员。",
    "The exchange with the other side was refused.",
)  # fmt: skip


def wants_json() -> bool:
    """Whether the caller is a program: asks for JSON, sends JSON, or uses an interface path."""
    if request.path.startswith(("/api/", "/sync/")) or request.is_json:
        return True
    accepted = request.accept_mimetypes
    return accepted.best_match(["text/html", "application/json"]) == "application/json"


def answer(refusal: Refusal, fields: Mapping[str, str] | None = None) -> Response:
    """The answer to a refusal, as a page or as JSON (RFC 9457)."""
    shell().metrics.refused(refusal.rule)
    if wants_json():
        body: dict[str, object] = {
            "type": "about:blank",
            "title": refusal.rule,
            "status": refusal.status,
            "detail": refusal.detail,
            "request": logs.request_id(),
        }
        if fields:
            body["fields"] = dict(fields)
        made = jsonify(body)
        made.mimetype = "application/problem+json"
    else:
        made = make_response(_page(refusal, fields or {}))
    made.status_code = refusal.status
    return made


def _page(refusal: Refusal, fields: Mapping[str, str]) -> str:
    if isinstance(request.routing_exception, SecurityError):
        # Addresses cannot be built for a host that is not ours.
        return bare_page(refusal)
    try:
        return render_template(
            "error.html",
            refusal=refusal,
            fields=fields,
            number=logs.request_id(),
            advice=_advice(refusal),
        )
    except Exception as broken:
        logs.failure("error_page", broken)
        return bare_page(refusal)


def bare_page(refusal: Refusal) -> str:
    """The refusal without the shell around it, for where no template can be drawn."""
    return (
        '<!doctype html><html lang="zh-CN"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{refusal.heading}</title><h1>{refusal.heading}</h1><p>{refusal.advice}</p>"
        '<p><a href="/">回到首页</a></p>'
    )


def _advice(refusal: Refusal) -> str:
    needed = g.get("needed_roles")
    if refusal.rule == "not-allowed" and needed:
        names = access.names_of(shell().settings, needed)
        return f"这里需要“{names}”岗位。{refusal.advice}"
    return refusal.advice


def of_invalid(error: Exception) -> Response:
    """Fields a person has to correct: 422."""
    assert isinstance(error, Invalid)
    return answer(REFUSALS[422], error.fields)


def of_http(error: Exception) -> Response:
    """Whatever Flask or a view refused with a status."""
    assert isinstance(error, HTTPException)
    code = error.code or 500
    if code < 400:
        return _redirect(error)
    if isinstance(error, InternalServerError) and error.original_exception is not None:
        return of_anything(error.original_exception)
    made = answer(_by_status(code))
    for name, value in error.get_headers():
        if name.lower() in ("allow", "retry-after", "www-authenticate"):
            made.headers[name] = value
    retry = getattr(error, "retry_after", None)
    if retry is not None:
        made.headers["Retry-After"] = str(retry)
    return made


def _redirect(error: HTTPException) -> Response:
    made = error.get_response()
    assert isinstance(made, Response)
    return made


def _by_status(code: int) -> Refusal:
    special = {"cross-origin": _CROSS_ORIGIN, "form-token": _FORM_TOKEN}
    because = g.get("refused_because", "")
    if code == 403 and because in special:
        return special[because]
    if code in REFUSALS:
        return REFUSALS[code]
    return REFUSALS[400] if code < 500 else REFUSALS[500]


def of_sync(error: Exception) -> Response:
    """A refusal of the sync protocol: the JSON body that docs/wire.md promises, or a page."""
    assert isinstance(error, SyncError)
    logs.event("sync.refused", code=error.code)
    if not wants_json():
        return answer(replace(_SYNC, status=error.status))
    shell().metrics.refused(error.code)
    made = jsonify(error.answer())
    made.status_code = error.status
    if error.status in (429, 503):
        made.headers["Retry-After"] = str(error.facts.get("retry_after", 30))
    return made


def of_anything(error: BaseException) -> Response:
    """Everything else: a full disk is told from a fault, the rest is 500 with a number."""
    if any(isinstance(link, DatabaseDamaged) for link in _chain(error)):
        logs.failure("database_damaged", error)
        return answer(_DAMAGED)
    if _is_unwritable(error):
        logs.failure("read_only", error)
        return answer(_READ_ONLY)
    if is_disk_full(error):
        logs.failure("disk_full", error)
        return answer(REFUSALS[507])
    logs.failure("broken", error)
    if isinstance(error, RowRefused):
        # A U+0000 in an address or a form, or a key that another request took in the same moment.
        return answer(REFUSALS[400])
    busy = _sqlite_name(error).startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))
    if (
        busy
        or isinstance(error, StoreBusy | MemoryError)
        or _errno(error) in (errno.EMFILE, errno.ENFILE)
    ):
        made = answer(REFUSALS[503])
        made.headers["Retry-After"] = "5"
        return made
    return answer(REFUSALS[500])


def _is_unwritable(error: BaseException) -> bool:
    chain = _chain(error)
    fails = any(isinstance(link, Unwritable) for link in chain)
    return fails or _sqlite_name(error).startswith("SQLITE_READONLY")


def is_disk_full(error: BaseException | None) -> bool:
    """Whether the disk took no more, whichever layer noticed: store, SQLite, PostgreSQL, file."""
    for link in _chain(error):
        if isinstance(link, DiskFull) or _errno(link) in (errno.ENOSPC, errno.EDQUOT):
            return True
        if _sqlite_name(link) == "SQLITE_FULL" or getattr(link, "sqlstate", "") == "53100":
            return True
    return False


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        # SQLAlchemy keeps the driver's error in `orig`.
        error = getattr(error, "orig", None) or error.__cause__ or error.__context__
    return found


def _sqlite_name(error: BaseException) -> str:
    name = getattr(error, "sqlite_errorname", "") or getattr(
        getattr(error, "orig", None), "sqlite_errorname", ""
    )
    return str(name or "")


def _errno(error: BaseException) -> int | None:
    return error.errno if isinstance(error, OSError) else None


def register(app: Shell) -> None:
    """Put one handler on each family."""
    app.register_error_handler(Invalid, of_invalid)
    app.register_error_handler(SyncError, of_sync)
    app.register_error_handler(HTTPException, of_http)
    app.register_error_handler(Exception, of_anything)
