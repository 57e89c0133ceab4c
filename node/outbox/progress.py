"""How far a running contact is: records, bytes, rate and time left. Pure but for one counter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sync.client import Line, meanwhile

# Before this much time no rate is told: it would jump.
_SETTLED_S = 2.0


@dataclass(frozen=True)
class Progress:
    """A contact that sends ``total`` records, of which ``done`` are receipted after ``seconds``."""

    total: int = 0
    done: int = 0
    moved_bytes: int = 0
    seconds: float = 0.0
    quiet_s: float = 0.0

    @property
    def records_per_s(self) -> float | None:
        """Records a second, or None while that cannot be told."""
        if self.seconds < _SETTLED_S or not self.done:
            return None
        return self.done / self.seconds

    @property
    def bytes_per_s(self) -> float | None:
        """Bytes a second both ways, or None while that cannot be told."""
        if self.seconds < _SETTLED_S or not self.moved_bytes:
            return None
        return self.moved_bytes / self.seconds

    @property
    def left_s(self) -> float | None:
        """Seconds until all is receipted at this rate; None while that cannot be told."""
        rate = self.records_per_s
        return None if rate is None else max(0, self.total - self.done) / rate

    @property
    def percent(self) -> int:
        """How much of the whole is done, in whole percent."""
        return min(100, self.done * 100 // self.total) if self.total > 0 else 100


def duration(seconds: float) -> str:
    """A length of time as a person says it: ``40秒``, ``3分钟``, ``2小时5分钟``."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole}秒"
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}小时{minutes}分钟" if hours else f"{minutes}分钟"


def volume(count: float) -> str:
    """A number of bytes as a person says it: ``512 B``, ``3.2 KB``, ``1.5 MB``."""
    if count < 1000:
        return f"{int(count)} B"
    return f"{count / 1000:.1f} KB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"


class Counted:
    """A line that tells how many bytes have gone through it, both ways, after each answer."""

    def __init__(self, line: Line, told: Callable[[int], None]) -> None:
        self._line, self._told, self._bytes = line, told, 0

    def meanwhile(self, work: Callable[[], object]) -> None:
        """See ``sync.client.PatientLine``."""
        meanwhile(self._line, work)

    def send(self, method: str, target: str, body: bytes, media_type: str) -> bytes:
        """See ``sync.client.Line``."""
        answer = self._line.send(method, target, body, media_type)
        self._bytes += len(body) + len(answer)
        self._told(self._bytes)
        return answer
