"""上报: the background sync of a hall. Nothing at the window ever waits for it.

One thread; a contact every few seconds while all is well, back-off with full jitter from 5 s to
10 min while the line is down, and a state that a person can read at any time. Knows no Flask.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from node.hall import Hall
from node.keys import enrolment
from node.outbox import center_line, comparisons, epochs, heads, last_contact
from node.outbox.progress import Counted, Progress
from sync.applied.applying import apply_pending
from sync.applied.aside import replay_newer
from sync.client import HttpLine, Line
from sync.contact.exchange import Contact, Exchange
from sync.errors import Cloned, SyncError, Unreachable
from sync.recovery.rebuilding import settle
from web import logs
from web.watchdog import Heart

# How soon a new entry is noticed while the center answers.
_LOOK_S = 2.0
FIRST_BACKOFF_S, LONGEST_BACKOFF_S = 5.0, 600.0
# A request ends or gets a sign of life in less, on any line that moves at all.
STUCK_AFTER_S = 600.0
# Applying what came down, and comparing long logs: no network, and seldom.
LONGEST_CHORE_S = 300.0
# A comparison that failed is tried again at a later contact, not at each.
_COMPARE_AGAIN = timedelta(hours=1)

# What a clerk or administrator reads; every code of sync.errors has a sentence (tested).
WORDS = {
    "unreachable": "连不上中心。本厅业务不受影响,数据都在,线路恢复后自动上报。",
    "not_ours": "网络上有别的设备在应答(如认证页面),不是中心。请网络管理员检查线路。",
    "key_set_refused": "中心出示的密钥清单比本厅见过的旧或有矛盾,没有采用。请管理员联系中心核查。",
    "try_later": "中心暂时忙或磁盘满,稍后自动再试。",
    "unknown_key": "中心不认识本厅的密钥。请管理员与中心核对入网情况。",
    "revoked": "本厅密钥已被中心吊销。请管理员联系中心,核实后在“入网”页重新入网。",
    "behind": "中心收到的比本厅现有的多,本机可能是从备份恢复的。请停止上报并联系中心。",
    "fork": "中心与本厅的记录在同一序号上不一致。请联系中心核查,不要自行处理。",
    "epoch_closed": "中心已启用本厅的新日志,本机不能继续上报。请联系中心核查。",
    "cloned": "另有一台机器在续写本厅日志。本机业务照常,上报暂停,请管理员选定由哪台继续。",
    "gap": "中心与本厅的序号没有接上,稍后自动再试。",
    "too_large": "一批数据超过了中心的上限。请管理员升级程序或联系中心。",
    "malformed": "中心看不懂本厅发送的内容。请管理员检查程序版本。",
    "wrong_log": "本厅的密钥与日志不符。请管理员联系中心。",
    "unknown_log": "中心没有这份日志。请管理员联系中心。",
    "unknown_file": "中心还没有登记这份文件对应的记录,稍后自动再试。",
    "file_absent": "中心也没有这份文件的内容。已记为缺失,其他文件照常传送。",
    "enrolment_refused": "入网没有成功:口令错误、过期或密钥被拒绝。请向中心要一个新的入网口令。",
    "refused": "中心拒绝了这次交换。请管理员联系中心。",
}


# One of the center's own logs is another there than here; all else goes on.
_CENTERS_LOG = (
    "中心自己的{log}与本厅所存的不一致(中心可能从备份恢复过)。"
    "本厅上报和其他下发照常,只有这一份停在这里,双方签名都已留证。请管理员告诉中心,由中心处理。"
)


def words_of(error: SyncError) -> str:
    """What a person reads of a refusal, with the center's reason for a revocation."""
    if error.facts.get("others_done"):
        is_standards = "/standards/" in str(error.facts.get("log"))
        return _CENTERS_LOG.format(log="标准日志" if is_standards else "督查日志")
    said, reason = WORDS.get(error.code, WORDS["refused"]), error.facts.get("reason")
    if error.code == "revoked" and isinstance(reason, str) and reason:
        return f"{said}中心写明的原因:{reason[:200]}"
    return said


@dataclass(frozen=True)
class SyncStatus:
    """What the background sync did last and will do next.

    ``state``: unenrolled, pending, waiting, running, stuck, offline, refused or stopped.
    ``center_clock_skew_s``: this machine's clock minus the center's. ``progress``: entries
    receipted so far in a running contact; ``moving``: more about it.
    """

    state: str
    last_try: datetime | None = None
    last_success: datetime | None = None
    error_code: str = ""
    last_error: str = ""
    center_clock_skew_s: float | None = None
    sent: int = 0
    fetched: int = 0
    progress: int = 0
    moving: Progress = field(default_factory=Progress)
    quarantined: int = 0
    next_in_s: float = 0.0
    next_try: datetime | None = None
    digits: str = ""

    @property
    def running(self) -> bool:
        """A contact is under way."""
        return self.state == "running"


