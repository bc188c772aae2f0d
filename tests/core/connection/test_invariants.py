"""The invariants of a connection under any plan of losses, sends, stops and credential changes.

A plan is drawn first and carried out by one run in virtual time (reliability Q5), so that what
Hypothesis finds it can also shrink.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import attrs
import hypothesis.strategies as st
import pytest
import trio
import trio.testing
from connection_bench import TOKEN, Bench, open_bench
from examples import examples
from hypothesis import HealthCheck, example, given, settings
from ledger_bench import watch

from trunkline.connection.states import NEXT, ConnectionState, StateChange
from trunkline.errors import NotSent, OutcomeUnknown, Rejected
from trunkline.events import Event
from trunkline.simulator import Simulator
from trunkline.simulator.ledger import Ledger
from trunkline.simulator.users import ALICE, BOB, User

BEFORE_READY = {"authenticate", "subscribe", "pong"}
TOPICS = ("audit", "runners")

ACTIONS = st.one_of(
    st.tuples(st.just("wait"), st.sampled_from([0.0, 0.1, 1.0, 7.0, 40.0])),
    st.tuples(st.just("push"), st.integers(1, 5)),
    st.tuples(st.just("send"), st.integers(1, 3)),
    st.tuples(st.just("cancelled send"), st.just(1)),
    st.tuples(st.just("close"), st.sampled_from([None, 1000, 1001, 1011, 1012, 1013, 4401])),
    st.tuples(st.just("restart"), st.sampled_from([0.0, 3.0])),
    st.tuples(st.just("refuse"), st.booleans()),
    st.tuples(st.just("another user"), st.booleans()),
    st.tuples(st.just("deaf"), st.booleans()),
    st.tuples(st.just("retry"), st.just(1)),
    st.tuples(st.just("subscribe"), st.sampled_from(TOPICS)),
    st.tuples(st.just("leave"), st.just(1)),
)
PLANS = st.lists(ACTIONS, max_size=25)


class OneAtATime(trio.abc.Stream):
    """A client's stream that knows whether it is open, and refuses two writers (I1, I7)."""

    def __init__(self, stream: trio.abc.Stream, live: set["OneAtATime"]) -> None:
        self._stream = stream
        self._live = live
        live.add(self)

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self._stream.receive_some(max_bytes)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)  # a memory stream refuses a second writer by itself

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        self._live.discard(self)
        await self._stream.aclose()


@attrs.define
class Run:
    """One plan being carried out."""

    bench: Bench
    nursery: trio.Nursery
    ledger: Ledger
    users: dict[str, User]
    ends: list[Callable[[], None]] = attrs.Factory(list)
    outcomes: defaultdict[int, list[str]] = attrs.Factory(lambda: defaultdict(list))
    pushed: int = 0
    said: int = 0
    names: int = 0

    async def carry_out(self, action: tuple[str, Any]) -> None:
        simulator, connection = self.bench.simulator, self.bench.connection
        match action:
            case "wait", float(seconds):
                await trio.sleep(seconds)
            case "push", int(count):
                for _ in range(count):
                    for topic, kind in (("audit", "audit_event"), ("runners", "runner_updated")):
                        self.ledger.sent(self.pushed, topic)
                        simulator.push({"type": kind, "n": self.pushed})
                        self.pushed += 1
            case "send", int(count):
                for _ in range(count):
                    self.nursery.start_soon(self.say, trio.CancelScope())
            case "cancelled send", _:
                scope = trio.CancelScope()
                self.nursery.start_soon(self.say, scope)
                await trio.lowlevel.checkpoint()
                scope.cancel()
            case "close", code:
                simulator.close_all(code)
            case "restart", float(seconds):
                simulator.restart(seconds)
            case "refuse", bool(refuse):
                simulator.refuse_tokens = refuse
            case "another user", bool(other) if connection.statistics().connect_count:
                self.users[TOKEN] = BOB if other else ALICE
            case "deaf", bool(deaf):
                simulator.answers_pings = not deaf
            case "retry", _:
                connection.retry_now()
            case "subscribe", str(topic):
                self.names += 1
                self.ends.append(watch(self.ledger, connection, f"{topic} {self.names}", topic))
            case "leave", _ if self.ends:
                self.ends.pop()()

    async def say(self, scope: trio.CancelScope) -> None:
        """Send a command of its own number; note the one outcome."""
        number, self.said = self.said, self.said + 1
        message = {"type": "command", "command": "note", "execution_id": "x", "message": number}
        with scope:
            try:
                await self.bench.connection.send(message)
            except (Rejected, NotSent, OutcomeUnknown) as exc:
                self.outcomes[number].append(type(exc).__name__)
            else:
                self.outcomes[number].append("answered")
        if scope.cancelled_caught:
            self.outcomes[number].append("cancelled")


