"""One commit for what several threads write at the same moment (SQLite at the center).

A thousand halls may come back in the same minute. Each batch must be on the disk before its receipt
leaves; but one write to the disk can carry many batches. Whoever gets the turn works for all who
wait, each in a step that can fail for itself, and commits once; then everybody is answered.
PostgreSQL does this by itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

_MOST_AT_ONCE = 64

Step = Callable[[], AbstractContextManager[None]]


class _Waiting:
    """One thread's work, and what came of it."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.work = work
        self.done = False
        self.answer: Any = None
        self.error: BaseException | None = None


class SharedCommits:
    """Runs works of several threads in shared transactions.

    Args:
        transaction: begins one, and commits it at its end.
        attempt: a step of a running transaction that is undone alone when it fails.
    """

    def __init__(self, transaction: Step, attempt: Step) -> None:
        self._transaction, self._attempt = transaction, attempt
        self._turn, self._queue = threading.Lock(), threading.Lock()
        self._waiting: list[_Waiting] = []

    def run(self, work: Callable[[], Any]) -> Any:
        """What the work answers, after it is durable; or what it raised, after it was undone."""
        mine = _Waiting(work)
        with self._queue:
            self._waiting.append(mine)
        with self._turn:
            while not mine.done:
                self._work_for_all()
        if mine.error is not None:
            raise mine.error
        return mine.answer

    def _work_for_all(self) -> None:
        with self._queue:
            some = self._waiting[:_MOST_AT_ONCE]
            del self._waiting[:_MOST_AT_ONCE]
        try:
            with self._transaction():
                for one in some:
                    self._work_for(one)
        except BaseException as error:
            for one in some:
                one.error = one.error or error
        for one in some:
            one.done = True

    def _work_for(self, one: _Waiting) -> None:
        try:
            with self._attempt():
                one.answer = one.work()
        except Exception as error:
            one.error = error
