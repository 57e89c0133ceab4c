"""Every record type that travels, declared once. ``RECORDS`` is the whole list.

``python -m standards.records`` prints docs/records.md.
"""

from standards.records.attendance import (
    AttendanceDecision,
    AttendanceRequest,
    DayException,
    DayExcused,
    DayResult,
    MonthFrozen,
    PunchConfirmed,
    ShiftAssigned,
    StandIn,
    TerminalOutage,
)
from standards.records.cases import CaseReceived, CaseStanding, CaseStep
from standards.records.declare import Record
from standards.records.epochs import EntriesMoved, EpochOpened
from standards.records.erasures import ErasureDecided, ErasureOrdered
from standards.records.files import FileHanded, FileMissing, MaterialScanned
from standards.records.inspection import Finding, FindingAnswer, Inspection, Recheck
from standards.records.keys import KeysRotated
from standards.records.presence import FaceConsent, Punch, StaffMember
from standards.records.published import CalendarPublished, GuidePublished, NumberScheme

RECORDS: tuple[type[Record], ...] = (
    CaseReceived,
    CaseStep,
    StaffMember,
    FaceConsent,
    Punch,
    FindingAnswer,
    MaterialScanned,
    FileMissing,
    KeysRotated,
    ErasureDecided,
    EpochOpened,
    EntriesMoved,
    Inspection,
    Finding,
    Recheck,
    FileHanded,
    ErasureOrdered,
    GuidePublished,
    CalendarPublished,
    NumberScheme,
    DayResult,
    ShiftAssigned,
    StandIn,
    TerminalOutage,
    DayExcused,
    AttendanceRequest,
    AttendanceDecision,
    PunchConfirmed,
    MonthFrozen,
    DayException,
)

__all__ = [
    "RECORDS",
    "AttendanceDecision",
    "AttendanceRequest",
    "CalendarPublished",
    "CaseReceived",
    "CaseStanding",
    "CaseStep",
    "DayException",
    "DayExcused",
    "DayResult",
    "EntriesMoved",
    "EpochOpened",
    "ErasureDecided",
    "ErasureOrdered",
    "FaceConsent",
    "FileHanded",
    "FileMissing",
    "Finding",
    "FindingAnswer",
    "GuidePublished",
    "Inspection",
    "KeysRotated",
    "MaterialScanned",
    "MonthFrozen",
    "NumberScheme",
    "Punch",
    "PunchConfirmed",
    "Recheck",
    "Record",
    "ShiftAssigned",
    "StaffMember",
    "StandIn",
    "TerminalOutage",
]
