"""Runs the description of a JSON interface against the server that gave it."""

from __future__ import annotations

from typing import Any

import schemathesis
from schemathesis import GenerationMode
from schemathesis.engine import Status, events, from_schema

from web.listener import Listener, Running
from web.shell import Shell


def run_described(app: Shell, token: str, examples: int = 10) -> tuple[set[str], list[str]]:
    """Every operation with good and bad requests over HTTP, every check on.

    Returns:
        The operations that were run, and what was wrong.
    """
    server = Running(Listener(app=app, host="127.0.0.1", port=0))
    server.start()
    try:
        return _run(f"http://localhost:{server.port}", token, examples)
    finally:
        server.stop()


def _run(site: str, token: str, examples: int) -> tuple[set[str], list[str]]:
    schema: Any = schemathesis.openapi.from_url(f"{site}/api/v1/openapi.json")
    schema.config.update(base_url=site, headers={"Authorization": f"Bearer {token}"})
    schema.config.generation.update(
        max_examples=examples, database="none", modes=list(GenerationMode), deterministic=True
    )
    run: set[str] = set()
    wrong: list[str] = []
    for event in from_schema(schema).execute():
        if isinstance(event, events.NonFatalError | events.FatalError):
            wrong.append(str(event))
        if isinstance(event, events.ScenarioFinished):
            run.add(str(event.label))
            wrong += _failures(event)
    return run, wrong


def _failures(event: Any) -> list[str]:
    if event.status in (Status.SUCCESS, Status.SKIP):
        return []
    found = [
        f"{event.label}: {check.name}: {check.failure_info.failure}"
        for checks in event.recorder.checks.values()
        for check in checks
        if check.status == Status.FAILURE
    ]
    return found or [f"{event.label}: {event.status}"]