async def run(plan: list[tuple[str, Any]], end: str = "settled") -> None:
    users = {TOKEN: ALICE}
    live: set[OneAtATime] = set()
    ledger = Ledger()

    def counted(dial: Any) -> Any:
        async def connect(endpoint: Any, on_phase: Any) -> trio.abc.Stream:
            assert not live, "I1: a socket is still open"
            return OneAtATime(await dial(endpoint, on_phase), live)

        return connect

    simulator = Simulator(seed=1, users=users)
    async with (
        open_bench(simulator, topics=TOPICS, wrap=counted) as bench,
        trio.open_nursery() as nursery,
    ):
        connection = bench.connection
        stale: list[Event] = []
        others: list[object] = []

        def compare(event: Event) -> None:
            if event.origin == "live" and event.epoch != connection.status.epoch:
                stale.append(event)

        def check_identity(_: StateChange) -> None:
            if connection.status.user not in {None, ALICE.username}:
                others.append(connection.status.user)

        connection.subscribe("*", compare)
        connection.on_state_change(check_identity)
        at_work = Run(bench, nursery, ledger, users)
        await at_work.carry_out(("subscribe", "audit"))
        await bench.next_change()  # it runs
        for action in plan:
            await at_work.carry_out(action)
            assert connection.status.epoch == len(bench.attempts)  # I2
        if end == "settled":
            await settle(bench, users)
        assert not stale  # I3
        assert not others  # CR4
        connection.drain()
        if end == "drained":
            await trio.sleep(3)
        connection.stop()
        with trio.fail_after(2):
            await connection.wait_ended()
        await trio.testing.wait_all_tasks_blocked()
        assert [len(each) for each in at_work.outcomes.values()] == [1] * at_work.said  # I8
        assert not live  # I1
        check_states(bench)
        check_frames(bench, at_work.outcomes)
    if end == "settled":  # else what is missing at the end has no gap behind it
        ledger.verify("B1", "B2")


async def settle(bench: Bench, users: dict[str, User]) -> None:
    """Let all be well again, and wait until it is."""
    bench.simulator.refuse_tokens, bench.simulator.answers_pings = False, True
    users[TOKEN] = ALICE
    bench.connection.retry_now()
    await bench.until(ConnectionState.CONNECTED)
    await trio.sleep(40)  # whatever the last action broke is noticed and mended
    await bench.until(ConnectionState.CONNECTED)
    await bench.connection.barrier()


def check_states(bench: Bench) -> None:
    """I4: one order, each change allowed, each beginning where the last one ended."""
    old = ConnectionState.DISCONNECTED
    for change in bench.changes:
        assert change.old is old
        assert change.new in NEXT[old]
        old = change.new
    assert [change.epoch for change in bench.changes] == sorted(
        change.epoch for change in bench.changes
    )


def check_frames(bench: Bench, outcomes: dict[int, list[str]]) -> None:
    """I5: what comes before READY; and what the server got of each command (B6)."""
    others: set[object] = set()
    got: Counter[int] = Counter()
    for received in bench.simulator.received:
        message = json.loads(received.frame)
        if message["type"] in {"authenticate", "subscribe"}:
            assert received.socket not in others
        elif message["type"] not in BEFORE_READY:
            others.add(received.socket)
        if message["type"] == "command":
            got[message["message"]] += 1
    for number, [outcome] in outcomes.items():
        assert got[number] <= 1
        assert got[number] == 0 or outcome != "NotSent"
        assert got[number] == 1 or outcome not in {"answered", "Rejected"}


@pytest.mark.unmeasured
@settings(max_examples=examples(80), suppress_health_check=[HealthCheck.too_slow], database=None)
@given(plan=PLANS, end=st.sampled_from(["settled", "settled", "drained", "at once"]))
@example(
    plan=[("wait", 1.0), ("close", None), ("retry", 1), ("push", 3), ("send", 2)], end="settled"
)
@example(
    plan=[("wait", 1.0), ("refuse", True), ("close", 1012), ("send", 3), ("wait", 40.0)],
    end="settled",
)
@example(
    plan=[("wait", 1.0), ("deaf", True), ("push", 3), ("cancelled send", 1), ("wait", 40.0)],
    end="settled",
)
def test_ts3_i1_to_i8_hold_under_any_plan(plan: list[tuple[str, Any]], end: str) -> None:
    """One socket, one order, one outcome for each send; nothing lost silently, nothing twice."""
    trio.run(run, plan, end, clock=trio.testing.MockClock(autojump_threshold=0))


@pytest.mark.unmeasured
@pytest.mark.parametrize("seed", range(3))
def test_acceptance_08_fifty_losses_in_a_row(seed: int) -> None:
    """Losses with `retry_now()` and subscriptions during handshakes."""
    import random

    rng = random.Random(seed)
    plan: list[tuple[str, Any]] = []
    for _ in range(50):
        plan += [
            ("close", rng.choice([None, 1000, 1012])),
            ("retry", 1),
            ("wait", rng.choice([0.0, 0.0, 0.1, 1.0])),
            (rng.choice(["subscribe", "subscribe", "push"]), "audit"),
            ("push", 1),
        ]
    plan = [action for action in plan if action != ("push", "audit")]
    trio.run(run, plan, clock=trio.testing.MockClock(autojump_threshold=0))
