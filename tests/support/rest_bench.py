"""A simulator in memory, asked over HTTP as the product asks."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs

from trunkline.config import Secret, parse_url
from trunkline.connection.credentials import Credentials
from trunkline.connection.requesting import Requesting
from trunkline.plugin_api import Response
from trunkline.simulator import ACCOUNT_A, Approval, Simulator

URL = "ws://127.0.0.1:1/api/v1/ws/unified"
NOW = 1_795_380_645.25  # s since 1970
EXECUTIONS, APPROVALS = "/api/v1/flows/executions", "/api/v1/approval-requests"


@attrs.define
class Bench:
    simulator: Simulator
    dial: Any = None
    wall: float = NOW

    async def ask(
        self,
        method: str,
        path: str,
        params: Any = None,
        json: Any = None,
        token: str = "demo-token",
    ) -> Response:
        credentials = Credentials(Secret(token) if token else None)
        requesting = Requesting(parse_url(URL), self.dial, credentials, "test")
        return await requesting.request(method, path, params, json)


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    found = Bench(Simulator(seed=1, walltime=lambda: found.wall))
    async with found.simulator.in_memory() as found.dial:
        yield found


def request(simulator: Simulator, **details: Any) -> Approval:
    drawn = Approval.draw(random.Random(str(details)), ACCOUNT_A, NOW, **details)
    return simulator.world.request_approval(drawn)
