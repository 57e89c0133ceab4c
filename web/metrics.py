"""Figures of a running program for Prometheus: what it answered, and what its rooms tell of it.

Knows no room; each tells its `Fact`s when it is asked. A label is a route's rule, a hall or a
worker, never a person and never a value of a case. Written in the text format 0.0.4.
"""

from __future__ import annotations

import ipaddress
import os
import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flask import Response, g, request

from web import logs

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.005, 0.02, 0.05, 0.1, 0.3, 1.0, 3.0, 10.0)
_TOOK = "onehall_request_seconds"

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Fact:
    """One figure. A name that ends in ``_total`` only grows; every other goes up and down.

    Args:
        labels: name -> value; the same names for every fact of one name.
    """

    name: str
    explanation: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


Source = Callable[[], Iterable[Fact]]


class Metrics:
    """What ``/metrics`` of one program says; one for all listeners of the program."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._buckets: dict[Labels, list[int]] = {}
        self._seconds: dict[Labels, float] = {}
        self._answers: Counter[Labels] = Counter()
        self._refusals: Counter[Labels] = Counter()
        self._sources: list[Source] = [_of_program]

    def tell(self, source: Source) -> None:
        """Ask ``source`` for facts at each reading; it must be quick and never block."""
        self._sources.append(source)

    def answered(self, listener: str, answer: Response) -> None:
        """Count the answer to the current request."""
        route = request.url_rule.rule if request.url_rule else "none"
        # A method is free text on the wire; what no route takes is one label, not thousands.
        method = request.method if request.url_rule else "any"
        took = time.monotonic() - g.get("begun", time.monotonic())
        labels: Labels = (("listener", listener), ("method", method), ("route", route))
        with self._lock:
            buckets = self._buckets.setdefault(labels, [0] * (len(_SECONDS) + 1))
            buckets[bisect_left(_SECONDS, took)] += 1
            self._seconds[labels] = self._seconds.get(labels, 0.0) + took
            self._answers[(*labels, ("status", str(answer.status_code)))] += 1

    def refused(self, rule: str) -> None:
        """Count a refusal by its rule or code."""
        with self._lock:
            self._refusals[(("rule", rule),)] += 1

    def text(self) -> str:
        """Everything, in Prometheus' text format."""
        return "".join([*self._latencies(), *_written(self._counted()), *_written(self._told())])

    def _latencies(self) -> Iterator[str]:
        with self._lock:
            kept = {labels: list(found) for labels, found in self._buckets.items()}
            sums = dict(self._seconds)
        yield from _heading(_TOOK, "Time until an answer was ready.", "histogram")
        for labels, buckets in sorted(kept.items()):
            below = 0
            for bound, count in zip((*map(str, _SECONDS), "+Inf"), buckets, strict=True):
                below += count
                yield _line(f"{_TOOK}_bucket", (*labels, ("le", bound)), below)
            yield _line(f"{_TOOK}_sum", labels, sums[labels])
            yield _line(f"{_TOOK}_count", labels, below)

    def _counted(self) -> Iterator[Fact]:
        with self._lock:
            answers, refusals = dict(self._answers), dict(self._refusals)
        for labels, count in sorted(answers.items()):
            yield Fact("onehall_answers_total", "Answers by status.", count, dict(labels))
        for labels, count in sorted(refusals.items()):
            said = "Refused requests by rule."
            yield Fact("onehall_refusals_total", said, count, dict(labels))

    def _told(self) -> Iterator[Fact]:
        failed = 0
        for source in self._sources:
            try:
                yield from list(source())
            except Exception as broken:
                # One source in trouble must not hide the others; that it is, is a figure.
                failed += 1
                logs.failure("metrics", broken)
        said = "Sources of figures that failed at this reading."
        yield Fact("onehall_sources_failed", said, failed)


def _of_program() -> Iterator[Fact]:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    resident = pages * os.sysconf("SC_PAGE_SIZE")
    yield Fact("process_resident_memory_bytes", "Memory in use.", resident)
    yield Fact("process_open_fds", "Open files and sockets.", len(os.listdir("/proc/self/fd")))
    yield Fact("process_threads", "Threads.", threading.active_count())
    used = time.process_time()
    yield Fact("process_cpu_seconds_total", "Processor time used.", used)


def _written(facts: Iterable[Fact]) -> Iterator[str]:
    families: dict[str, list[Fact]] = {}
    for fact in facts:
        families.setdefault(fact.name, []).append(fact)
    for name, found in families.items():
        kind = "counter" if name.endswith("_total") else "gauge"
        yield from _heading(name, found[0].explanation, kind)
        for fact in found:
            yield _line(name, tuple(fact.labels.items()), fact.value)


def _heading(name: str, explanation: str, kind: str) -> Iterator[str]:
    said = explanation.replace("\\", r"\\").replace("\n", r"\n")
    yield f"# HELP {name} {said}\n# TYPE {name} {kind}\n"


def _line(name: str, labels: Labels, value: float) -> str:
    told = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels)
    shown = str(int(value)) if float(value).is_integer() else repr(float(value))
    return f"{name}{{{told}}} {shown}\n" if told else f"{name} {shown}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def may_read(address: str, host: str, allowed: Iterable[str]) -> bool:
    """Whether somebody at this address may read the figures: this machine, or who was named.

    Args:
        host: the name that was asked for. What a reverse proxy hands on comes from this machine
            too, but was asked for under the public name.
        allowed: addresses and networks, e.g. ``10.1.0.0/24``.
    """
    try:
        caller = ipaddress.ip_address(address)
    except ValueError:
        return False
    name, _, port = host.rpartition(":")
    name = name if port.isdigit() else host
    if caller.is_loopback and name in ("localhost", "127.0.0.1", "[::1]"):
        return True
    return any(caller in ipaddress.ip_network(one, strict=False) for one in allowed)
