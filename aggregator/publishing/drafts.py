"""起草、审核、发布: the life of one new version of a guide, from draft to publication.

Three steps, each with who and when. Whoever wrote in a draft neither checks nor publishes it, and
nothing passes while a rule of the guide checker is breached. Drafts are local to the center; what
is published goes into the standards log. Knows no Flask.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec

from aggregator.center import Center
from standards.errors import Invalid
from standards.guide_rules import Breach, check_guide
from standards.guides import Guide, decode_guide, encode_guide
from standards.records import GuidePublished
from sync.entries import new_id
from sync.storage.store import Row

DDL = (
    """CREATE TABLE IF NOT EXISTS guide_draft (
        id TEXT PRIMARY KEY, item TEXT NOT NULL, state TEXT NOT NULL, revision INTEGER NOT NULL,
        based_on INTEGER NOT NULL, guide TEXT NOT NULL, authors TEXT NOT NULL,
        drafted_by TEXT NOT NULL, drafted_at TEXT NOT NULL, checked_by TEXT NOT NULL,
        checked_at TEXT NOT NULL, published_by TEXT NOT NULL, published_at TEXT NOT NULL,
        version INTEGER NOT NULL, remark TEXT NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS guide_draft_item ON guide_draft (item)",
)

State = Literal["draft", "checked", "published", "dropped"]
STATES = {"draft": "起草中", "checked": "已审核", "published": "已发布", "dropped": "已作废"}
MOST_REMARK = 500


@dataclass(frozen=True, kw_only=True)
class Draft:
    """One draft.

    Args:
        revision: counts the saves; a step names the one it was taken at.
        based_on: version that was in force when it was last saved; 0 for a new item.
        authors: staff numbers of everybody who saved it.
        version: the published version; 0 before.
        remark: why it was sent back.
    """

    id: str
    item: str
    state: State
    revision: int
    based_on: int
    guide: Guide
    authors: tuple[str, ...]
    drafted_by: str
    drafted_at: str
    checked_by: str
    checked_at: str
    published_by: str
    published_at: str
    version: int
    remark: str


def _draft(row: Row) -> Draft:
    values = {name: row[name] for name in Draft.__dataclass_fields__}
    values["guide"] = decode_guide(row["guide"].encode())
    values["authors"] = tuple(row["authors"].split())
    return Draft(**values)


# --- questions ----------------------------------------------------------------------------------


def find(center: Center, draft_id: str) -> Draft | None:
    """A draft by its id, or None."""
    rows = center.db.query("SELECT * FROM guide_draft WHERE id = :id", id=draft_id)
    return _draft(rows[0]) if rows else None


def listed(center: Center, state: str = "", item: str = "", most: int = 200) -> list[Row]:
    """Drafts, the last changed first, without their guides; empty text asks for all."""
    return center.db.query(
        "SELECT id, item, state, based_on, drafted_by, drafted_at, checked_by, checked_at, "
        "published_by, published_at, version, remark FROM guide_draft "
        "WHERE (:state = '' OR state = :state) AND (:item = '' OR item = :item) "
        "ORDER BY id DESC LIMIT :most",
        state=state,
        item=item,
        most=most,
    )


def version_in_force(center: Center, item: str) -> int:
    """The newest published version of an item; 0 when there is none."""
    rows = center.db.query(
        "SELECT MAX(version) AS version FROM guide_published WHERE item = :item", item=item
    )
    return int(rows[0]["version"] or 0)


def breaches_of(center: Center, draft: Draft) -> tuple[Breach, ...]:
    """What the guide checker has against a draft today."""
    return check_guide(draft.guide, today=center.clock.today())


# --- steps --------------------------------------------------------------------------------------


def begin(center: Center, guide: Guide, actor: str) -> str:
    """Begin a draft from the version in force; answers its id.

    Raises:
        Invalid: an open draft of this item exists.
    """
    with center.db.transaction():
        # Two editors on two machines take turns: one open draft for each item.
        center.logs.lock(center.standards_origin)
        for row in listed(center, item=guide.item):
            if row["state"] in ("draft", "checked"):
                raise Invalid({"": f"这个事项已有{row['drafted_by']}的草稿，请在那份草稿上修改"})
        draft_id = new_id(center.clock.posix_ms())
        center.db.execute(
            "INSERT INTO guide_draft VALUES (:id, :item, 'draft', 1, :based_on, :guide, :actor, "
            ":actor, :at, '', '', '', '', 0, '')",
            id=draft_id,
            item=guide.item,
            based_on=version_in_force(center, guide.item),
            guide=encode_guide(guide).decode(),
            actor=actor,
            at=center.clock.stamp(),
        )
    return draft_id


def save(center: Center, draft_id: str, revision: int, guide: Guide, actor: str) -> None:
    """Keep a change of the draft.

    Args:
        revision: the one that was shown to the person; a newer one is not overwritten.

    Raises:
        Invalid: checked or published meanwhile, or somebody else saved meanwhile.
    """
    with center.db.transaction():
        draft = _held(center, draft_id, "draft", revision)
        authors = dict.fromkeys((*draft.authors, actor))
        center.db.execute(
            "UPDATE guide_draft SET guide = :guide, revision = revision + 1, authors = :authors, "
            "based_on = :based_on, drafted_by = :actor, drafted_at = :at, remark = '' "
            "WHERE id = :id",
            guide=encode_guide(msgspec.structs.replace(guide, item=draft.item)).decode(),
            authors=" ".join(authors),
            based_on=version_in_force(center, draft.item),
            actor=actor,
            at=center.clock.stamp(),
            id=draft_id,
        )


