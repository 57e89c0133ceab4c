"""One sample of every record type, and a hypothesis strategy for each, from the declarations.

The samples are what the golden leaves of tests/vectors are made of; they are never changed, a new
record type gets a new one.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from hashlib import sha256
from typing import Any

import msgspec
from hypothesis import strategies as st

from standards.guides import Guide
from standards.records import (
    RECORDS,
    CalendarPublished,
    CaseReceived,
    CaseStep,
    EntriesMoved,
    EpochOpened,
    ErasureDecided,
    ErasureOrdered,
    FaceConsent,
    FileHanded,
    FileMissing,
    Finding,
    FindingAnswer,
    GuidePublished,
    HallSucceeded,
    Inspection,
    KeysRotated,
    MaterialScanned,
    NumberScheme,
    Punch,
    Recheck,
    Record,
    StaffMember,
)
from standards.records.declare import Named, fields_of
from standards.workdays import CalendarYear
from sync.keys.keysets import Request, sign_rotation
from sync.notes import COSIGNATURE, Signer
from sync.private.sealing import SealingKey
from tests.leave_samples import LATER_SAMPLES, LEAVE_SAMPLES
from tests.samples_of_attendance import HOURS_SAMPLES, attendance_samples, void_samples

DAY = date(2026, 11, 24)
ID = "0193b2c4-1111-7aaa-8bbb-000000000001"
OTHER_ID = "0193b2c4-2222-7aaa-8bbb-000000000002"
KINDS = {record.kind: record for record in RECORDS}

_GUIDE = msgspec.convert(
    {
        "item": "SAMPLE",
        "version": 1,
        "item_class": "commerce",
        "department": "市场监督管理局",
        "task_name": "食品经营许可新办",
        "catalog_code": "000131023000",
        "task_code": "11220500MB1234567X4000131023001",
        "task_type": "01",
        "by_law": [{"law": "中华人民共和国食品安全法", "article": "第三十五条"}],
        "use_level": "4",
        "dept_name": "某某市市场监督管理局",
        "dept_code": "11220500MB1234567X",
        "accept_org": "某某市市场监督管理局",
        "decide_org": "某某市市场监督管理局",
        "server_type": ["1", "2"],
        "scope": "在本市从事食品经营的单位和个人",
        "project_type": "2",
        "review_type": "2",
        "accept_condition": [{"text": "有与经营相适应的场所", "basis": "第三十三条"}],
        "materials": [
            {"code": "M1", "material_name": "申请书"},
            {"code": "M2", "material_name": "平面图", "is_need": "3", "copy_num": 1},
        ],
        "handle_type": ["1"],
        "handle_flow": [{"step_type": "accept", "name": "受理", "days": 1}],
        "anticipate_day": 20,
        "promise_day": 5,
        "special_procedure": [
            {
                "special_kind": "inspection",
                "name": "现场核查",
                "limit": {"days": 10},
                "by_law": {"law": "食品经营许可和备案管理办法", "article": "第十八条"},
            }
        ],
        "result_name": "食品经营许可证",
        "result_type": "10",
        "delivery": ["1", "3"],
        "limit_scene_num": 1,
        "limit_scene_explain": "到窗口提交申请",
        "transact_addr": "某某市政务大厅一楼",
        "transact_time": "工作日 8:30-17:00",
        "link_way": "0435-3912345",
        "supervise_way": "12345",
        "rights": "依法享有陈述、申辩的权利",
        "remedies": [{"remedy_kind": "review", "organ": "某某市人民政府", "within": "60日"}],
    },
    Guide,
)


def _statement() -> str:
    """New keys of T01 of `tests.vectors`, made as every key there is."""
    seeds = [sha256(f"onehall test key hall {what} 3".encode()).digest() for what in _PURPOSES]
    signing = Signer("city.example/T01", seeds[0])
    cosigning = Signer("city.example/T01", seeds[1], COSIGNATURE)
    sealing = SealingKey(seeds[2]).public
    request = Request("T01", signing.verifier, cosigning.verifier, sealing)
    return sign_rotation(signing, "city.example", request).decode()


_PURPOSES = ("signing", "cosigning", "sealing")

SAMPLES: dict[str, Record] = {
    sample.kind: sample
    for sample in (
        CaseReceived(
            case_no="T01-2026112410001K7",
            item="000164213003",
            guide_version=3,
            received_on=DAY,
            window="W05",
            materials=("M1", "M2"),
            applicant_name="张三",
            paper_no="11010519491231002X",
            mobile="13904351234",
            subject='食品经营许可 "新办"\n第二行\t<b>&amp;</b> \\ 😀',
        ),
        CaseStep(
            case_id=ID,
            step="accepted",
            day=DAY,
            materials=("M1", "M2", "M3"),
            legal_due=date(2026, 12, 22),
            promised_due=date(2026, 12, 1),
            provisional=True,
            opinion="材料齐全,符合法定形式。",
        ),
        StaffMember(staff_no="T01-003", department="公安局", window="W05", name="李四"),
        FaceConsent(staff_no="T01-003", notice_version=2, given=True, day=DAY),
        Punch(
            staff_no="T01-003",
            punched_at="2026-11-24T08:29:57+08:00",
            way="supervisor",
            grade="D",
            witness="T01-001",
            reason="终端停电",
        ),
        FindingAnswer(finding_id=OTHER_ID, measure="planned", done_on=DAY, text="月底前整改。"),
        Inspection(
            for_hall="T01",
            mode="covert",
            day=DAY,
            inspector="ZX-07",
            passed=("premises", "windows"),
            faulted=("amenities",),
            remarks="总体较好",
        ),
        Finding(
            for_hall="T01",
            source="judged",
            severity="major",
            rule="unknown_standard",
            clause="DB22/T 2850",
            evidence="指南版本 9",
            subject_kind="case_received",
            subject_id=ID,
            subject_origin="city.example/T01/1",
            subject_index=17,
            due_on=date(2026, 12, 31),
        ),
        Recheck(
            for_hall="T01", finding_id=OTHER_ID, answer_id=ID, result="passed", day=DAY, text="合格"
        ),
        GuidePublished(
            item="SAMPLE",
            version=1,
            published_on=DAY,
            drafted_by="ZX-01",
            checked_by="ZX-02",
            published_by="ZX-03",
            guide=_GUIDE,
        ),
        CalendarPublished(
            year=2026,
            version=1,
            calendar=CalendarYear(
                year=2026,
                days_off=(date(2026, 1, 1), date(2026, 1, 2)),
                working_days=(date(2026, 1, 4),),
                source="国办发明电〔2025〕7号",
            ),
        ),
        NumberScheme(version=1, template="{hall}-{date}{epoch}{serial:04d}{tail}"),
        MaterialScanned(
            case_id=ID,
            material="M1",
            media="application/pdf",
            size=48_123,
            file="ab" * 32,
            name="张三身份证.pdf",
            key="0c" * 32,
        ),
        FileMissing(missing="ab" * 32, absence="gone"),
        FileHanded(
            for_hall="T01",
            purpose="inspection",
            about_id=OTHER_ID,
            media="image/jpeg",
            size=1_204_511,
            file="cd" * 32,
            name="等候区.jpg",
            note="饮水机无水",
            key="0d" * 32,
        ),
        KeysRotated(statement=_statement()),
        ErasureDecided(
            entries=(
                Named(log="city.example/T01/1", index=17, id=ID),
                Named(log="city.example/T01/1", index=21, id=OTHER_ID),
            ),
            about="case",
            about_id=ID,
            ground="consent_withdrawn",
            document="通公分〔2026〕3号",
            ordered_by="T01-009",
            carried_out_by="T01-001",
        ),
        ErasureOrdered(
            for_hall="T01",
            entries=(Named(log="city.example/T01/1", index=17, id=ID),),
            about="case",
            about_id=ID,
            ground="retention_over",
            document="通政公〔2026〕12号",
            ordered_by="C-002",
            carried_out_by="C-006",
        ),
        EpochOpened(cause="restored", previous=1, branched_at=70, known_size=100),
        EntriesMoved(epoch=1, first=70, count=12),
        *attendance_samples(ID, OTHER_ID),
        *LEAVE_SAMPLES,
        *LATER_SAMPLES,
        *HOURS_SAMPLES,
        HallSucceeded(
            closed="T02",
            successors=("T01", "T05"),
            closed_on=DAY,
            epoch=1,
            size=4321,
            document="通政〔2026〕12号",
        ),
        *void_samples(ID, OTHER_ID),
    )
}

# Declared on one day by two people, each at the end of the list as it was.
_TWICE = {"hall_succeeded": 40}


def number_of(kind: str) -> int:
    """Which place in the list of kinds the golden leaf of a kind was written for."""
    return _TWICE.get(kind, list(SAMPLES).index(kind))


_characters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")


def strategy_of(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a declared type within its bounds, nested structs included."""
    return _of_info(msgspec.inspect.type_info(kind))


