"""The tables that ship inside this package: the only place in `standards` that reads a file.

Knows names and text; what a table means is known by the module that asks for it.
"""

from importlib.resources import files


def packaged_text(name: str) -> str:
    """Text of the packaged table `name` of `standards/data`, e.g. "calendars.json"."""
    return files("standards").joinpath("data", name).read_text(encoding="utf-8")
