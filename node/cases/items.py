"""Finding a service item: by words, pinyin initials, department and class.

An index in memory over the newest guides, built anew when other standards are in force. Words are
looked for in plain text, so that two characters such as 登记 are enough. Knows no database and no
page.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from standards.guide_codes import ItemClass
from standards.guides import Guide
from standards.shelf import Shelf


@dataclass(frozen=True)
class Item:
    """One item as the window finds it.

    ``text`` is what words are looked for in, ``initials`` the pinyin initials of the name.
    """

    guide: Guide
    text: str
    initials: str


@dataclass(frozen=True)
class Question:
    """What a clerk asks for; empty parts do not narrow."""

    words: str = ""
    department: str = ""
    item_class: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether nothing was asked."""
        return not (self.words or self.department or self.item_class)


def initials_of(text: str) -> str:
    """Pinyin initials, one character each: 身份证 -> ``sfz``; other characters stay, small."""
    # Its dictionary takes a third of a second to load: the commands that find no item, and there
    # are many of them in a set-up, start without it.
    from pypinyin import Style, lazy_pinyin

    return "".join(lazy_pinyin(text, style=Style.FIRST_LETTER)).lower()


def _item(guide: Guide) -> Item:
    words = (
        guide.task_name,
        guide.department,
        guide.dept_name,
        guide.item_class.label,
        guide.item,
        guide.task_code,
        guide.result_name,
    )
    return Item(guide, "\n".join(words).lower(), initials_of(guide.task_name))


class ItemIndex:
    """Every item of one shelf, in the order of departments and names."""

    def __init__(self, shelf: Shelf) -> None:
        guides = sorted(shelf.current(), key=lambda g: (g.department, g.task_name))
        self.items = tuple(_item(guide) for guide in guides)

    def departments(self) -> list[str]:
        """The departments that have an item."""
        return sorted({item.guide.department for item in self.items})

    def find(self, asked: Question) -> list[Guide]:
        """The items that have every word asked for, best first."""
        words = asked.words.lower().split()
        ranked = [
            (rank, place, item.guide)
            for place, item in enumerate(self.items)
            if _belongs(item.guide, asked) and (rank := _rank(item, words)) is not None
        ]
        return [guide for _, _, guide in sorted(ranked, key=lambda found: found[:2])]


def _belongs(guide: Guide, asked: Question) -> bool:
    right_class = not asked.item_class or guide.item_class == asked.item_class
    return right_class and (not asked.department or guide.department == asked.department)


def _rank(item: Item, words: list[str]) -> int | None:
    """How well an item fits, 0 best; None when a word is not found at all."""
    total = 0
    for word in words:
        fit = _fit(item, word)
        if fit is None:
            return None
        total += fit
    return total


def _fit(item: Item, word: str) -> int | None:
    """A name that begins with the word comes before one that has it, and before the rest."""
    name = item.guide.task_name.lower()
    if name.startswith(word) or item.initials.startswith(word):
        return 0
    if word in name or word in item.initials:
        return 1
    return 2 if word in item.text else None


class ItemFinder:
    """The index of the standards in force; rebuilt when the shelf is another one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shelf: Shelf | None = None
        self._index = ItemIndex(Shelf())

    def index(self, shelf: Shelf) -> ItemIndex:
        """The index over this shelf."""
        with self._lock:
            if shelf is not self._shelf:
                self._index, self._shelf = ItemIndex(shelf), shelf
            return self._index


CLASSES = {each.value: each.label for each in ItemClass}
