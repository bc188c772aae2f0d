"""What the tests of decisions stand on: requests told as the server tells them, and hosts that decide.

The server is the simulator in memory, so time is virtual; the wire to it can lose what is said.
"""

import json
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import attrs
import trio

from trunkline import NotSent, OutcomeUnknown, open_connection
from trunkline.plugin_api import Response
from trunkline.simulator import ACCOUNT_A, Approval, Simulator
from trunkline_plugins.approval.deciding import At, Deciding
from trunkline_plugins.approval.decision import Decision, Outcome, Rules
from trunkline_plugins.approval.log import DecisionLog
from trunkline_plugins.approval.request import digest, message_of, view_of
from trunkline_plugins.approval.server import Server

URL = "ws://127.0.0.1:1/api/v1/ws/unified"
START = datetime(2026, 11, 22, 21, 2, 0, tzinfo=UTC)
ID = "28a60712-7e48-40d8-80a6-27841d6fd67e"
LATER = timedelta(seconds=300)
#: {kind of a line in the log: the field that says most}
GIST = {"decision": "outcome", "answer": "result", "withheld": "result"}

T = TypeVar("T")


def naive(moment: datetime) -> str:
    """Write a time as the server does here: UTC without an offset."""
    return moment.replace(tzinfo=None).isoformat()


def row(request: str = ID, **fields: Any) -> dict[str, Any]:
    """Return a request as the REST interface shows it."""
    return {
        "id": request,
        "status": "pending",
        "tool_name": "deploy_service",
        "tool_args": {"env": "production", "n": 1},
        "requested_at": naive(START),
        "resolved_at": None,
        "expires_at": naive(START + LATER),
        **fields,
    }


def hash_of(**fields: Any) -> str:
    """Return the hash of a request."""
    return digest(view_of(message_of(row(**fields))))


def decision(outcome: Outcome = "approve", **fields: Any) -> Decision:
    """Return a rule's decision about the request of `row`."""
    told = {"request": ID, "hash": hash_of(), "by": "rule[0]", "is_by_rule": True, "host": "here"}
    return Decision(outcome=outcome, **{**told, **fields})


def lines_of(path: Path) -> list[bytes]:
    """Return the lines of a file."""
    return path.read_bytes().splitlines()


def log_of(path: Path) -> list[str]:
    """Return a log in short: `decision approve`, `answer approved`."""
    records = [json.loads(line) for line in lines_of(path)] if path.exists() else []
    return [f"{record['kind']} {record[GIST[record['kind']]]}" for record in records]


async def in_line(function: Callable[[], T]) -> T:
    """Take the place of a thread, which looks idle in virtual time."""
    return function()


@attrs.define
class Wire:
    """A connection whose decisions can be lost."""

    inner: Any
    sent: list[tuple[str, str]] = attrs.Factory(list)
    """The decisions that left: (id, `approve` or `decline`)."""
    loses: str = ""
    """`request`: nothing leaves; `answer`: it is handled, and nobody hears of it."""
    gate: trio.Event | None = None
    """Decisions wait for it."""

    async def request(
        self, method: str, path: str, params: Mapping[str, Any] | None = None, json: Any = None
    ) -> Response:
        if method == "POST":
            if self.loses == "request":
                raise NotSent("no way to the server")
            if self.gate is not None:
                await self.gate.wait()
            self.sent.append((path.split("/")[-2], path.split("/")[-1]))
        answer: Response = await self.inner.request(method, path, params, json)
        if method == "POST" and self.loses == "answer":
            raise OutcomeUnknown("no usable answer")
        return answer


@attrs.define(eq=False)
class Deck:
    """One host: its wire, its log, and what decides."""

    deciding: Deciding
    wire: Wire
    log: Path

    async def decision_on(
        self, approval: Approval, outcome: Outcome = "approve", **fields: Any
    ) -> Decision:
        """Return a decision on a request as it stands now."""
        message = await Server(self.wire).request(approval.id)
        assert message is not None
        return decision(outcome, request=approval.id, hash=digest(view_of(message)), **fields)


@attrs.define
class Court:
    """A server, and as many hosts as a test wants."""

    simulator: Simulator
    connect: Callable[[str], Any]
    directory: Path
    rng: random.Random = attrs.Factory(lambda: random.Random(1))

    def ask(self, **details: Any) -> Approval:
        """Let an agent ask for something; it may for five minutes."""
        world = self.simulator.world
        approval = Approval.draw(self.rng, ACCOUNT_A, world.walltime(), **details)
        world.request_approval(approval)
        return approval

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.simulator.world.walltime(), UTC)

    def deck(
        self,
        connection: Any,
        name: str = "one",
        at: At = lambda _: None,
        rules: Rules | None = None,
    ) -> Deck:
        """Return a host over a connection; one of the same name has the same log."""
        path = self.directory / f"{name}.jsonl"
        wire = Wire(connection)
        log = DecisionLog(path, now=self.now)
        deciding = Deciding(Server(wire), log, now=self.now, rules=rules, run_sync=in_line, at=at)
        return Deck(deciding, wire, path)

    @asynccontextmanager
    async def host(
        self,
        name: str = "one",
        token: str = "demo-token",
        at: At = lambda _: None,
        rules: Rules | None = None,
    ) -> AsyncIterator[Deck]:
        """Connect a host."""
        async with self.connect(token) as connection:
            yield self.deck(connection, name, at, rules)


@asynccontextmanager
async def court(directory: Path) -> AsyncIterator[Court]:
    """Open a server in memory, whose wall clock begins at `START` and follows Trio's."""
    began = trio.current_time()

    def walltime() -> float:
        return START.timestamp() + trio.current_time() - began

    simulator = Simulator(seed=1, walltime=walltime)
    async with simulator.in_memory() as dial:
        connect = partial(open_connection, URL, dial=dial, walltime=walltime)
        yield Court(simulator, connect, directory)
