"""`trunkline_host`: a host for a plugin's tests, and nothing that the test did not ask for."""

import socket
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import trio
from small_plugins import ENTRY, delivering, handling, running
from trio.testing import MockClock

import trunkline_plugins.flow
from trunkline import Event, PluginContext, hookimpl
from trunkline.errors import UsageError
from trunkline.plugin_api import (
    NotReady,
    Reject,
    Subscriptions,
    Topics,
)
from trunkline.simulator import Simulator
from trunkline.testing import HostFactory

AUDIT = Path(__file__).parents[3] / "docs" / "examples" / "audit.py"
SLOW = 0.05  # s of real time


async def test_p25_a_file_is_loaded_as_paths_would(
    trunkline_host: HostFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    """The ten lines of the README, at the time at which every test begins."""
    async with trunkline_host(only=[AUDIT]) as host:
        await host.push({"type": "audit_event", "payload": {"action": "policy_allow"}})
        [event] = host.published("audit")
    assert event.get("payload.action") == "policy_allow"
    assert capsys.readouterr().out.startswith("2026-01-01 00:00:00+00:00 {'type': 'audit_event'")


async def test_p25_nothing_installed_leaks_in(trunkline_host: HostFactory) -> None:
    """Built-ins, too, come only by name; what is not there is said with a near match."""
    async with trunkline_host() as host:
        assert host.host.records == ()
    async with trunkline_host(only=["flow"]) as host:
        assert [record.name for record in host.host.records] == ["flow"]
    with pytest.raises(UsageError, match=r"no plugin `flwo` is installed; did you mean `flow`"):
        await trunkline_host(only=["flwo"]).__aenter__()
    with pytest.raises(UsageError, match=r'write only=\["flow"\]'):
        await trunkline_host(only="flow").__aenter__()


async def test_p25_a_module_is_called_by_its_entry_point(trunkline_host: HostFactory) -> None:
    """And by its last name where it has none; an instance by its class."""

    class Silent:
        @hookimpl
        def trunkline_register_topics(self, topics: Topics) -> None:
            topics.add("silence")

    local = ModuleType("acme.quiet")
    local.trunkline_register_topics = Silent().trunkline_register_topics  # type: ignore[attr-defined]
    async with trunkline_host(only=[trunkline_plugins.flow, local]) as host:
        assert [record.name for record in host.host.records] == ["flow", "quiet"]
    async with trunkline_host(only=[Silent()]) as host:
        assert [record.name for record in host.host.records] == ["silent"]


async def test_p25_push_does_not_wait_for_ever(trunkline_host: HostFactory) -> None:
    """Events of a plugin that is never up stay in its mailbox, and that is said."""

    class Never:
        @hookimpl
        def trunkline_register_subscriptions(self, subscriptions: Subscriptions) -> None:
            subscriptions.add("audit", print)

        @hookimpl
        async def trunkline_run(self, ctx: PluginContext[Any]) -> None:
            raise NotReady("no licence yet")

    async with trunkline_host(only=[Never()]) as host:
        with pytest.raises(AssertionError, match="not idle after 600 s; 1 waiting"):
            await host.push(ENTRY)
        assert host.plugin("never").reason == "no licence yet"


async def test_p25_push_returns_when_handlers_are_idle(trunkline_host: HostFactory) -> None:
    """However long they sleep, and whatever they publish for others."""
    done: list[float] = []

    async def handle(event: Event) -> None:
        await trio.sleep(20)
        done.append(trio.current_time())

    async with trunkline_host(only={"slow": handling(handle)}) as host:
        began = trio.current_time()
        await host.push(ENTRY)
        await host.push(ENTRY)
        assert [at - began for at in done] == [20, 40]


async def test_p25_time_waits_for_threads_and_sockets(trunkline_host: HostFactory) -> None:
    """A deadline of 30 s does not cut off who waits for something real for a moment."""
    seen: list[object] = []
    here, there = socket.socketpair()

    async def handle(event: Event) -> None:
        await trio.to_thread.run_sync(time.sleep, SLOW)
        here.setblocking(False)
        with trio.fail_after(10):
            await trio.lowlevel.wait_readable(here)
        seen.append(here.recv(1))

    def answer() -> None:
        time.sleep(2 * SLOW)
        there.send(b"x")

    async with trunkline_host(only={"real": handling(handle)}) as host, trio.open_nursery() as more:
        more.start_soon(trio.to_thread.run_sync, answer)
        began = trio.current_time()
        await host.push(ENTRY)
        assert trio.current_time() - began < 10
    here.close()
    there.close()
    assert seen == [b"x"]


async def test_p25_published_lists_what_passed_the_filters(trunkline_host: HostFactory) -> None:
    """Of the configuration, like those of plugins."""
    tables = {"filter": [{"topic": "audit", "where": {"payload.n": 2}, "action": "drop"}]}
    async with trunkline_host(only={"audit": handling(print)}, **tables) as host:
        for number in (1, 2, 3):
            await host.push({**ENTRY, "payload": {"n": number}})
        assert [event.get("payload.n") for event in host.published("audit")] == [1, 3]
        assert host.published("approvals") == []


async def test_p25_delivered_lists_what_a_sink_has_taken(trunkline_host: HostFactory) -> None:
    """Not what it has rejected; a misspelt name is an error, and no empty list."""

    async def write(events: Sequence[Event]) -> None:
        raise Reject({at: "odd" for at, each in enumerate(events) if each.get("payload.n") % 2})

    async with trunkline_host(only={"audit": delivering(write)}) as host:
        for number in (1, 2, 3, 4):
            await host.push({**ENTRY, "payload": {"n": number}})
        assert host.delivered("audit.file") == []
        await host.flush()
        assert [event.get("payload.n") for event in host.delivered("audit.file")] == [2, 4]
        with pytest.raises(LookupError, match=r"no sink `file`; there are: audit\.file"):
            host.delivered("file")


async def test_p25_drop_connection_returns_in_the_next_epoch(trunkline_host: HostFactory) -> None:
    """Every subscription is told of the gap, and what comes then is of the new socket."""
    async with trunkline_host(only={"audit": handling(print)}) as host:
        await host.drop_connection()
        await host.push(ENTRY)
        [event] = host.published("audit")
        [gap] = host.gaps()
    assert (event.epoch, gap.cause, gap.epoch) == (2, "reconnect", 2)


async def test_p25_drop_connection_ends_where_the_server_takes_nobody_any_more(
    trunkline_host: HostFactory,
) -> None:
    async with trunkline_host() as host:
        host.simulator.refuse_tokens = True
        with pytest.raises(
            AssertionError, match=r"no link again 600 s after `drop_connection`; .*:"
        ):
            await host.drop_connection()


async def test_p25_chance_is_fixed(trunkline_host: HostFactory) -> None:
    """Two runs make up the same things at the same times."""

    async def once() -> tuple[str, str, float]:
        async with trunkline_host() as host:
            began = trio.current_time()
            execution = host.simulator.world.add_execution()
            await host.push({**ENTRY, "execution_id": execution.id})
            await host.drop_connection()
            [event] = host.published("audit")
            return execution.id, event.get("execution_id"), round(trio.current_time() - began, 6)

    assert await once() == await once()


async def test_p25_faults_are_those_of_the_simulator(trunkline_host: HostFactory) -> None:
    """The network breaks as `simulate --fault` says, and the host comes back."""
    async with trunkline_host(only={"audit": handling(print)}, faults="reset@5s") as host:
        await trio.sleep(30)
        assert [gap.cause for gap in host.gaps()][:1] == ["reconnect"]
        assert host.simulator.statistics().accepted > 1


async def test_a_simulator_of_ones_own_and_what_it_received(trunkline_host: HostFactory) -> None:
    """Commands of a plugin are seen where they arrive; the line it shows, too."""

    async def run(ctx: PluginContext[Any]) -> None:
        ctx.started()
        reply = await ctx.send({"type": "command", "command": "stop", "execution_id": "e"})
        ctx.note(f"{reply and reply['status']}")

    simulator = Simulator(seed=7)
    async with trunkline_host(only={"brake": running(run)}, simulator=simulator) as host:
        await host.settle()
        [command] = host.sent("command")
        assert host.errors()[0].reason
    assert host.simulator is simulator
    assert command["execution_id"] == "e"


async def test_a_clock_of_ones_own_is_used(
    trunkline_host: HostFactory, mock_clock: MockClock
) -> None:
    """Time stands still then, for who wants to move it by hand."""
    async with trunkline_host() as host:
        began = trio.current_time()
        await host.settle()
        assert trio.current_time() == began == mock_clock.current_time()
        mock_clock.autojump_threshold = 0  # the stop takes its time


async def test_a_text_can_be_pushed_as_it_is(trunkline_host: HostFactory) -> None:
    """What is no message is dropped, and nobody's error."""
    async with trunkline_host(only={"audit": handling(print)}) as host:
        await host.push("{not json")
        await host.push(ENTRY)
        assert len(host.published("audit")) == 1
