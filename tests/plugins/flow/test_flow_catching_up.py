"""What was missed is fetched: the table is then as if nothing had been missed."""

import json
import random
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import attrs
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from trunkline import Event, Gap
from trunkline.plugin_api import Response
from trunkline.simulator import ACCOUNT_A, ALICE, Execution, User
from trunkline.simulator.catalogue import FLOWS
from trunkline.simulator.rest import Asked, Rest
from trunkline.simulator.runs import Run
from trunkline.simulator.scenarios import Stage, play_beat
from trunkline.simulator.users import DEFAULT_USERS, Tokens
from trunkline.simulator.world import World
from trunkline_plugins.flow import ExecutionStore
from trunkline_plugins.flow.fetching import catch_up, messages_of

START = 1_795_380_600.0  # s since 1970
TOPIC = "flow_executions"


@attrs.define(eq=False, slots=False)
class Server:
    """A world with its HTTP side, and a socket that hears everything."""

    now: float = START
    user: User | None = ALICE
    topics: Collection[str] = ()
    pushed: list[dict[str, Any]] = attrs.Factory(list)
    asked_count: int = 0

    def __attrs_post_init__(self) -> None:
        self.world = World(random.Random(1), lambda: self.now)
        self.world.join(self)
        self.rest = Rest(self.world, Tokens(DEFAULT_USERS))

    def offer(self, text: str) -> None:
        message = json.loads(text)
        if message.get("topic", TOPIC) == TOPIC:
            self.pushed.append(message)

    async def request(
        self, method: str, path: str, params: Mapping[str, Any] | None = None, json: Any = None
    ) -> Response:
        await trio.lowlevel.checkpoint()
        self.asked_count += 1
        target = f"{path}?{urlencode(params or {}, doseq=True)}"
        fields = {"authorization": "Bearer demo-token"}
        answer = self.rest.answer(Asked.of(method, target, fields, b""))
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Response(answer.status, headers, answer.body)

    def play(self, seed: int, outcome: Any, beats: int | None = None) -> Execution:
        """Play a run, or its beginning."""
        rng = random.Random(seed)
        flow = FLOWS[seed % len(FLOWS)]
        execution = Execution.draw(rng, ACCOUNT_A, flow.name)
        self.world.add_execution(execution)
        stage = Stage(self.world, rng, ACCOUNT_A)
        for number, beat in enumerate(Run(rng, flow, execution).beats(outcome)):
            if number == beats:
                break
            self.now += beat.pause + 0.001  # no two of one moment: then the log has no order
            play_beat(stage, execution, beat)
        return execution


def live(messages: list[dict[str, Any]]) -> ExecutionStore:
    store = ExecutionStore()
    for message in messages:
        store.apply(Event(TOPIC, message["type"], message))
    return store


def gap() -> Gap:
    moment = datetime.fromtimestamp(START, UTC)
    return Gap(TOPIC, "reconnect", moment, moment, 2)


SERVER = Server()  # played once; every example reads it
for _seed, _outcome in ((1, "success"), (2, "failure"), (3, "success")):
    SERVER.play(_seed, _outcome)
SERVER.play(4, "success", beats=12)  # still at work
MESSAGES = tuple(SERVER.pushed)


@given(st.integers(0, 2**32), st.floats(0, 1), st.floats(0, 1))
def test_whatever_was_missed_repeated_or_shuffled_the_table_is_whole_after_the_back_fill(
    seed: int, kept: float, doubled: float
) -> None:
    """Four runs, three of them to their ends; from nothing to everything may be missing."""
    rng = random.Random(seed)
    some = [message for message in MESSAGES if rng.random() <= kept]
    some += [message for message in some if rng.random() <= doubled]
    rng.shuffle(some)
    before, after = some[: len(some) // 2], some[len(some) // 2 :]
    store = live(before)
    store.note_gap(gap())
    fetched = trio.run(catch_up, SERVER, store, datetime.fromtimestamp(START, UTC))
    for message in after:  # live events do not wait for the back-fill
        store.apply(Event(TOPIC, message["type"], message))
    for message in fetched:
        store.apply(Event(TOPIC, message["type"], message, origin="backfill"))
    assert store.executions() == live([*MESSAGES]).executions()


async def test_without_the_log_the_rows_tell_how_everything_stands() -> None:
    """A server that has lost its bus stores no updates; status, times and figures are there."""
    server = Server()
    server.world.bus_is_up = False
    server.play(1, "success")
    server.play(2, "failure")
    store = ExecutionStore()
    for message in await catch_up(server, store, datetime.fromtimestamp(START, UTC)):
        store.apply(Event(TOPIC, message["type"], message, origin="backfill"))
    failed, succeeded = store.executions()
    assert (succeeded.status, failed.status) == ("SUCCEEDED", "FAILED")
    assert succeeded.tokens == server.world.executions[succeeded.id].tokens
    assert failed.error == server.world.executions[failed.id].error_message
    assert succeeded.ended_at is not None
    assert succeeded.flow_name == FLOWS[1].name


async def test_many_are_fetched_in_pages() -> None:
    """250 at work: three pages of rows, and what each has written."""
    server = Server()
    for seed in range(250):
        server.play(seed, "success", beats=1)
    found = await catch_up(server, ExecutionStore(), datetime.fromtimestamp(START, UTC))
    assert len({message["execution_id"] for message in found}) == 250


async def test_what_was_at_work_before_is_asked_for_by_its_id() -> None:
    """It began long ago and has ended meanwhile: no list that is asked for names it."""
    server = Server()
    execution = server.play(1, "success", beats=8)
    store = live(server.pushed)
    server.now += 86_400
    since = datetime.fromtimestamp(server.now, UTC)
    server.world.update_execution(execution, "status_update", {"status": "TIMEOUT"})
    for message in await catch_up(server, store, since):
        store.apply(Event(TOPIC, message["type"], message, origin="backfill"))
    [found] = store.executions()
    assert found.status == "TIMEOUT"


@pytest.mark.parametrize("status", ["RUNNING", "STOPPED", "SOMETHING_NEW"])
def test_a_row_says_no_figure_it_does_not_have(status: str) -> None:
    """The row of a run at work has zeros; they do not stand against the stream's figures."""
    row = {"id": "1", "status": status, "created_at": "2026-11-22T20:50:00", "total_tokens": 0}
    _, update = messages_of(row)
    assert ("total_tokens" in update["payload"]) is (status == "STOPPED")


async def test_the_lines_of_one_that_ended_right_after_the_gap_are_fetched() -> None:
    """We know that it has ended, and not what it wrote while nobody listened."""
    server = Server()
    execution = server.play(1, "success", beats=8)
    store = live(server.pushed)
    server.now += 86_400
    since = datetime.fromtimestamp(server.now, UTC)
    server.world.update_execution(execution, "agent_log_line", {"line": "unheard"})
    server.pushed.clear()
    server.world.update_execution(execution, "status_update", {"status": "SUCCEEDED"})
    for message in server.pushed:
        store.apply(Event(TOPIC, message["type"], message))
    for message in await catch_up(server, store, since):
        store.apply(Event(TOPIC, message["type"], message, origin="backfill"))
    [found] = store.executions()
    assert "unheard" in [entry.text for entry in found.log]
    assert [entry.text for entry in found.log].count("SUCCEEDED") == 1
