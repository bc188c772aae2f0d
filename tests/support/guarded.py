"""What the tests of guards share: rules, the audit file, and an execution at work."""

import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from trunkline.simulator import Execution
from trunkline.testing import HostUnderTest

#: Runs a host with rules: `async with guarding(rule) as host`.
Guarding = Callable[..., AbstractAsyncContextManager[HostUnderTest]]


def table(tmp_path: Path, *rules: dict[str, Any]) -> dict[str, Any]:
    return {"flow": {"audit": str(tmp_path / "audit.jsonl"), "guard": [*rules]}}


def audit(tmp_path: Path) -> list[dict[str, Any]]:
    path = tmp_path / "audit.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def begin(host: HostUnderTest, flow: str = "nightly") -> Execution:
    execution = host.simulator.world.add_execution()
    begun = {"status": "RUNNING", "fleet_context": {"flow_name": flow}}
    host.simulator.world.update_execution(execution, "status_update", begun)
    return execution


def update(host: HostUnderTest, execution: Execution, kind: str, **payload: Any) -> None:
    host.simulator.world.update_execution(execution, kind, payload)
