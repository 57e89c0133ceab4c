"""Who has an account in the demo: login, staff number, name, role."""

from __future__ import annotations

CENTER_STAFF = (
    ("duizhang", "C-001", "对账员", "reconciler"),
    ("qicao", "C-002", "标准起草人", "standards_editor"),
    ("shenhe", "C-003", "标准审核人", "standards_checker"),
    ("fabu", "C-004", "标准发布人", "standards_publisher"),
    ("ducha", "C-005", "督查员", "inspector"),
    ("admin", "C-006", "管理员", "administrator"),
)
HALL_STAFF = (
    ("chuangkou", "001", "窗口人员", "clerk"),
    ("shenpi", "002", "审批人员", "reviewer"),
    ("dudao", "003", "厅负责人", "supervisor"),
    ("admin", "004", "管理员", "administrator"),
)