def _of_info(info: Any) -> st.SearchStrategy[Any]:
    return _STRATEGIES[type(info)](info)


def _items(info: msgspec.inspect.VarTupleType) -> st.SearchStrategy[tuple[Any, ...]]:
    shortest = info.min_length or 0
    return st.lists(_of_info(info.item_type), min_size=shortest, max_size=shortest + 2).map(tuple)


def _struct(info: msgspec.inspect.StructType) -> st.SearchStrategy[Any]:
    return st.builds(info.cls, **{f.name: _of_info(f.type) for f in info.fields})


def _texts(info: msgspec.inspect.StrType) -> st.SearchStrategy[str]:
    if info.pattern is not None:
        return st.from_regex(info.pattern, fullmatch=True)
    longest = 30 if info.max_length is None else min(info.max_length, max(30, info.min_length or 0))
    return st.text(_characters, min_size=info.min_length or 0, max_size=longest)


_STRATEGIES: dict[type, Callable[[Any], st.SearchStrategy[Any]]] = {
    msgspec.inspect.StrType: _texts,
    msgspec.inspect.IntType: lambda info: st.integers(info.ge, info.le),
    msgspec.inspect.BoolType: lambda info: st.booleans(),
    msgspec.inspect.NoneType: lambda info: st.none(),
    msgspec.inspect.DateType: lambda info: st.dates(),
    msgspec.inspect.EnumType: lambda info: st.sampled_from(list(info.cls)),
    msgspec.inspect.UnionType: lambda info: st.one_of(*map(_of_info, info.types)),
    msgspec.inspect.VarTupleType: _items,
    msgspec.inspect.StructType: _struct,
}


def records_of(record_type: type[Record]) -> st.SearchStrategy[Record]:
    """Records of one type, every field within its declared bounds."""
    return st.builds(record_type, **{f.name: strategy_of(f.type) for f in fields_of(record_type)})


any_record = st.sampled_from(RECORDS).flatmap(records_of)
