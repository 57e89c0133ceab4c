"""A new version of a guide goes through three people and sixteen rules before a hall sees it."""

import json
import re

import pytest
from werkzeug.datastructures import MultiDict

from aggregator.publishing import drafts, guide_form
from aggregator.publishing.guide_words import read_json
from aggregator.publishing.starter import load_starter
from standards.errors import Invalid
from standards.guides import encode_guide
from standards.records import GuidePublished
from sync.storage.tables import records
from tests.aggregator.office import Office, fresh_key


def an_item(office: Office) -> str:
    return sorted(office.center.shelf().latest)[0]


def begin(office: Office, item: str) -> str:
    answer = office.person("qicao").post("/standards/drafts", {"item": item})
    assert answer.status_code == 303, answer.text
    return answer.location.split("/")[-2]


def the_draft(office: Office, draft_id: str) -> drafts.Draft:
    found = drafts.find(office.center, draft_id)
    assert found is not None
    return found


def typed(guide, revision: int, **changed) -> MultiDict:
    """The edit form as a browser sends it back, with some fields changed."""
    form = MultiDict({"revision": str(revision)})
    for name, value in {**guide_form.filled(guide), **changed}.items():
        shape = guide_form.shapes()[name]
        if shape.kind == "rows":
            for number, row in enumerate(value):
                for path, column in shape.columns:
                    if column.kind != "flag" or row[path] == "1":
                        form.add(f"{name}-{number}-{path}", row[path])
        elif shape.kind == "many":
            form.setlist(name, value)
        elif shape.kind != "flag" or value == "1":
            form.add(name, value)
    return form


def save(office: Office, draft_id: str, login: str = "qicao", **changed):
    draft = the_draft(office, draft_id)
    form = typed(draft.guide, draft.revision, **changed)
    return office.person(login).post(f"/standards/drafts/{draft_id}/edit", form)


def step(office: Office, login: str, draft_id: str, name: str, **more):
    draft = the_draft(office, draft_id)
    data = {"revision": str(draft.revision), **more}
    return office.person(login).post(f"/standards/drafts/{draft_id}/{name}", data)


def standards_size(office: Office) -> int:
    return office.center.logs.state(office.center.standards_origin).size


def test_a_new_version_passes_drafter_checker_and_publisher(furnished: Office):
    item = an_item(furnished)
    draft_id = begin(furnished, item)
    assert save(furnished, draft_id, link_way="0435-3211234").status_code == 303
    assert step(furnished, "shenhe", draft_id, "check").status_code == 303
    assert step(furnished, "fabu", draft_id, "publish").status_code == 303

    newest = furnished.center.shelf().guides[item, 2]
    assert (newest.drafted_by, newest.checked_by, newest.published_by) == ("Z002", "Z003", "Z004")
    assert newest.guide.link_way == "0435-3211234"
    assert newest.guide.version == 2
    assert furnished.center.shelf().guide(item, 1).link_way != "0435-3211234"


def test_versions_of_an_item_increase_one_by_one(furnished: Office):
    item = an_item(furnished)
    for number, telephone in ((2, "0435-3211111"), (3, "0435-3212222")):
        draft_id = begin(furnished, item)
        save(furnished, draft_id, link_way=telephone)
        step(furnished, "shenhe", draft_id, "check")
        step(furnished, "fabu", draft_id, "publish")
        assert furnished.center.shelf().latest[item] == number


def test_a_breach_of_a_rule_is_named_with_its_field_and_fix_and_stops_the_check(furnished: Office):
    draft_id = begin(furnished, an_item(furnished))
    guide = the_draft(furnished, draft_id).guide
    save(furnished, draft_id, promise_day=str(guide.anticipate_day + 9))
    shown = furnished.person("shenhe").text(f"/standards/drafts/{draft_id}")
    assert "R14" in shown
    assert f"承诺时限改为{guide.anticipate_day}天以内" in shown
    refused = step(furnished, "shenhe", draft_id, "check")
    assert refused.status_code == 422
    assert "R14" in refused.text
    assert the_draft(furnished, draft_id).state == "draft"


def test_a_breach_that_arises_after_the_check_stops_the_publication(furnished: Office):
    """The law that a guide rests on may expire between the two steps."""
    item = an_item(furnished)
    draft_id = begin(furnished, item)
    rows = guide_form.filled(furnished.center.shelf().guide(item))["by_law"]
    rows[0]["expires"] = "2026-11-26"
    save(furnished, draft_id, by_law=rows)
    assert step(furnished, "shenhe", draft_id, "check").status_code == 303
    furnished.hands.turn(days=3)
    furnished.people.clear()
    before = standards_size(furnished)
    refused = step(furnished, "fabu", draft_id, "publish")
    assert refused.status_code == 422
    assert "R15" in refused.text
    assert standards_size(furnished) == before


