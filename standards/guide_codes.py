"""The closed lists of codes that a service guide uses, each with its Chinese label.

Codes are those of GB/T 39046-2020 (annex A) and of the national item tables where these have one;
which code a guide may carry beside which other is a matter of `standards.guide_rules`.
"""

import enum


class Coded(enum.StrEnum):
    """A code on the wire with the label that people read."""

    label: str

    def __new__(cls, code: str, label: str) -> "Coded":
        member = str.__new__(cls, code)
        member._value_ = code
        member.label = label
        return member


class ItemClass(Coded):
    """The four classes by which the halls sort their windows."""

    INSTANT = "instant", "即来即办"
    COMMERCE = "commerce", "商事登记"
    SOCIETY = "society", "社会事务"
    INVESTMENT = "investment", "投资项目"


class ItemType(Coded):
    """事项类型 (task_type)."""

    PERMIT = "01", "行政许可"
    PENALTY = "02", "行政处罚"
    COERCION = "03", "行政强制"
    LEVY = "04", "行政征收"
    GRANT = "05", "行政给付"
    INSPECTION = "06", "行政检查"
    CONFIRMATION = "07", "行政确认"
    REWARD = "08", "行政奖励"
    RULING = "09", "行政裁决"
    OTHER = "10", "其他行政权力"
    PUBLIC_SERVICE = "20", "公共服务"


class PowerSource(Coded):
    """权力来源 (power_source); the numbering is not verified."""

    OWN = "1", "法定本级行使"
    HANDED_DOWN = "2", "上级下放"
    AUTHORISED = "3", "上级授权"
    ENTRUSTED = "4", "委托行使"
    OTHER = "9", "其他"


class UseLevel(Coded):
    """行使层级 (use_level, A.2)."""

    NATION = "1", "国家级"
    PROVINCE = "2", "省级"
    CITY = "3", "市级"
    COUNTY = "4", "县级"
    TOWN = "5", "镇(乡、街道)级"
    VILLAGE = "6", "村(社区)级"
    SHARED = "7", "分级管理"


class DeptType(Coded):
    """实施主体性质 (dept_type, A.3)."""

    ORGAN = "1", "法定机关"
    AUTHORISED = "2", "授权组织"
    ENTRUSTED = "3", "受委托组织"
    OTHER = "9", "其他"


class ServerType(Coded):
    """服务对象 (server_type, A.4)."""

    PERSON = "1", "自然人"
    COMPANY = "2", "企业法人"
    INSTITUTION = "3", "事业法人"
    ASSOCIATION = "4", "社会组织法人"
    ORGAN = "5", "行政机关"
    OTHER = "6", "其他组织"


class ProjectType(Coded):
    """办件类型 (project_type, A.6)."""

    INSTANT = "1", "即办件"
    PROMISED = "2", "承诺件"
    OTHER = "9", "其他"


class ReviewType(Coded):
    """审查类型."""

    AT_ONCE = "1", "即审即办"
    THEN_APPROVE = "2", "前审后批"


class HandleType(Coded):
    """办理形式 (handle_type, A.5)."""

    WINDOW = "1", "窗口办理"
    COMPUTER = "2", "电脑端办理"
    MOBILE = "3", "移动端办理"
    POST = "4", "快递申请"
    OTHER = "9", "其他"


class Need(Coded):
    """必要性 of a material (is_need)."""

    REQUIRED = "1", "必要"
    OPTIONAL = "2", "非必要"
    MAY_FOLLOW = "3", "容缺后补"


class MaterialType(Coded):
    """材料类型 (material_type)."""

    ORIGINAL = "1", "原件"
    COPY = "2", "复印件"
    BOTH = "3", "原件和复印件"


class MaterialFormat(Coded):
    """材料形式 (material_format)."""

    PAPER = "1", "纸质"
    ELECTRONIC = "2", "电子"
    EITHER = "3", "纸质或电子"


class SourceType(Coded):
    """来源渠道 of a material (source_type)."""

    APPLICANT = "10", "申请人自备"
    GOVERNMENT = "20", "政府部门核发"
    OTHER = "99", "其他"


class StepType(Coded):
    """办理环节: the five that a permit always has, and the others a flow may show."""

    ACCEPT = "accept", "受理"
    REVIEW = "review", "审核"
    APPROVE = "approve", "审批"
    CONCLUDE = "conclude", "办结"
    DELIVER = "deliver", "送达"
    OTHER = "other", "其他"


class SpecialKind(Coded):
    """特别程序 whose time the legal limit leaves out (行政许可法 45)."""

    HEARING = "hearing", "听证"
    TENDER = "tender", "招标"
    AUCTION = "auction", "拍卖"
    INSPECTION = "inspection", "检验"
    TESTING = "testing", "检测"
    QUARANTINE = "quarantine", "检疫"
    APPRAISAL = "appraisal", "鉴定"
    EXPERTS = "experts", "专家评审"
    OTHER = "other", "其他"


class ResultType(Coded):
    """审批结果类型 (result_type)."""

    CERTIFICATE = "10", "证照"
    APPROVAL = "20", "批文"
    OTHER = "30", "其他"
    NONE = "99", "无"


class Delivery(Coded):
    """结果送达方式."""

    COLLECT = "1", "窗口自取"
    AGENT = "2", "委托代取"
    POST = "3", "邮寄送达"
    ELECTRONIC = "4", "电子送达"


class NetDepth(Coded):
    """网办深度, how far the item can be done from home."""

    ADVICE = "1", "互联网咨询"
    RECEIPT = "2", "互联网收件"
    CHECK = "3", "互联网预审"
    ACCEPTANCE = "4", "互联网受理"
    HANDLING = "5", "互联网办理"
    RESULT = "6", "互联网办理结果信息反馈"
    LICENCE = "7", "互联网电子证照反馈"


class RemedyKind(Coded):
    """救济途径."""

    REVIEW = "review", "行政复议"
    LAWSUIT = "lawsuit", "行政诉讼"


class Maintainer(Coded):
    """Who may change an element: the center, the department with its consent, or the hall."""

    CENTER = "C", "中心统一维护"
    DEPARTMENT = "D", "实施部门维护、中心核准"
    HALL = "H", "分厅可自行维护"
