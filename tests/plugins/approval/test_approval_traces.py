"""Plan, then run: whatever happens to requests and hosts, no request has two outcomes."""

import json
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs
import trio
from approval_bench import Court, Deck, court, decision, lines_of
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from trio.testing import MockClock

from trunkline import TrunklineError
from trunkline.simulator import Approval
from trunkline.simulator.frames import approval_frame
from trunkline.simulator.ledger import Ledger
from trunkline_plugins.approval.decision import STATUS_OF, Decision
from trunkline_plugins.approval.log import AlreadyStored
from trunkline_plugins.approval.request import digest, view_of

HOSTS = {"one": "demo-token", "other": "second-token"}
POINTS = ("", "stored", "sent")
LOSSES = ("", "request", "answer")

requests = st.integers(0, 3)
hosts = st.sampled_from(sorted(HOSTS))
outcomes = st.sampled_from(sorted(STATUS_OF))


class Crash(Exception):
    """The host is gone."""


@attrs.define
class Trace:
    """One run of a plan."""

    court: Court
    connections: dict[str, Any]
    ledger: Ledger = attrs.Factory(Ledger)
    asked: list[Approval] = attrs.Factory(list)
    seen: dict[str, str] = attrs.Factory(dict)
    """{request: hash of what its event showed}"""
    sent: list[tuple[str, str, str]] = attrs.Factory(list)
    """(host, request, outcome)"""
    point: str = ""

    def ask(self, quorum: int) -> None:
        approval = self.court.ask(approvals_required=quorum)
        self.asked.append(approval)
        frame = approval_frame(approval, "approval_created", approval.requested_at)
        self.seen[approval.id] = digest(view_of(frame))

    def find(self, number: int) -> Approval:
        return self.asked[number % len(self.asked)]

    def change(self, number: int, changes: Callable[[Approval], dict[str, Any]]) -> None:
        """Change a request that is still open."""
        asked = self.find(number)
        if asked.status == "pending":
            for field, value in changes(asked).items():
                setattr(asked, field, value)

    async def host(self, name: str, loses: str, point: str, *, act: Any) -> None:
        """Start a host, let it act, and end it: in order, or by a crash."""

        def at(reached: str) -> None:
            if reached == point:
                raise Crash

        deck = self.court.deck(self.connections[name], name, at)
        deck.wire.loses = loses
        with suppress(Crash, AlreadyStored, TrunklineError):
            await act(deck)
        self.sent += [(name, *each) for each in deck.wire.sent]

    async def decide(self, number: int, name: str, outcome: str, loses: str, point: str) -> None:
        approval = self.find(number)
        hash_ = self.seen[approval.id]

        async def act(deck: Deck) -> None:
            told = decision(outcome, request=approval.id, hash=hash_)  # type: ignore[arg-type] # drawn from the two
            await deck.deciding.decide(told)

        await self.host(name, loses, point, act=act)

    async def restart(self, name: str, loses: str, point: str) -> None:
        async def act(deck: Deck) -> None:
            for each in await deck.deciding.unanswered():
                await deck.deciding.complete(each.decision)

        await self.host(name, loses, point, act=act)

    def judge(self) -> None:
        """Hold the whole trace to what is promised."""
        stored: dict[tuple[str, str], Decision] = {}
        for name in HOSTS:
            path = self.court.directory / f"{name}.jsonl"
            records = [json.loads(line) for line in lines_of(path)] if path.exists() else []
            for record in records:
                if record["kind"] == "decision":
                    self.ledger.decided((name, record["request"]), record["outcome"])
                    key = name, record["request"]
                    stored[key] = decision(**{k: record[k] for k in ("outcome", "request", "hash")})
        for approval in self.asked:
            for entry in approval.history:
                if entry.event_type in {"approved", "declined"}:
                    self.ledger.decided(approval.id, entry.event_type)
        self.ledger.verify("B7")
        for name, request, outcome in self.sent:
            assert stored[name, request].outcome == outcome, "sent, and not what was stored"
        for approval in self.asked:
            if approval.status == "approved":
                voted = [key for key in stored if key[1] == approval.id]
                assert voted, "approved, and nobody decided that"
                frame = approval_frame(approval, "approval_created", approval.requested_at)
                assert {stored[key].hash for key in voted} == {digest(view_of(frame))}, "altered"


@contextmanager
def directory() -> Iterator[Path]:
    with TemporaryDirectory() as name:
        yield Path(name)


class Plans(RuleBasedStateMachine):
    """Only collects what is to happen; the run is one, at the end (reliability Q5)."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[tuple[Any, ...]] = []

    @initialize(quorum=st.integers(1, 2))
    def begin(self, quorum: int) -> None:
        self.steps.append(("ask", quorum))

    @rule(quorum=st.integers(1, 2))
    def ask(self, quorum: int) -> None:
        self.steps.append(("ask", quorum))

    @rule(
        number=requests,
        host=hosts,
        outcome=outcomes,
        loses=st.sampled_from(LOSSES),
        point=st.sampled_from(POINTS),
    )
    def decide(self, number: int, host: str, outcome: str, loses: str, point: str) -> None:
        self.steps.append(("decide", number, host, outcome, loses, point))

    @rule(host=hosts, loses=st.sampled_from(LOSSES), point=st.sampled_from(POINTS))
    def restart(self, host: str, loses: str, point: str) -> None:
        self.steps.append(("restart", host, loses, point))

    @rule(number=requests)
    def alter(self, number: int) -> None:
        self.steps.append(("alter", number))

    @rule(number=requests)
    def more_time(self, number: int) -> None:
        self.steps.append(("more time", number))

    @rule(seconds=st.sampled_from([10, 200, 400]))
    def wait(self, seconds: int) -> None:
        self.steps.append(("wait", seconds))

    def teardown(self) -> None:
        with directory() as path:
            trio.run(_run, self.steps, path, clock=MockClock(autojump_threshold=0))


async def _run(steps: list[tuple[Any, ...]], path: Path) -> None:
    async with AsyncExitStack() as stack:
        opened = await stack.enter_async_context(court(path))
        connections = {
            name: await stack.enter_async_context(opened.connect(token))
            for name, token in HOSTS.items()
        }
        trace = Trace(opened, connections)
        for name, *details in steps:
            match name:
                case "ask":
                    trace.ask(*details)
                case "decide":
                    await trace.decide(*details)
                case "restart":
                    await trace.restart(*details)
                case "alter":
                    trace.change(details[0], lambda asked: {"tool_args": {"force": True}})
                case "more time":
                    trace.change(details[0], lambda asked: {"expires_at": asked.expires_at + 300})
                case "wait":
                    await trio.sleep(*details)
        trace.judge()


#: No trace has two outcomes for one request (S17).
TestTraces = Plans.TestCase
TestTraces.settings = settings(max_examples=8, stateful_step_count=12, deadline=None)
