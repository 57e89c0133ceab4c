"""Every record type that travels, declared once. ``RECORDS`` is the whole list.

``python -m standards.records`` prints docs/records.md.
"""

from standards.records.cases import CaseReceived, CaseStanding, CaseStep
from standards.records.declare import Record
from standards.records.inspection import Finding, FindingAnswer, Inspection, Recheck
from standards.records.presence import FaceConsent, Punch, StaffMember
from standards.records.published import CalendarPublished, GuidePublished, NumberScheme

RECORDS: tuple[type[Record], ...] = (
    CaseReceived,
    CaseStep,
    StaffMember,
    FaceConsent,
    Punch,
    FindingAnswer,
    Inspection,
    Finding,
    Recheck,
    GuidePublished,
    CalendarPublished,
    NumberScheme,
)

__all__ = [
    "RECORDS",
    "CalendarPublished",
    "CaseReceived",
    "CaseStanding",
    "CaseStep",
    "FaceConsent",
    "Finding",
    "FindingAnswer",
    "GuidePublished",
    "Inspection",
    "NumberScheme",
    "Punch",
    "Recheck",
    "Record",
    "StaffMember",
]
