"""A small hall built with the shell exactly as a room of the product is built."""

from __future__ import annotations

from flask import Blueprint, render_template_string, request

from standards.errors import Invalid
from sync.errors import Gap, RowRefused, StoreBusy, TurnLost
from sync.storage.store import Database
from web import access, once
from web.accounts import Accounts, NewAccount
from web.app import create_shell
from web.moments import Clock
from web.shell import NavItem, Shell, ShellSettings, shell

ROLES = {
    "clerk": "窗口人员",
    "reviewer": "审批人员",
    "supervisor": "厅领导",
    "administrator": "管理员",
}

_PAGE = (
    '{% extends "shell.html" %}{% block content %}{{ text }}<form>{{ once() }}</form>{% endblock %}'
)


def _rooms(with_sign_in: bool) -> Blueprint:
    rooms = Blueprint("rooms", __name__)

    @rooms.get("/board")
    @access.public
    def board() -> str:
        return render_template_string(_PAGE, text=request.args.get("text", "叫号屏"))

    @rooms.post("/terminal/punch")
    @access.signed_by_other_means("the test's terminal names itself in a header")
    def punch() -> dict[str, object]:
        return {"taken": request.headers.get("X-Terminal", "")}

    @rooms.get("/break/<how>")
    @access.public
    def broken(how: str) -> str:
        raise {
            "fault": RuntimeError("身份证 110101199003070038 的记录坏了"),
            "invalid": Invalid({"phone": "手机号应为 11 位数字"}),
            "memory": MemoryError(),
            "gap": Gap("the batch leaves a gap", size=7),
            "space": OSError(28, "No space left on device"),
            "busy": StoreBusy("the database is out of reach"),
            "turn": TurnLost("another process was quicker"),
            "row": RowRefused("a text holds U+0000"),
        }[how]

    if with_sign_in:
        _counters(rooms)
    return rooms


def _counters(rooms: Blueprint) -> None:
    @rooms.get("/windows")
    @access.roles("clerk")
    def window() -> str:
        return render_template_string(_PAGE, text="收件窗口")

    @rooms.post("/windows")
    @access.roles("clerk")
    def take_in():
        def effect() -> str:
            shell().database.execute(
                "INSERT INTO taken (applicant) VALUES (:name)", name=request.form.get("name", "")
            )
            count = shell().database.query("SELECT count(*) AS n FROM taken")[0]["n"]
            return f"/windows?case={count}"

        return once.answer_once(effect)

    @rooms.post("/scans")
    @access.roles("clerk")
    @access.limits(body=4 * 1024 * 1024)
    def scan() -> str:
        return str(len(request.files["scan"].read()))

    @rooms.get("/review")
    @access.roles("reviewer", "supervisor")
    def review() -> str:
        return render_template_string(_PAGE, text="审批")


def build(database: Database, settings: ShellSettings, clock: Clock, *, password: str) -> Shell:
    """The test hall with one clerk, one reviewer and one administrator."""
    app = create_shell(__name__, database=database, settings=settings, title="测试", clock=clock)
    app.register_blueprint(_rooms(settings.sign_in))
    database.create(["CREATE TABLE IF NOT EXISTS taken (applicant TEXT)"])
    if settings.sign_in:
        app.add_navigation(
            NavItem(endpoint="rooms.window", label="窗口收件", roles=("clerk",)),
            NavItem(endpoint="rooms.review", label="审批", roles=("reviewer", "supervisor")),
        )
        _staff(database, clock, password)
    return app


def _staff(database: Database, clock: Clock, password: str) -> None:
    accounts = Accounts(database, clock)
    for number, (login, role) in enumerate(
        {"li": "clerk", "wang": "reviewer", "root": "administrator"}.items(), start=1
    ):
        if accounts.find(login) is None:
            new = NewAccount(
                login=login, staff_no=f"A{number:03}", display_name=f"测试{login}", roles=(role,)
            )
            accounts.create(new, password, must_change=False)
