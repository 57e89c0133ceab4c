"""A form is read by its record's declaration, and all mistakes show at once."""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar

import pytest
from flask import render_template_string
from msgspec import Meta
from werkzeug.datastructures import MultiDict

from standards.errors import Invalid
from standards.records.declare import Field, Owner, Record
from web import page


def check_phone(text: str) -> str:
    if len(text) != 11 or not text.isdigit():
        raise ValueError("手机号应为 11 位数字")
    return text


class Visit(Record, frozen=True, kw_only=True):
    """A record as a room of the product declares it."""

    kind: ClassVar[str] = "visit"
    owner: ClassVar[Owner] = "hall"
    label: ClassVar[str] = "来访"

    case_no: Annotated[str, Field(label="办件编号", typed=False)]
    name: Annotated[str, Meta(max_length=40), Field(label="姓名", personal=True)]
    phone: Annotated[str, Field(label="手机号", check=check_phone, hint="11 位")] = ""
    applicant: Annotated[str, Field(label="申请人类型", choices={"p": "自然人", "l": "法人"})]
    pages: Annotated[int, Meta(ge=1, le=500), Field(label="页数")] = 1
    on: Annotated[date | None, Field(label="日期")] = None
    agreed: Annotated[bool, Field(label="已确认")] = False
    materials: Annotated[
        tuple[str, ...], Field(label="材料", choices={"a": "申请书", "b": "身份证明"})
    ] = ()
    note: Annotated[str, Meta(max_length=500), Field(label="备注")] = ""


RIGHT = {
    "name": " 王小明 ",
    "phone": "13800138000",
    "applicant": "p",
    "pages": "12",
    "on": "2026-11-24",
    "agreed": "1",
    "note": "第一行\r\n第二行",
}


def typed(**changed: str) -> MultiDict[str, str]:
    return MultiDict({**RIGHT, **changed})


def test_a_right_form_becomes_the_record():
    form = typed()
    form.setlist("materials", ["a", "b"])

    visit = page.read(Visit, form, case_no="D-1")

    assert visit == Visit(
        case_no="D-1",
        name="王小明",
        phone="13800138000",
        applicant="p",
        pages=12,
        on=date(2026, 11, 24),
        agreed=True,
        materials=("a", "b"),
        note="第一行\n第二行",
    )


def test_what_is_not_filled_in_takes_its_default():
    visit = page.read(Visit, MultiDict({"name": "王", "applicant": "l"}), case_no="D-1")

    assert (visit.phone, visit.pages, visit.on, visit.agreed, visit.materials) == (
        "", 1, None, False, (),
    )  # fmt: skip


def test_all_mistakes_show_at_once():
    wrong = MultiDict({"phone": "123", "pages": "x", "on": "2026-02-30", "materials": "z"})

    with pytest.raises(Invalid) as refused:
        page.read(Visit, wrong, case_no="D-1")

    assert refused.value.fields == {
        "name": "请填写姓名",
        "phone": "手机号应为 11 位数字",
        "applicant": "请选择申请人类型",
        "pages": "页数请填写整数",
        "on": "日期请填写日期，如 2026-01-31",
        "materials": "材料请从列表中选择",
    }


@pytest.mark.parametrize(
    ("field", "text", "message"),
    [
        ("name", "王" * 41, "姓名最多 40 个字，现有 41 个"),
        ("name", "王\n明", "控制字符"),
        ("name", "王\x00明", "控制字符"),
        ("name", "王\ud800", "控制字符"),
        ("name", "王\u2028明", "控制字符"),
        ("note", "a\x1bb", "控制字符"),
        ("note", "x" * 501, "备注最多 500 个字"),
        ("phone", "1" * 100_000, "手机号最多"),
        ("applicant", "king", "申请人类型请从列表中选择"),
        ("pages", "0", "页数不符合要求"),
        ("pages", "501", "页数不符合要求"),
        ("pages", "1.5", "页数请填写整数"),
        ("pages", "1e3", "页数请填写整数"),
        ("pages", "９", "页数请填写整数"),
        ("pages", "--5", "页数请填写整数"),
        ("pages", "9" * 5_000, "页数"),
        ("on", "24/11/2026", "日期请填写日期"),
    ],
)
def test_a_wrong_value_is_refused_with_words(field, text, message):
    with pytest.raises(Invalid) as refused:
        page.read(Visit, typed(**{field: text}), case_no="D-1")

    assert list(refused.value.fields) == [field]
    assert message in refused.value.fields[field]


def test_a_form_cannot_overwrite_what_the_program_gives():
    visit = page.read(Visit, typed(case_no="D-999"), case_no="D-1", pages=3)

    assert visit.case_no == "D-1"
    assert visit.pages == 3


def test_a_view_that_forgets_a_given_field_is_told():
    with pytest.raises(TypeError, match="case_no must be given"):
        page.read(Visit, typed())


def test_the_form_is_shown_again_with_what_was_typed_and_what_is_wrong(hall):
    wrong = typed(phone="123", agreed="1", name='"><script>alert(1)</script>')
    wrong.setlist("materials", ["b"])
    with pytest.raises(Invalid) as refused:
        page.read(Visit, wrong, case_no="D-1")
    drawn = page.form(Visit, wrong, refused.value.fields)

    with hall.test_request_context("/board"):
        html = render_template_string(
            '{% import "field.html" as field %}{{ field.summary(form.errors) }}'
            "{% for name in form.fields %}{{ field.of(form[name]) }}{% endfor %}",
            form=drawn,
        )

    assert "case_no" not in html
    assert "<script>" not in html
    assert 'value="123"' in html
    assert 'aria-invalid="true" aria-describedby="phone-error phone-hint"' in html
    assert '<p class="field-error" id="phone-error">手机号应为 11 位数字</p>' in html
    assert '<a href="#phone">手机号应为 11 位数字</a>' in html
    assert '<option value="p" selected>自然人</option>' in html
    assert 'value="b" checked' in html
    assert 'value="a" checked' not in html
    assert 'type="date" value="2026-11-24"' in html
    assert 'maxlength="40"' in html
    assert "<textarea" in html
    assert html.count("checked") == 2


def test_a_form_may_start_from_values():
    drawn = page.form(Visit, {"name": "王", "agreed": True, "materials": ("a",), "pages": 3})

    assert drawn["name"].value == "王"
    assert drawn["agreed"].value == "1"
    assert drawn["materials"].values == ("a",)
    assert drawn["pages"].value == "3"
    assert drawn["name"].required
    assert not drawn["agreed"].required


@pytest.mark.parametrize(
    ("asked", "page_shown"), [("3", 3), ("0", 1), ("-1", 1), ("x", 1), ("9" * 99, 1), ("²", 1)]
)
def test_a_page_number_is_never_nonsense(hall, asked, page_shown):
    with hall.test_request_context("/board", query_string={"page": asked}):
        assert page.page_number() == page_shown
