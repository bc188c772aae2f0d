"""`trunkline approvals` against a server on loopback: a command as people type it, and agents that ask."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import Result
from served import Served

from trunkline.simulator import ACCOUNT_A, Approval, Simulator

RNG = random.Random(1)
Run = Callable[..., Result]


def log_at(config: Path) -> Path:
    return config.parent / "var" / "decisions.jsonl"


def ask(served: Served, **details: Any) -> Approval:
    """Let an agent ask; it may for five minutes."""

    def request(simulator: Simulator) -> Approval:
        now = simulator.world.walltime()
        return simulator.world.request_approval(Approval.draw(RNG, ACCOUNT_A, now, **details))

    return served.do(request)
