"""考勤: what a day was for somebody, and why it changed. Staff numbers only, never a name."""

from __future__ import annotations

# Why a day was worked out; stands in each result and in its history.
CHANGES = {
    "first": "首次核算",
    "punch": "后到签到",
    "leave": "请假生效",
    "leave_withdrawn": "请假撤销",
    "returned": "销假",
    "roster": "班次调整",
    "calendar": "作息或日历调整",
    "terminal": "终端补报完成",
    "bulk": "故障补签",
    "missed": "漏签补签",
    "excuse": "免计",
    "appeal": "申诉成立",
    "confirmed": "时钟核实",
    "exception": "封存后处理",
}
