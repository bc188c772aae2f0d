"""An execution that is followed: each line once, to its end, by the link or by asking."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

import attrs
import httpx
import pytest
import trio
from trio.testing import MockClock

from trunkline import TransportError
from trunkline.config import config_from_mapping
from trunkline.host.command import open_command
from trunkline.simulator import Refusal, Simulator
from trunkline.simulator.rest import Asked, Rest
from trunkline_plugins.flow import Execution
from trunkline_plugins.flow.finding import found_row
from trunkline_plugins.flow.following import Following
from trunkline_plugins.flow.log import LogEntry, Seen, joined

MOMENT = datetime(2026, 11, 22, 21, 0, tzinfo=UTC)


@attrs.define
class Terminal:
    """What a person sees who follows."""

    shown: list[str] = attrs.Factory(list)
    told: list[str] = attrs.Factory(list)

    async def follow(self, begin_of_id: str, meanwhile: Callable[[], Any], **way: Any) -> Execution:
        """Follow an execution to its end; `way` says how the server is reached."""
        table = {"url": "ws://127.0.0.1:1/api/v1/ws/unified", "token": {"env": "T"}}
        config = config_from_mapping({"connection": table}, environ={"T": "demo-token"})
        async with (
            open_command(config, "flows", "flow", **way) as ctx,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(meanwhile)
            row = await found_row(ctx, begin_of_id)
            with trio.fail_after(60):
                return await Following(ctx, row, self._show, self.told.append).run()

    def _show(self, entry: LogEntry) -> None:
        self.shown.append(entry.text)


@pytest.mark.parametrize("is_away", [False, True])
async def test_follow_of_a_server_that_has_fallen_silent_ends_all_the_same(
    autojump_clock: MockClock, is_away: bool
) -> None:
    """It is looked at now and then, also where a look has failed before."""
    simulator = Simulator(seed=1)
    execution = simulator.world.add_execution()
    terminal = Terminal()

    async def fall_silent() -> None:
        await trio.sleep(3)
        simulator.world.update_execution(execution, "agent_log_line", {"line": "heard"})
        await trio.sleep(3)
        simulator.world.bus_is_up = False
        simulator.refusal = Refusal(503) if is_away else None
        simulator.world.update_execution(execution, "status_update", {"status": "TIMEOUT"})
        await trio.sleep(30)
        simulator.refusal = None

    async with simulator.in_memory() as dial:
        found = await terminal.follow(execution.id[:8], fall_silent, dial=dial)
    assert found.status == "TIMEOUT"
    assert terminal.shown == ["heard"]
    assert terminal.told == []


async def test_follow_needs_no_live_link(autojump_clock: MockClock) -> None:
    """Where a proxy lets no socket through the server is asked, and a person is told once."""
    simulator = Simulator(seed=1)
    execution = simulator.world.add_execution()
    rest = Rest(simulator.world, simulator.tokens)
    terminal = Terminal()

    async def go_on() -> None:
        await trio.sleep(40)
        simulator.world.update_execution(execution, "agent_log_line", {"line": "unheard"})
        simulator.world.update_execution(execution, "status_update", {"status": "SUCCEEDED"})

    async def refuse(*_: object) -> NoReturn:
        await trio.lowlevel.checkpoint()
        raise TransportError("rejected", "no upgrade here")

    async def answer(request: httpx.Request) -> httpx.Response:
        target = request.url.raw_path.decode()
        told = rest.answer(Asked.of(request.method, target, request.headers, b""))
        return httpx.Response(told.status, headers=dict(told.headers), json=told.body)

    http = httpx.MockTransport(answer)
    found = await terminal.follow(execution.id, go_on, dial=refuse, http_transport=http)
    assert found.status == "SUCCEEDED"
    assert "unheard" in terminal.shown
    assert terminal.told == ["no live link: the server is asked every 15 s"]


def entry(second: float, text: str = "one", *, stored: bool = False) -> LogEntry:
    return LogEntry(MOMENT + timedelta(seconds=second), "tool", text, is_stored=stored)


def test_a_line_that_comes_both_ways_is_one_line() -> None:
    """Stored a moment later than it was pushed; whichever way comes first, its own time stays."""
    pushed, stored = entry(0), entry(0.2, stored=True)
    for order in ((pushed, stored), (stored, pushed)):
        seen = Seen()
        tail: tuple[LogEntry, ...] = ()
        assert [seen.is_new(each) for each in order] == [True, False]
        for each in (*order, *order):  # what was fetched before is fetched again
            tail = joined(tail, each)
            assert len(tail) == 1
        assert tail == (pushed,)
        assert not any(seen.is_new(each) for each in order)


def test_two_lines_that_say_the_same_are_two() -> None:
    """Each pairs once: two pushed and two stored are two, and three stored make a third."""
    seen = Seen()
    ways = (entry(0), entry(1), entry(0.1, stored=True), entry(1.1, stored=True))
    assert [seen.is_new(each) for each in ways] == [True, True, False, False]
    assert seen.is_new(entry(1.2, stored=True))
    assert seen.is_new(entry(90, stored=True))
