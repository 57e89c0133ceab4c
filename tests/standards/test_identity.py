from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from standards.identity import (
    PAPERS,
    BadIdentity,
    check_credit_code,
    check_mobile,
    check_paper,
    check_phone,
    check_resident_number,
    credit_check_character,
    mask_id,
    mask_name,
    mask_phone,
    resident_check_character,
)

TODAY = date(2026, 11, 24)
digits = st.text("0123456789", min_size=3, max_size=3)
births = st.dates(date(1900, 1, 1), TODAY).map(lambda day: day.strftime("%Y%m%d"))
regions = st.integers(110000, 839999).map(str)


@st.composite
def resident_numbers(draw: st.DrawFn) -> str:
    first17 = draw(regions) + draw(births) + draw(digits)
    return first17 + resident_check_character(first17)


@st.composite
def credit_codes(draw: st.DrawFn) -> str:
    letters = st.sampled_from("0123456789ABCDEFGHJKLMNPQRTUWXY")
    first17 = (
        "".join(draw(st.lists(letters, min_size=2, max_size=2)))
        + draw(regions)
        + "".join(draw(st.lists(letters, min_size=9, max_size=9)))
    )
    return first17 + credit_check_character(first17)


@pytest.mark.parametrize(
    "typed",
    [
        "11010519491231002X",
        "11010519491231002x",
        " 110105 19491231 002x ",
        "11010519491231002X",
    ],
)
def test_the_standards_own_example_is_accepted_however_it_is_typed(typed: str) -> None:
    assert check_resident_number(typed, TODAY) == "11010519491231002X"


def test_residence_permits_of_hong_kong_macao_and_taiwan_residents_pass() -> None:
    for region in ("810000", "820000", "830000"):
        first17 = region + "19940823002"
        number = first17 + resident_check_character(first17)
        assert check_resident_number(number, TODAY) == number
    assert check_resident_number("810000199408230021", TODAY) == "810000199408230021"


def test_a_region_nobody_lists_any_more_is_not_refused() -> None:
    first17 = "22059919700101001"
    number = first17 + resident_check_character(first17)
    assert check_resident_number(number, TODAY) == number


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("", "请填写"),
        ("110105491231002", "15位"),
        ("1101051949123100", "18位"),
        ("11010519491231002A", "18位"),
        ("110105194912310021", "校验位"),
        ("110105194913310028", "出生日期不存在"),
        ("110105190002290011", "出生日期不存在"),
        ("010105194912310020", "第1位"),
        ("911124198108030024", "外国人永久居留"),
        ("1" * 1000, "过长"),
        ("١١٠١٠٥١٩٤٩١٢٣١٠٠٢٨", "18位"),
    ],
)
def test_a_wrong_resident_number_is_refused_with_what_to_look_at(typed: str, hint: str) -> None:
    with pytest.raises(BadIdentity, match=hint):
        check_resident_number(typed, TODAY)


def test_a_birth_date_is_in_the_future_only_relative_to_a_given_day() -> None:
    first17 = "22050220261125001"
    number = first17 + resident_check_character(first17)
    with pytest.raises(BadIdentity, match="晚于今天"):
        check_resident_number(number, TODAY)
    assert check_resident_number(number, date(2026, 11, 25)) == number
    assert check_resident_number(number) == number


@given(resident_numbers())
def test_every_number_built_by_the_rule_is_accepted(number: str) -> None:
    assert check_resident_number(number.lower(), TODAY) == number


@given(resident_numbers(), st.integers(0, 16), st.integers(1, 9))
def test_one_mistyped_digit_is_always_noticed(number: str, place: int, shift: int) -> None:
    wrong = str((int(number[place]) + shift) % 10)
    with pytest.raises(BadIdentity):
        check_resident_number(number[:place] + wrong + number[place + 1 :], TODAY)


@given(resident_numbers(), st.integers(0, 15))
def test_two_swapped_neighbours_are_always_noticed(number: str, place: int) -> None:
    swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    if swapped != number:
        with pytest.raises(BadIdentity):
            check_resident_number(swapped, TODAY)


@pytest.mark.parametrize("code", ["91110000600037341L", "12441500196720244T"])
def test_credit_codes_in_use_are_accepted_in_either_case(code: str) -> None:
    assert check_credit_code(code.lower()) == code


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("", "请填写"),
        ("91110000600037341", "18位"),
        ("911100006000373410", "校验位"),
        ("9111000O600037341L", "没有字母I、O"),
        ("91110X00600037341L", "第3至8位"),
        ("91110000600037341L" * 20, "过长"),
    ],
)
def test_a_wrong_credit_code_is_refused(typed: str, hint: str) -> None:
    with pytest.raises(BadIdentity, match=hint):
        check_credit_code(typed)


