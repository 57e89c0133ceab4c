"""The demo's applications: made-up people and companies with real service items.

The numbers are made from a district that is nobody's in particular and end in a right check
character, so that the pages take them; no living person was looked up for them.
"""

from __future__ import annotations

from dataclasses import dataclass

from standards.identity import credit_check_character, resident_check_character


@dataclass(frozen=True, kw_only=True)
class Application:
    """What somebody brings to a window, and what becomes of it.

    Args:
        item: code of the service item in the starter catalogue.
        wish: the button that the clerk presses: accept, notify or receive.
        outcome: what the reviewer decides: granted, denied, or empty for not yet.
        born: eight digits of a birthday for a person; empty for an organisation.
    """

    item: str
    name: str
    serial: int
    wish: str = "accept"
    outcome: str = ""
    born: str = ""
    contact: str = ""
    address: str = "通化市东昌区新华大街"
    subject: str = ""

    @property
    def kind(self) -> str:
        """Kind of applicant, as the form has it."""
        return "person" if self.born else "organisation"

    @property
    def paper_no(self) -> str:
        """Identity number of a person, credit code of an organisation; both made up."""
        if self.born:
            first = f"220502{self.born}{self.serial:03}"
            return first + resident_check_character(first)
        first = f"91220500MA{self.serial:07}"
        return first + credit_check_character(first)

    @property
    def mobile(self) -> str:
        """Mobile number, made up."""
        return f"1390435{self.serial:04}"

    def typed(self) -> dict[str, str]:
        """What the clerk types, field by field."""
        return {
            "applicant_kind": self.kind,
            "applicant_name": self.name,
            "paper_kind": "111",
            "paper_no": self.paper_no,
            "mobile": self.mobile,
            "contact_name": self.contact,
            "address": f"{self.address}{self.serial}号",
            "subject": self.subject,
        }


POLICE = (
    Application(item="GA001", name="王小满", serial=11, born="19880412", outcome="granted"),
    Application(item="GA002", name="赵立春", serial=12, born="19910705"),
    Application(item="GA006", name="孙谷雨", serial=13, born="20010930", subject="出国留学"),
    Application(item="GA007", name="周芒种", serial=14, born="19790611", wish="notify"),
    Application(item="GA005", name="吴白露", serial=15, born="19960908", outcome="denied",
                subject="在东昌区居住满半年，申请居住证"),
    Application(item="GA003", name="郑清明", serial=16, born="19930405", outcome="granted",
                subject="为新生儿办理出生登记"),
    Application(item="GA009", name="通化示例物流有限公司", serial=17, contact="冯小寒",
                subject="新购货车三辆注册登记"),
    Application(item="GA004", name="陈冬至", serial=18, born="19851222", wish="receive"),
)  # fmt: skip
PROPERTY = (
    Application(item="BD001", name="褚霜降", serial=21, born="19761023", outcome="granted",
                subject="东昌区某小区住宅一套转移登记"),
    Application(item="BD001", name="卫大暑", serial=22, born="19820723", wish="notify"),
    Application(item="BD002", name="示例银行股份有限公司通化分行", serial=23, contact="蒋小雪"),
    Application(item="BD003", name="沈惊蛰", serial=24, born="19900306", outcome="granted"),
    Application(item="BD004", name="通化示例置业有限公司", serial=25, contact="韩雨水",
                subject="某地块一期首次登记"),
    Application(item="ZR002", name="通化示例食品有限公司", serial=26, contact="杨立夏",
                subject="扩建冷库", outcome="denied"),
    Application(item="GJ001", name="朱处暑", serial=27, born="19870823"),
    Application(item="SW004", name="秦秋分", serial=28, born="19940923", wish="receive"),
)  # fmt: skip
BY_HALL = {"T01": POLICE, "T02": PROPERTY}

# Members of staff of each hall: number, name, department, window.
STAFF = {
    "T01": (
        ("T01-001", "窗口人员", "公安局", "W01"),
        ("T01-002", "审批人员", "公安局", ""),
        ("T01-003", "厅负责人", "政务服务局", ""),
        ("T01-005", "李小雪", "公安局", "W02"),
    ),
    "T02": (
        ("T02-001", "窗口人员", "不动产登记中心", "D01"),
        ("T02-002", "审批人员", "不动产登记中心", ""),
        ("T02-003", "厅负责人", "政务服务局", ""),
        ("T02-005", "许谷雨", "自然资源局", "D02"),
    ),
}
