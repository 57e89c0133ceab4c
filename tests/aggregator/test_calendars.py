"""A year's calendar is read from the notice, compared, and published; so is the numbering."""

from datetime import date

import pytest

from aggregator.publishing.calendars import check_template
from aggregator.publishing.notices import read_days, read_notice, written_days
from standards.errors import Invalid
from standards.workdays import published_years
from tests.aggregator.office import Office, fresh_key

NOTICE = """
一、元旦:1月1日(周四)至3日(周六)放假调休,共3天。1月4日(周日)上班。
二、春节:2月15日(农历腊月二十八、周日)至23日(农历正月初七、周一)放假调休,共9天。2月14日(周六)、2月28日(周六)上班。
三、清明节:4月4日(周六)至6日(周一)放假,共3天。
四、劳动节:5月1日(周五)至5日(周二)放假调休,共5天。5月9日(周六)上班。
五、端午节:6月19日(周五)至21日(周日)放假,共3天。
六、中秋节:9月25日(周五)至27日(周日)放假,共3天。
七、国庆节:10月1日(周四)至7日(周三)放假调休,共7天。9月20日(周日)、10月10日(周六)上班。
"""

FULL_WIDTH = NOTICE.translate(str.maketrans("(),:", "（），："))


@pytest.mark.parametrize("text", [NOTICE, FULL_WIDTH])
def test_the_notice_for_2026_gives_the_days_of_the_packaged_table(text: str):
    off, work = read_notice(text, 2026)
    table = next(year for year in published_years() if year.year == 2026)
    assert set(off) == set(table.days_off)
    assert set(work) == set(table.working_days)


def test_days_of_the_year_before_are_left_to_its_own_table():
    off, _ = read_notice("一、元旦:2024年12月30日至2025年1月1日放假。", 2025)
    assert off == [date(2025, 1, 1)]


def test_written_days_are_read_back_the_same():
    off, _ = read_notice(NOTICE, 2026)
    assert list(read_days(written_days(off), 2026)) == off


@pytest.mark.parametrize("text", ["02-30", "1月1日", "01-03/01-01", "01-01/12-31", "x" * 50])
def test_what_is_no_day_is_named(text: str):
    with pytest.raises(ValueError, match="不是日期"):
        read_days(text, 2026)


YEAR = {
    "year": "2027",
    "source": "国办发明电〔2026〕7号",
    "days_off": "01-01/01-03\n02-05/02-11\n05-01/05-05\n10-01/10-07",
    "working_days": "02-14\n10-09",
    "do": "publish",
}


def publish(office: Office, login: str = "fabu", once: str | None = None, **changed):
    return office.person(login).post("/standards/calendars", {**YEAR, **changed}, once=once)


def years(office: Office) -> dict[int, int]:
    return {table.year: table.version for table in office.center.shelf().calendar.years}


def test_a_published_year_makes_due_dates_of_that_year_certain(office: Office):
    assert publish(office).status_code == 303
    assert years(office) == {2027: 1}
    assert not office.center.shelf().calendar.is_working_day(date(2027, 2, 8))
    assert "国办发明电〔2026〕7号" in office.person("duizhang").text("/standards/calendars")


def test_publishing_a_year_again_gives_the_next_version(office: Office):
    publish(office)
    assert publish(office, days_off="01-01\n05-01/05-05\n10-01/10-07").status_code == 303
    assert years(office) == {2027: 2}


def test_a_double_click_publishes_a_year_once(office: Office):
    key = fresh_key()
    publish(office, once=key)
    publish(office, once=key)
    assert office.center.logs.state(office.center.standards_origin).size == 1


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"year": "27"}, "请填写四位年份"),
        ({"year": "1999"}, "请填写四位年份"),
        ({"source": ""}, "请填写放假通知的文号"),
        ({"source": "号" * 101}, "文号最多100字"),
        ({"days_off": ""}, "法定节假日没有放假"),
        ({"days_off": YEAR["days_off"] + "\n2028-01-01"}, "只能包含2027年的日期"),
        ({"working_days": "02-15"}, "调休上班日应为星期六或星期日，2月15日不是"),
        ({"working_days": "01-02"}, "同一天不能既放假又上班"),
        ({"working_days": "二月十四"}, "不是日期"),
        ({"do": "read", "notice": "今年不放假"}, "没有从文字中读出2027年的放假日期"),
    ],
)
def test_an_unusable_year_is_refused_with_its_reason(office: Office, changed, said: str):
    refused = publish(office, **changed)
    assert refused.status_code == 422
    assert said in refused.text
    assert years(office) == {}


def test_reading_the_notice_publishes_nothing_but_fills_the_form(office: Office):
    answer = publish(office, year="2026", notice=NOTICE, do="read", days_off="", working_days="")
    assert answer.status_code == 200
    assert "02-15/02-23" in answer.text
    assert years(office) == {}


def test_only_a_publisher_publishes_a_year_or_a_numbering(office: Office):
    for login in ("qicao", "shenhe", "guanli"):
        assert publish(office, login).status_code == 403
        data = {"template": "{hall}-{date}{epoch}{serial:05d}{tail}"}
        path = "/standards/calendars/numbers"
        assert office.person(login).post(path, data).status_code == 403


def test_another_numbering_scheme_is_published_with_the_next_version(furnished: Office):
    data = {"template": "{hall}{date}-{epoch}{serial:05d}-{tail}"}
    answer = furnished.person("fabu").post("/standards/calendars/numbers", data)
    assert answer.status_code == 303
    assert furnished.center.shelf().number_template == data["template"]


@pytest.mark.parametrize(
    "template",
    [
        "",
        "{hall}-{date}{serial:04d}",
        "{hall}{hall}{date}{epoch}{serial}{tail}",
        "{hall.__class__}{date}{epoch}{serial}{tail}",
        "{0}{hall}{date}{epoch}{serial}{tail}",
        "{hall}{date}{epoch}{serial:0999999999d}{tail}",
        "{hall!r}{date}{epoch}{serial}{tail}",
        "{hall}{date}{epoch}{serial}{tail",
        "通政{hall}{date}{epoch}{serial}{tail}",
        "{hall}{date}{epoch}{serial}{tail}" + "x" * 50,
    ],
)
def test_a_template_that_could_collide_or_break_a_hall_is_refused(template: str):
    with pytest.raises(Invalid):
        check_template(template)
