"""What answers what: whether a record refers to an outdated version of what it answers. Pure.

Records of two writers cross on the way: the center may look again at an answer while the hall
sends a better one. Neither is wrong and nothing is merged; what was overtaken is shown as such.
"""

from __future__ import annotations

from collections.abc import Sequence


def is_outdated(named: str, versions: Sequence[str]) -> bool:
    """Whether a later version stands than the one that a record names.

    Args:
        named: id of the version that the record answers.
        versions: ids of all versions, in the order of their log.
    """
    return named in versions and named != versions[-1]