def test_whoever_wrote_in_a_draft_neither_checks_nor_publishes_it(furnished: Office):
    accounts = furnished.app.extensions["onehall.accounts"]
    everything = ("standards_editor", "standards_checker", "standards_publisher")
    for login in ("shenhe", "fabu"):
        furnished.engage(login)
    accounts.set_roles("shenhe", everything)
    draft_id = begin(furnished, an_item(furnished))
    save(furnished, draft_id, "shenhe", link_way="0435-3211234")
    save(furnished, draft_id, "qicao", transact_time="周一至周五")
    refused = step(furnished, "shenhe", draft_id, "check")
    assert refused.status_code == 422
    assert "审核应由其他人员进行" in refused.text

    accounts.set_roles("fabu", everything)
    assert step(furnished, "fabu", draft_id, "check").status_code == 303
    refused = step(furnished, "shenhe", draft_id, "publish")
    assert refused.status_code == 422
    assert "发布应由其他人员进行" in refused.text


def test_a_draft_is_not_published_before_it_is_checked(furnished: Office):
    draft_id = begin(furnished, an_item(furnished))
    before = standards_size(furnished)
    refused = step(furnished, "fabu", draft_id, "publish")
    assert refused.status_code == 422
    assert "起草中" in refused.text
    assert standards_size(furnished) == before


def test_a_double_click_on_publish_makes_one_publication(furnished: Office):
    item = an_item(furnished)
    draft_id = begin(furnished, item)
    step(furnished, "shenhe", draft_id, "check")
    before, key = standards_size(furnished), fresh_key()
    data = {"revision": str(the_draft(furnished, draft_id).revision)}
    for _ in range(2):
        path = f"/standards/drafts/{draft_id}/publish"
        answer = furnished.person("fabu").post(path, data, once=key)
        assert answer.status_code == 303
    assert standards_size(furnished) == before + 1
    assert furnished.center.shelf().latest[item] == 2


def test_a_draft_that_was_changed_meanwhile_is_not_checked_unseen(furnished: Office):
    draft_id = begin(furnished, an_item(furnished))
    seen = the_draft(furnished, draft_id).revision
    save(furnished, draft_id, link_way="0435-3211234")
    path = f"/standards/drafts/{draft_id}/check"
    refused = furnished.person("shenhe").post(path, {"revision": str(seen)})
    assert refused.status_code == 422
    assert "刚修改过" in refused.text


def test_a_draft_sent_back_shows_the_reason_and_can_be_changed_again(furnished: Office):
    draft_id = begin(furnished, an_item(furnished))
    step(furnished, "shenhe", draft_id, "check")
    assert step(furnished, "fabu", draft_id, "send-back", remark="电话缺区号").status_code == 303
    assert "电话缺区号" in furnished.person("qicao").text(f"/standards/drafts/{draft_id}")
    assert save(furnished, draft_id, link_way="0435-3211234").status_code == 303


def test_sending_back_without_a_reason_is_refused(furnished: Office):
    draft_id = begin(furnished, an_item(furnished))
    refused = step(furnished, "shenhe", draft_id, "send-back", remark=" ")
    assert refused.status_code == 422
    assert "请写明退回原因" in refused.text


def test_one_item_has_one_open_draft(furnished: Office):
    item = an_item(furnished)
    begin(furnished, item)
    refused = furnished.person("qicao").post("/standards/drafts", {"item": item})
    assert refused.status_code == 422
    assert "已有Z002的草稿" in refused.text


def test_an_unknown_item_has_no_page_and_no_draft(furnished: Office):
    person = furnished.person("qicao")
    assert person.get("/standards/items/NO-SUCH").status_code == 404
    assert person.post("/standards/drafts", {"item": "NO-SUCH"}).status_code == 404
    assert person.get("/standards/drafts/none").status_code == 404


@pytest.mark.parametrize(
    ("login", "path"),
    [
        ("shenhe", "/standards/drafts/{}/edit"),
        ("qicao", "/standards/drafts/{}/check"),
        ("shenhe", "/standards/drafts/{}/publish"),
        ("ducha", "/standards/drafts/{}/json"),
    ],
)
def test_a_step_of_another_role_is_forbidden(furnished: Office, login: str, path: str):
    draft_id = begin(furnished, an_item(furnished))
    answer = furnished.person(login).post(path.format(draft_id), {"revision": "1"})
    assert answer.status_code == 403
    assert "权限" in answer.text


def test_every_wrong_field_of_the_form_is_told_at_once_and_nothing_is_kept(furnished: Office):
    draft_id = begin(furnished, an_item(furnished))
    materials = guide_form.filled(the_draft(furnished, draft_id).guide)["materials"]
    materials[1]["material_name"] = "长" * 201
    refused = save(
        furnished, draft_id, promise_day="三天", transact_addr="址" * 501, materials=materials
    )
    assert refused.status_code == 422
    for message in ("请填写整数", "最多500个字", "第2行最多200个字"):
        assert message in refused.text
    assert the_draft(furnished, draft_id).revision == 1
    assert "址" * 501 in refused.text


