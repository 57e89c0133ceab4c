"""The center behind the current request, the roles of its staff, and who acts.

The pages' only way to the :class:`aggregator.center.Center`. Holds no rule and no page.
"""

from __future__ import annotations

import re

from flask import current_app

from aggregator.center import Center
from standards.errors import Invalid
from web import access

RECONCILER = "reconciler"
EDITOR = "standards_editor"
CHECKER = "standards_checker"
PUBLISHER = "standards_publisher"
INSPECTOR = "inspector"
ADMINISTRATOR = "administrator"

ROLES = {
    RECONCILER: "对账员",
    EDITOR: "标准起草",
    CHECKER: "标准审核",
    PUBLISHER: "标准发布",
    INSPECTOR: "督查员",
    ADMINISTRATOR: "管理员",
}

EXTENSION = "center"

# As `standards.records.wording.StaffNo` asks: every hall must be able to read the record.
_ACTOR = re.compile(r"[A-Z0-9-]{2,20}")


def center() -> Center:
    """The center of the current application."""
    found = current_app.extensions[EXTENSION]
    assert isinstance(found, Center)
    return found


def actor() -> str:
    """Staff number of the signed-in person, as records carry it.

    Raises:
        Invalid: the account's number cannot stand in a record; an administrator can mend it.
    """
    number = access.current_staff().staff_no.upper()
    if not _ACTOR.fullmatch(number):
        raise Invalid({"": "您账号的工号不符合规则（2至20位大写字母、数字、横线），请管理员更正"})
    return number
