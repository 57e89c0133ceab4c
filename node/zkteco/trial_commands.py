"""``onehall-node try-terminal``: a ZKTeco terminal that does not exist calls a hall's port.

For an administrator who wants to know whether terminals on that network reach the hall's machine,
before any is mounted. It needs no data folder: it can run on any machine of the terminals' network.
"""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import NoReturn
from urllib.parse import urlsplit

import click

from attendance.terminals.zkteco_speech import SERIAL
from attendance.terminals.zkteco_trial import Answer, Request, TrialTerminal
from sync.clock import BEIJING
from web.command_line import AS_JSON

PATIENCE_S = 15
_BREATH_S = 0.2


class Unreachable(Exception):
    """Nothing answers there; the text says what happened."""


def carried(url: str, request: Request) -> Answer:
    """One request of a terminal over a connection of its own, as real ones make them.

    Args:
        url: what is typed into the terminal: address, port and secret path.

    Raises:
        Unreachable: no answer.
    """
    place = urlsplit(url)
    kind = HTTPSConnection if place.scheme == "https" else HTTPConnection
    line = kind(place.hostname or "", place.port, timeout=PATIENCE_S)
    headers = {"Connection": "close", "User-Agent": "iClock Proxy/1.09"}
    try:
        path = place.path.rstrip("/") + request.path
        line.request(request.method, path, request.body, headers)
        answer = line.getresponse()
        text = answer.read(1024 * 1024).decode("utf-8", "replace")
        return Answer(answer.status, text, answer.headers.get("Date", ""))
    except (OSError, HTTPException) as failed:
        raise Unreachable(str(failed) or type(failed).__name__) from failed
    finally:
        line.close()


def told(request: Request, answer: Answer) -> str:
    """One exchange in a line."""
    path, _, query = request.path.partition("?")
    about = next((one for one in query.split("&") if one.startswith(("table=", "options="))), "")
    first = answer.text.splitlines()[0][:60] if answer.text else ""
    return f"{request.method:4} {path} {about:16} -> {answer.status} {first}"


REASONS = {
    403: "the serial number, the secret path or the source address is not the registered one",
    404: "this port does not serve terminals of this kind; is the address right?",
    411: "something on the way takes the length of requests away",
    500: "the hall's machine failed; see its log",
    503: "not approved yet, switched off, or the machine's clock is in doubt; see the page",
}


@click.command("try-terminal")
@click.argument("url")
@click.option("--serial", default="TRIAL-0001", help="Take this one in on the page first.")
@click.option("--pin", default="999999999", help="Number that the punches are made with.")
@click.option("--punches", default=3, help="How many punches it holds.")
@click.option("--wait", default=60, help="Seconds it may take, approval included.")
@click.option("--keep", is_flag=True, help="Go on calling, as one on a wall does, until stopped.")
@AS_JSON
def try_terminal(
    url: str, serial: str, pin: str, punches: int, wait: int, keep: bool, as_json: bool
) -> None:
    """Call a hall's port as a ZKTeco terminal would, and say what happens.

    URL is what the page shows as the address to type into the terminal. The punches are real: use a
    serial number and a number of a person that are nobody's; --punches 0 makes none.
    """
    if not SERIAL.match(serial):
        raise click.ClickException("A serial number is 4 to 40 letters or digits.")
    box, begun = TrialTerminal(serial), time.monotonic()
    for number in range(punches):
        box.scan(pin, datetime.now(BEIJING) - timedelta(seconds=punches - number))
    if keep:
        _stay(box, url)
    statuses: list[int] = []
    off: float | None = None
    try:
        while box.waiting and time.monotonic() - begun < wait:
            status, off = _step(box, url, as_json)
            statuses.append(status)
    except Unreachable as failed:
        raise click.ClickException(f"Nothing answers at {url}: {failed}") from failed
    _tell_end(box, statuses, off, as_json)


def _stay(box: TrialTerminal, url: str) -> NoReturn:
    """Call for ever; what a machine that is away does not take is kept, as a real terminal does."""
    while True:
        time.sleep(call(box, url, datetime.now(BEIJING)))


def call(box: TrialTerminal, url: str, now: datetime) -> float:
    """What the terminal does now, if it is time; in how many seconds it wants to be asked again."""
    request = box.next_request(now)
    if request is not None:
        try:
            box.take(carried(url, request), now)
        except Unreachable:
            box.take(None, now)
    return max(_BREATH_S, (box.next_at - now).total_seconds() if box.next_at else _BREATH_S)


def _step(box: TrialTerminal, url: str, as_json: bool) -> tuple[int, float | None]:
    """One request, at once: a trial is not kept waiting as long as a real terminal."""
    now = datetime.now(BEIJING)
    request = box.next_request(max(now, box.next_at or now))
    assert request is not None
    answer = carried(url, request)
    box.take(answer, now)
    if not as_json:
        click.echo(told(request, answer))
    if answer.status != 200 or not box.registered:
        time.sleep(0.5)
    return answer.status, _clock_off(answer)


def _clock_off(answer: Answer) -> float | None:
    try:
        there = parsedate_to_datetime(answer.date)
    except (TypeError, ValueError):
        return None
    return round((there - datetime.now(BEIJING)).total_seconds())


def _tell_end(box: TrialTerminal, statuses: list[int], off: float | None, as_json: bool) -> None:
    last = statuses[-1] if statuses else 0
    if as_json:
        facts = {"registered": box.registered, "taken": box.sent, "left": box.waiting}
        click.echo(json.dumps({**facts, "last_status": last, "clock_off_s": off}))
    elif off is not None:
        click.echo(f"The hall's clock is {off:+.0f} s beside this machine's.")
    if not box.waiting:
        if not as_json:
            click.echo(f"All {box.sent} punches were taken.")
        return
    reason = REASONS.get(last, "it is known but not approved" if last == 200 else "")
    raise click.ClickException(f"{box.waiting} punches were not taken: {reason}.")