def contact(hall: Hall, line: Line, progress: Callable[[int], None] = lambda n: None) -> Contact:
    """One contact: round, push, pull, then apply what came down.

    Raises:
        SyncError: what stopped it; EnrolmentRefused before the center approved this hall.
    """
    epochs.follow_keys(hall)
    peer = enrolment.peer(hall)
    if peer is None:
        raise SyncError("this hall is not enrolled")
    exchange = Exchange(hall.logs, line, peer)
    try:
        done = exchange.run(progress)
        enrolment.note_center_opens(hall, done.sealed)
        return done
    except Cloned as error:
        if isinstance(epoch := error.facts.get("epoch"), int):
            epochs.note_clone(hall, epoch)
        raise
    finally:
        heads.take_note(hall, exchange.apart, exchange.in_step, peer.keys.log_keys)
        apply_down(hall)


def replay_newer_down(hall: Hall) -> int:
    """After an upgrade: apply what an older program kept aside; answers how many entries."""
    return sum(replay_newer(hall.logs, s.origin) for s in hall.logs.states() if not s.own)


def apply_down(hall: Hall) -> int:
    """Apply what the center sent and what an earlier run left; answers how many entries."""
    settle(hall.logs)
    return sum(
        apply_pending(hall.logs, state.origin)
        for state in hall.logs.states()
        if not state.own and state.applied < state.size
    )


def promise(hall: Hall) -> None:
    """Keep the high-water mark close to the log while nothing is sent: a restore is then noticed
    at the start, before the first entry.
    """
    hall.highwater.promise(hall.origin, hall.state().size)