def check(center: Center, draft_id: str, revision: int, actor: str) -> None:
    """审核: another person has compared the draft and the rules have nothing against it.

    Raises:
        Invalid: own draft, a breach stands, or it changed meanwhile.
    """
    with center.db.transaction():
        draft = _held(center, draft_id, "draft", revision)
        _refuse_author(draft, actor, "审核")
        _refuse_breaches(center, draft)
        center.db.execute(
            "UPDATE guide_draft SET state = 'checked', checked_by = :actor, checked_at = :at, "
            "remark = '' WHERE id = :id",
            actor=actor,
            at=center.clock.stamp(),
            id=draft_id,
        )


def send_back(center: Center, draft_id: str, revision: int, remark: str) -> None:
    """退回: the checker or publisher wants it changed, and says what.

    Raises:
        Invalid: no remark, too long a remark, or not open any more.
    """
    if not 2 <= len(remark.strip()) <= MOST_REMARK:
        raise Invalid({"remark": f"请写明退回原因（2至{MOST_REMARK}字），起草人据此修改"})
    with center.db.transaction():
        draft = find(center, draft_id)
        _held(center, draft_id, draft.state if draft else "draft", revision)
        if draft is None or draft.state not in ("draft", "checked"):
            raise Invalid({"": "这份草稿已经发布或作废，不能退回"})
        center.db.execute(
            "UPDATE guide_draft SET state = 'draft', checked_by = '', checked_at = '', "
            "remark = :remark WHERE id = :id",
            remark=remark.strip(),
            id=draft_id,
        )


def drop(center: Center, draft_id: str, revision: int) -> None:
    """作废: the draft will not be published.

    Raises:
        Invalid: checked or published, or changed meanwhile.
    """
    with center.db.transaction():
        _held(center, draft_id, "draft", revision)
        center.db.execute("UPDATE guide_draft SET state = 'dropped' WHERE id = :id", id=draft_id)


def publish(center: Center, draft_id: str, revision: int, actor: str) -> int:
    """发布: append the next version to the standards log; answers its number.

    Raises:
        Invalid: own draft, not checked, a breach stands, or another version was published since
            the draft was saved.
    """
    with center.db.transaction():
        # Two publishers on two machines take turns here: the version is read under the lock.
        center.logs.lock(center.standards_origin)
        draft = _held(center, draft_id, "checked", revision)
        _refuse_author(draft, actor, "发布")
        _refuse_breaches(center, draft)
        current = version_in_force(center, draft.item)
        if current != draft.based_on:
            raise Invalid({"": f"起草之后已发布第{current}版，请退回起草人对照新版修改"})
        version = current + 1
        center.publish(_publication(center, draft, version, actor), actor=actor)
        center.db.execute(
            "UPDATE guide_draft SET state = 'published', published_by = :actor, "
            "published_at = :at, version = :version WHERE id = :id",
            actor=actor,
            at=center.clock.stamp(),
            version=version,
            id=draft_id,
        )
    return version


def _publication(center: Center, draft: Draft, version: int, actor: str) -> GuidePublished:
    return GuidePublished(
        item=draft.item,
        version=version,
        published_on=center.clock.today(),
        drafted_by=draft.drafted_by,
        checked_by=draft.checked_by,
        published_by=actor,
        guide=msgspec.structs.replace(draft.guide, version=version),
    )


def _held(center: Center, draft_id: str, state: str, revision: int) -> Draft:
    # Whoever touches the row first has the turn; the other one reads what became of it.
    center.db.execute("UPDATE guide_draft SET state = state WHERE id = :id", id=draft_id)
    draft = find(center, draft_id)
    if draft is None:
        raise Invalid({"": "没有这份草稿"})
    if draft.state != state:
        raise Invalid({"": f"这份草稿现在是“{STATES[draft.state]}”，不能进行这一步"})
    if draft.revision != revision:
        raise Invalid({"": f"{draft.drafted_by}刚修改过这份草稿，请重新打开后再操作"})
    return draft


def _refuse_author(draft: Draft, actor: str, step: str) -> None:
    if actor in draft.authors:
        raise Invalid({"": f"您修改过这份草稿，{step}应由其他人员进行"})


def _refuse_breaches(center: Center, draft: Draft) -> None:
    found = breaches_of(center, draft)
    if found:
        told = "、".join(dict.fromkeys(breach.rule for breach in found))
        raise Invalid({"": f"仍有{len(found)}处不符合指南规则({told}),请退回修改"})


# --- what changed ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    """One field that differs between two guides, as texts; rows of a table one by one."""

    field: str
    before: str
    after: str


def differences(before: Guide | None, after: Guide) -> list[Change]:
    """Field by field what a new version changes; the version number itself is left out."""
    found: list[Change] = []
    for name in Guide.__struct_fields__:
        old = getattr(before, name) if before is not None else None
        new = getattr(after, name)
        if name != "version" and old != new and not (before is None and not new):
            found.append(_change(name, old, new))
    return found


def _change(name: str, old: object, new: object) -> Change:
    """Of two tables only the rows that differ; the same rows in another order are told as such."""
    if isinstance(old, tuple) and isinstance(new, tuple):
        gone = tuple(row for row in old if row not in new)
        come = tuple(row for row in new if row not in old)
        if not gone and not come:
            return Change(name, "—", "内容相同，顺序或重复有调整")
        return Change(name, _told(gone), _told(come))
    return Change(name, _told(old), _told(new))


def _told(value: object) -> str:
    if isinstance(value, tuple):
        return "\n".join(_told(one) for one in value) or "—"
    if isinstance(value, msgspec.Struct):
        cells = (getattr(value, name) for name in value.__struct_fields__)
        return " · ".join(_told(cell) for cell in cells if cell not in ("", None, ()))
    if isinstance(value, bool):
        return "是" if value else "否"
    label = getattr(value, "label", "")
    return str(label or ("—" if value is None or value == "" else value))
