"""The notice that a colleague reads before the first picture, as data with a version.

个人信息保护法 17 (what must be told), 29 (separate consent) and 30 (necessity and effect), and the
人脸识别技术应用安全管理办法. A notice that somebody consented to is never edited: a new wording is
a new file. It does not know who consented; that is the record ``FaceConsent``.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Final

import msgspec

CURRENT: Final = 2
CONFIRMED_FRAMES: Final = 2
"""The first version that tells of a confirmed frame kept for a day; nobody else's is kept."""


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One paragraph and the clause that asks for it."""

    heading: str
    text: str
    basis: str


class Notice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One version of the notice, in Chinese."""

    version: int
    title: str
    since: str
    laws: tuple[str, ...]
    sections: tuple[Section, ...]
    statement: str
    """what is signed for consent"""
    refusal: str
    withdrawal: str

    def worded(self, hall: str, contact: str) -> Notice:
        """The notice as it is shown in one hall: who processes, and whom to turn to."""

        def fill(text: str) -> str:
            return text.replace("{hall}", hall).replace("{contact}", contact)

        sections = tuple(
            msgspec.structs.replace(section, text=fill(section.text)) for section in self.sections
        )
        return msgspec.structs.replace(self, sections=sections, statement=fill(self.statement))


def notice(version: int = CURRENT) -> Notice:
    """The notice of that version. Raises KeyError for a version that never existed."""
    file = files("attendance").joinpath("data", f"consent-{version}.json")
    if not file.is_file():
        raise KeyError(version)
    return msgspec.json.decode(file.read_bytes(), type=Notice)