class Syncing:
    """The thread beside the listeners.

    Args:
        line_to: makes the line to an address; tests give a fake one.
        chores: run after every try, whatever it led to; quick, and never waiting for the network.
    """

    def __init__(
        self,
        hall: Hall,
        line_to: Callable[[str], Line] | None = None,
        chores: Sequence[Callable[[], object]] = (),
    ) -> None:
        self._hall = hall
        self._chores = (lambda: apply_down(hall), lambda: promise(hall), *chores)
        self.heart = Heart(lambda: hall.clock.mono_ms() / 1000)
        self._line_to = line_to or self._http
        self._line: tuple[object, Line] | None = None
        self._wake, self._stop = threading.Event(), threading.Event()
        self._status = SyncStatus("unenrolled")
        self._failures = 0
        self._begun_ms = self._life_ms = hall.clock.mono_ms()
        self._asked_to_compare, self._compared_at = False, datetime.min.replace(tzinfo=UTC)
        self._thread = threading.Thread(target=self._run, name="syncing", daemon=True)

    def _http(self, url: str) -> HttpLine:
        return center_line.line_to(self._hall, url, HttpLine, self.heart.beat)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def poke(self) -> None:
        """Try at once instead of at the next turn."""
        self._wake.set()

    def compare(self) -> None:
        """Compare this hall's logs with the center's copies at the next contact, made at once."""
        self._asked_to_compare = True
        self.poke()

    def stop(self) -> None:
        """End after the running request (its time-outs bound the wait)."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(HttpLine.read_s + HttpLine.connect_s)

    def status(self) -> SyncStatus:
        """What it did last and will do next; says so when nothing has moved for too long."""
        found = self._status
        if not found.running:
            return found
        now = self._hall.clock.mono_ms()
        moving = replace(
            found.moving,
            seconds=max(0, now - self._begun_ms) / 1000,
            quiet_s=max(0, now - self._life_ms) / 1000,
        )
        hangs = moving.quiet_s > STUCK_AFTER_S or self.heart.overdue()
        state = "stuck" if hangs else found.state
        return replace(found, state=state, moving=moving)

    def health(self) -> tuple[bool, str]:
        """For /healthz: an unreachable center is no fault of the node; a dead thread is."""
        if not self._thread.is_alive():
            return False, "the sync thread has ended"
        status, hangs = self.status(), self.heart.overdue()
        return not hangs and status.state != "stuck", hangs or self._told(status)

    def _told(self, status: SyncStatus) -> str:
        """State, why, and since when the center is silent."""
        because = f" ({status.error_code})" if status.error_code else ""
        last = status.last_success or last_contact.read(self._hall)
        since = f"last contact {last:%Y-%m-%d %H:%M} UTC" if last else "no contact yet"
        return f"{status.state}{because}, {since}"

    def _run(self) -> None:
        self._do_chores((lambda: replay_newer_down(self._hall),))
        while not self._stop.is_set():
            with self.heart.step("a contact with the center"):
                self.turn()
            self._do_chores(self._chores)
            self._rest()
        self._status = replace(self._status, state="stopped")

    def _rest(self) -> None:
        """Until the next turn; no longer than a moment once something was written, while the center
        answers: the newest case must not wait for the next regular contact.
        """
        left = self._status.next_in_s
        while left > 0 and not self._wake.wait(min(left, _LOOK_S)):
            left -= _LOOK_S
            if self._status.state == "waiting" and self._has_unsent():
                break
        self._wake.clear()

    def _has_unsent(self) -> bool:
        try:
            state = self._hall.state()
        except Exception as error:
            # The turn that follows meets the same and says so.
            logs.failure("chore", error)
            return False
        return state.size > state.mark.size

    def _do_chores(self, chores: Sequence[Callable[[], object]]) -> None:
        for chore in chores:
            try:
                with self.heart.step("work after a contact", LONGEST_CHORE_S):
                    chore()
            except Exception as error:
                # One chore must not stop the others or the thread; the next turn tries again.
                logs.failure("chore", error)

    def turn(self) -> SyncStatus:
        """One try, whatever it leads to; never raises."""
        hall = self._hall
        self._begun_ms = self._life_ms = hall.clock.mono_ms()
        unsent = hall.state().size - hall.state().mark.size
        self._status = replace(
            self._status,
            state="running",
            last_try=hall.clock.now(),
            progress=0,
            moving=Progress(total=unsent),
        )
        try:
            self._status = self._try()
            self._failures = 0
        except SyncError as error:
            # Where all else was done, the next contact is not put off: entries must not wait.
            self._failures = 0 if error.facts.get("others_done") else self._failures + 1
            state = "offline" if isinstance(error, Unreachable) else "refused"
            said = words_of(error)
            self._status = self._failed(state, error.code, said, _asked_to_wait(error))
        except Exception as error:
            # A fault of our own must not end the thread; it is shown, with its kind.
            self._failures += 1
            said = f"本机程序故障({type(error).__name__}),请告诉管理员。数据都在,稍后再试。"
            self._status = self._failed("refused", "broken", said)
        later = hall.clock.now() + timedelta(seconds=self._status.next_in_s)
        self._status = replace(self._status, next_try=later)
        return self._status

    def _try(self) -> SyncStatus:
        hall, quiet = self._hall, float(self._hall.settings.sync_seconds)
        known = enrolment.trust(hall)
        if known is None:
            return SyncStatus("unenrolled", next_in_s=quiet)
        url = hall.settings.center_url or known.url
        line = Counted(self._open_line(url), self._moved)
        if known.state == "pending":
            known = enrolment.ask_again(hall, line) or known
            # From here on it asks with the keys that were listed a moment ago.
            line = Counted(self._open_line(url), self._moved)
        if known.state != "approved":
            return SyncStatus(known.state, digits=known.digits, next_in_s=min(quiet, 5.0))
        done = contact(hall, line, self._progress)
        last_contact.note(hall)
        self._compare(line, wished=done.compare)
        return SyncStatus(
            "waiting",
            last_try=self._status.last_try,
            last_success=hall.clock.now(),
            center_clock_skew_s=done.skew_s,
            sent=done.sent,
            fetched=done.fetched,
            quarantined=done.quarantined,
            next_in_s=quiet,
        )

    def _open_line(self, url: str) -> Line:
        """One line from contact to contact: opening another takes round trips."""
        whom = url, self._hall.signer
        if self._line is None or self._line[0] != whom:
            self._line = whom, self._line_to(url)
        return self._line[1]

    def _compare(self, line: Line, *, wished: bool) -> None:
        """A comparison that fails is no failure of the contact."""
        now, asked = self._hall.clock.now(), self._asked_to_compare
        again = abs(now - self._compared_at) >= _COMPARE_AGAIN
        if not (asked or (again and (wished or comparisons.is_due(self._hall, now)))):
            return
        self._asked_to_compare, self._compared_at = False, now
        try:
            with self.heart.step("a comparison", LONGEST_CHORE_S):
                for outcome in comparisons.compare(self._hall, line):
                    logs.event("compared", state=outcome.found.state, size=outcome.found.size)
        except Exception as error:
            logs.failure("compare", error)

    def _progress(self, sent: int) -> None:
        self.heart.beat()
        moving = replace(self._status.moving, done=sent)
        self._status = replace(self._status, progress=sent, moving=moving)

    def _moved(self, moved_bytes: int) -> None:
        """Called by the line after each answer: a sign of life."""
        self.heart.beat()
        self._life_ms = self._hall.clock.mono_ms()
        moving = replace(self._status.moving, moved_bytes=moved_bytes)
        self._status = replace(self._status, moving=moving)

    def _failed(self, state: str, code: str, said: str, at_least: float = 0.0) -> SyncStatus:
        self._line = None
        failures = max(self._failures, 1)
        ceiling = min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * 2 ** min(failures - 1, 10))
        # Full jitter, so that a thousand halls do not return in the same second (F12).
        wait = max(random.uniform(1.0, ceiling), at_least)
        return replace(self._status, state=state, error_code=code, last_error=said, next_in_s=wait)


def _asked_to_wait(error: SyncError) -> float:
    """Seconds the center asked for (Retry-After), within what a hall may be silent."""
    asked = error.facts.get("retry_after")
    return float(min(max(asked, 0), LONGEST_BACKOFF_S)) if isinstance(asked, int) else 0.0