@given(credit_codes())
def test_every_credit_code_built_by_the_rule_is_accepted(code: str) -> None:
    assert check_credit_code(code) == code


@given(credit_codes(), st.integers(0, 17), st.sampled_from("0123456789ABCDEFGHJKLMNPQRTUWXY"))
def test_one_mistyped_character_of_a_credit_code_is_noticed(
    code: str, place: int, other: str
) -> None:
    wrong = code[:place] + other + code[place + 1 :]
    if wrong != code:
        with pytest.raises(BadIdentity):
            check_credit_code(wrong)


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        ("13904351234", "13904351234"),
        ("+86 139-0435-1234", "13904351234"),
        ("0086 13904351234", "13904351234"),
    ],
)
def test_mobile_numbers_are_brought_to_eleven_digits(typed: str, normal: str) -> None:
    assert check_mobile(typed) == normal
    assert check_phone(typed) == normal


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        ("0435-3912345", "0435-3912345"),
        ("04353912345", "0435-3912345"),
        ("(0435)3912345", "0435-3912345"),
        ("010 66001234-801", "010-66001234-801"),
        ("02166001234", "021-66001234"),
    ],
)
def test_landlines_are_written_with_their_area_code_apart(typed: str, normal: str) -> None:
    assert check_phone(typed) == normal


@pytest.mark.parametrize("typed", ["", "12904351234", "1390435123", "139043512345", "abc"])
def test_what_is_no_mobile_number_is_refused(typed: str) -> None:
    with pytest.raises(BadIdentity):
        check_mobile(typed)
    with pytest.raises(BadIdentity):
        check_phone(typed)


def test_a_landline_too_short_is_refused_with_an_example() -> None:
    with pytest.raises(BadIdentity, match="区号"):
        check_phone("0435-39123")


@pytest.mark.parametrize(
    ("kind", "typed", "normal"),
    [
        ("111", "11010519491231002x", "11010519491231002X"),
        ("414", "e12345678", "E12345678"),
        ("414", "EA1234567", "EA1234567"),
        ("511", "12345678", "12345678"),
        ("516", "h12345678", "H12345678"),
        ("553", "CHN110000012345", "CHN110000012345"),
        ("553", "911124198108030024", "911124198108030024"),
    ],
)
def test_each_kind_of_paper_has_its_own_shape(kind: str, typed: str, normal: str) -> None:
    assert check_paper(kind, typed, TODAY) == normal


@pytest.mark.parametrize(
    ("kind", "typed"),
    [
        ("414", "E12"),
        ("511", "1234567"),
        ("516", "A12345678"),
        ("516", "H1234567801"),
        ("553", "CHN12"),
        ("553", "911124198108030025"),
        ("999", "12345678"),
        ("111", ""),
    ],
)
def test_a_number_of_another_shape_is_refused(kind: str, typed: str) -> None:
    with pytest.raises(BadIdentity):
        check_paper(kind, typed, TODAY)


def test_the_clerk_chooses_among_five_kinds_of_paper_by_name() -> None:
    assert {code: paper.name for code, paper in PAPERS.items()} == {
        "111": "居民身份证",
        "414": "护照",
        "511": "台湾居民来往大陆通行证",
        "516": "港澳居民来往内地通行证",
        "553": "外国人永久居留身份证",
    }


def test_a_masked_number_shows_neither_birth_date_nor_middle() -> None:
    assert mask_id("11010519491231002X") == "110105********002X"
    assert mask_id("E12345678") == "E1*****78"
    assert mask_id("12") == "**"
    assert mask_id("") == ""


def test_a_masked_telephone_number_keeps_only_its_ends() -> None:
    assert mask_phone("13904351234") == "139****1234"
    assert mask_phone("0435-3912345") == "0435-****345"
    assert mask_phone("12345") == "*****"
    assert mask_phone("") == ""


def test_a_masked_name_keeps_only_its_first_character() -> None:
    assert mask_name("张三") == "张*"
    assert mask_name("欧阳娜娜") == "欧***"
    assert mask_name("张") == "*"
    assert mask_name("") == ""
    assert mask_name("迪丽热巴·迪力木拉提") == "迪****"


@given(st.text(min_size=1, max_size=40))
def test_masking_never_shows_a_whole_value(text: str) -> None:
    for masked in (mask_id(text), mask_name(text), mask_phone(text)):
        assert "*" in masked