def test_a_material_is_added_in_an_empty_row_and_removed_by_its_tick(furnished: Office):
    draft_id = begin(furnished, an_item(furnished))
    draft = the_draft(furnished, draft_id)
    count = len(draft.guide.materials)
    form = typed(draft.guide, draft.revision)
    form["materials-0-off"] = "1"
    new = {"code": "m99", "material_name": "授权委托书", "is_need": "2", "material_type": "1"}
    new |= {"material_format": "1", "source_type": "10", "original_num": "1", "copy_num": "0"}
    for path, value in new.items():
        form[f"materials-{count}-{path}"] = value
    answer = furnished.person("qicao").post(f"/standards/drafts/{draft_id}/edit", form)
    assert answer.status_code == 303
    materials = the_draft(furnished, draft_id).guide.materials
    assert [m.code for m in materials] == [m.code for m in draft.guide.materials[1:]] + ["m99"]
    compared = furnished.person("shenhe").text(f"/standards/drafts/{draft_id}")
    assert "授权委托书" in compared


def test_every_starter_guide_survives_its_own_form(furnished: Office):
    for guide in furnished.center.shelf().current():
        values = guide_form.typed_values(typed(guide, 1))
        assert guide_form.read_guide(values, guide.item, guide) == guide


def test_every_column_of_every_table_of_a_guide_has_a_name():
    columns = {path for shape in guide_form.shapes().values() for path, _ in shape.columns}
    assert set(guide_form.COLUMNS) == columns


def edited(guide, change) -> str:
    plain = json.loads(encode_guide(guide))
    change(plain)
    return json.dumps(plain, ensure_ascii=False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "不是有效的JSON"),
        ("", "不是有效的JSON"),
        ("[" * 100_000, "嵌套太深"),
        ('{"item": "A", "item": "B"}', "写了两次"),
        ('{"item": NaN}', "格式不正确"),
        ("{}", "缺少“item”"),
        ('{"item": "\ud800"}', "无效字符"),
    ],
)
def test_a_broken_guide_in_json_is_refused_in_chinese(furnished: Office, text: str, said: str):
    draft_id = begin(furnished, an_item(furnished))
    with pytest.raises(Invalid, match=said):
        read_json(text, an_item(furnished))
    if text.isprintable():
        data = {"json": text, "revision": "1"}
        refused = furnished.person("qicao").post(f"/standards/drafts/{draft_id}/json", data)
        assert refused.status_code == 422
        assert said in refused.text
    assert the_draft(furnished, draft_id).revision == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda plain: plain.update(task_name="名" * 201), "task_name：最多200个字"),
        (lambda plain: plain.update(secret=1), "没有“secret”这个字段"),
        (lambda plain: plain.update(promise_day="3"), "类型应为整数，现为文字"),
        (lambda plain: plain.update(item="OTHER"), "这是事项“OTHER”的指南"),
        (lambda plain: plain.update(rights="利" * 40_000), "过大"),
    ],
)
def test_a_guide_in_json_that_breaks_the_declaration_says_where(furnished: Office, change, said):
    item = an_item(furnished)
    draft_id = begin(furnished, item)
    text = edited(furnished.center.shelf().guide(item), change)
    data = {"json": text, "revision": "1"}
    refused = furnished.person("qicao").post(f"/standards/drafts/{draft_id}/json", data)
    assert refused.status_code == 422
    assert said in refused.text


def test_a_whole_guide_in_json_is_kept(furnished: Office):
    item = an_item(furnished)
    draft_id = begin(furnished, item)
    text = edited(furnished.center.shelf().guide(item), lambda plain: plain.update(verified=True))
    data = {"json": text, "revision": "1"}
    answer = furnished.person("qicao").post(f"/standards/drafts/{draft_id}/json", data)
    assert answer.status_code == 303
    assert the_draft(furnished, draft_id).guide.verified


def test_a_new_item_is_drafted_after_the_pattern_of_another(furnished: Office):
    pattern = an_item(furnished)
    data = {"item": pattern, "new_item": "XA-001"}
    answer = furnished.person("qicao").post("/standards/drafts", data)
    assert answer.status_code == 303
    draft_id = answer.location.split("/")[-2]
    step(furnished, "shenhe", draft_id, "check")
    step(furnished, "fabu", draft_id, "publish")
    assert furnished.center.shelf().latest["XA-001"] == 1


def test_the_list_finds_items_by_words_department_and_state(furnished: Office):
    guide = furnished.center.shelf().guide(an_item(furnished))
    person = furnished.person("qicao")
    assert guide.task_name in person.text(f"/standards?q={guide.task_name[:4]}")
    assert guide.task_name in person.text(f"/standards?department={guide.department}")
    assert "没有符合条件的事项" in person.text("/standards?q=没有这样的事项")
    assert "没有符合条件的事项" in person.text("/standards?status=verified")


def test_the_page_of_an_item_shows_thirty_six_elements(furnished: Office):
    shown = furnished.person("duizhang").text(f"/standards/items/{an_item(furnished)}")
    assert len(re.findall(r'<abbr title="', shown)) == 36


def test_the_starter_is_published_once(office: Office):
    first = load_starter(office.center, "Z000")
    assert first > 40
    assert load_starter(office.center, "Z000") == 0
    assert len(records(office.center.db, GuidePublished)) == len(office.center.shelf().latest)
