"""Settings files: one TOML per machine, written from and read into a frozen dataclass.

Knows no key by name. Secrets are never settings; they are key files.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import Field, fields
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

BACKUP_DAYS = 90
"""How long a backup may still hold what was erased, unless the settings say otherwise;
docs/decisions/0011."""


class _Settings(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


S = TypeVar("S", bound=_Settings)


def settings_text(settings: _Settings) -> str:
    """The settings as TOML, in the order of their declaration."""
    lines = []
    for field in fields(settings):
        value = getattr(settings, field.name)
        # A JSON string, number, boolean or list of these is also TOML.
        shown = json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)
        lines.append(f"{field.name} = {shown}\n")
    return "".join(lines)


def read_settings(kind: type[S], path: Path) -> S:
    """Read a settings file.

    Raises:
        FileNotFoundError: the machine was not set up; run ``init``.
        TypeError: an unknown or missing key, named in the message.
    """
    read = tomllib.loads(path.read_text(encoding="utf-8"))
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in read.items()})
