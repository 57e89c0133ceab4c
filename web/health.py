"""What ``/healthz`` answers: named checks, each with a reason a person can act on.

Knows no check itself; each room registers its own.
"""

from __future__ import annotations

from collections.abc import Callable

Check = Callable[[], tuple[bool, str]]


class Health:
    """Registry of checks. A check answers (all is well, reason) quickly and never blocks."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}

    def register(self, name: str, check: Check) -> None:
        """Add a check under a stable English name, e.g. ``disk`` or ``log``."""
        if name in self._checks:
            raise ValueError(f"health check {name!r} is registered twice")
        self._checks[name] = check

    def report(self) -> tuple[bool, dict[str, object]]:
        """Run every check; a check that breaks counts as failed, named by its error's type."""
        answers = {name: _ask(check) for name, check in self._checks.items()}
        well = all(ok for ok, _ in answers.values())
        checks = {name: {"ok": ok, "reason": reason} for name, (ok, reason) in answers.items()}
        return well, {"status": "ok" if well else "failing", "checks": checks}


def _ask(check: Check) -> tuple[bool, str]:
    try:
        return check()
    except Exception as broken:
        # The text of the error may hold a path or a value; its type is enough to look further.
        return False, f"check failed: {type(broken).__name__}"
