"""What was overtaken is known as such; what is unknown is not called outdated."""

from __future__ import annotations

import pytest

from standards.answering import is_outdated


@pytest.mark.parametrize(
    ("named", "versions", "outdated"),
    [
        ("a", ["a"], False),
        ("a", ["a", "b"], True),
        ("b", ["a", "b"], False),
        ("a", [], False),
        ("x", ["a", "b"], False),
    ],
)
def test_a_version_is_outdated_when_a_later_one_stands(named, versions, outdated):
    assert is_outdated(named, versions) is outdated
