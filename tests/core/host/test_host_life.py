"""A host's life: everything started in order, stopped in order, inside its limits."""

import math
from pathlib import Path
from typing import Any

import pytest
import trio
from host_bench import plugin, running

from trunkline.config import config_from_mapping
from trunkline.errors import RequiredPluginMissing
from trunkline.host import Host
from trunkline.simulator import Simulator


async def test_the_built_ins_run_and_the_link_is_up(autojump_clock: trio.testing.MockClock) -> None:
    """Ready means: plugins started, then connected."""
    async with running(disable=()) as (host, _):
        await host.connection.wait_connected()
        assert {record.state.value for record in host.records} == {"running"}
        late: list[str] = []
        host.router.subscribe("system", lambda event: late.append(event.type))
        assert late.count("plugin.state") == len(host.records)
    assert host.connection.state.value == "disconnected"


async def test_p02_ten_thousand_messages_cost_the_built_ins_no_hook_call(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Loading ends in a table; only that is asked."""
    async with running() as (host, _):
        await host.connection.wait_connected()
        hooks = host.loaded.plugins[0].hooks
        before = hooks.call_count
        for number in range(10_000):
            message = {"type": "agent_log_line", "execution_id": "e", "n": number}
            host.router.route(message, 50, epoch=1, received=0.0)
        assert host.router.statistics().routed["flow_executions"] == 10_000
        assert hooks.call_count == before > 0


async def test_stopping_delivers_what_lingers(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """Three events in a sink's linger are written, and the stop does not wait for company."""
    body = (
        "written = []\n\n@hookimpl\ndef trunkline_register_sinks(sinks):\n"
        "    async def write(events, ctx):\n"
        "        await trio.lowlevel.checkpoint()\n"
        f"        with open({str(tmp_path / 'out')!r}, 'a') as file:\n"
        "            file.write(''.join(e.type + chr(10) for e in events))\n"
        "    sinks.add('file', write, topics=('audit',), linger=60.0)\n\n"
        "@hookimpl\nasync def trunkline_run(ctx):\n    ctx.started()\n    await trio.sleep_forever()\n"
    )
    path = plugin(tmp_path, "keeper", body)
    start = 0.0
    async with running({"plugins": {"paths": [path]}}) as (host, simulator):
        await host.connection.wait_connected()
        for _ in range(3):
            simulator.push({"topic": "audit", "type": "audit_event"})
        await trio.sleep(1)
        assert not (tmp_path / "out").exists()
        start = trio.current_time()
    assert (tmp_path / "out").read_text() == "audit_event\n" * 3
    assert trio.current_time() - start < 2


async def test_stopping_lets_a_handler_finish_its_mailbox(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """What has arrived is handled, one after the other."""
    body = (
        "@hookimpl\ndef trunkline_register_subscriptions(subscriptions):\n"
        "    async def slow(event):\n"
        "        await trio.sleep(2)\n"
        f"        with open({str(tmp_path / 'out')!r}, 'a') as file:\n            file.write('x')\n"
        "    subscriptions.add('audit', slow)\n"
    )
    path = plugin(tmp_path, "slow", body)
    async with running({"plugins": {"paths": [path]}}) as (host, simulator):
        await host.connection.wait_connected()
        for _ in range(3):
            simulator.push({"topic": "audit", "type": "audit_event"})
        await trio.sleep(1)
    assert (tmp_path / "out").read_text() == "xxx"


async def test_dr1_a_stop_waits_for_no_plugin_that_is_down(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It reads no mailbox before its next try, which may be a minute away: told, not waited for."""
    caplog.set_level("INFO")
    body = (
        "@hookimpl\ndef trunkline_register_subscriptions(subscriptions):\n"
        "    async def never(event, ctx):\n        await ctx.send({'type': 'ping'})\n"
        "    subscriptions.add('audit', never)\n\n"
        "@hookimpl\nasync def trunkline_run(ctx):\n"
        "    await trio.lowlevel.checkpoint()\n    raise RuntimeError('no')\n"
    )
    start = 0.0
    async with running({"plugins": {"paths": [plugin(tmp_path, "down", body)]}}) as (
        host,
        simulator,
    ):
        await host.connection.wait_connected()
        await trio.sleep(100)  # by now it waits for up to a minute
        for _ in range(3):
            simulator.push({"topic": "audit", "type": "audit_event"})
        await trio.sleep(0.1)
        start = trio.current_time()
    assert trio.current_time() - start < 1
    [drained] = [record for record in caplog.records if record.getMessage() == "host.drain"]
    assert vars(drained)["dropped"] >= 3


async def test_dr1_a_stop_is_done_within_its_limit_whatever_hangs(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """A sink that hangs, a handler that sleeps, a clean-up that never ends: 15 s and no more."""
    body = (
        "@hookimpl\ndef trunkline_register_sinks(sinks):\n"
        "    async def write(events):\n        await trio.sleep_forever()\n"
        "    sinks.add('hangs', write, topics=('audit',), linger=0.0)\n\n"
        "@hookimpl\ndef trunkline_register_subscriptions(subscriptions):\n"
        "    async def sleeps(event):\n        await trio.sleep(600)\n"
        "    subscriptions.add('audit', sleeps)\n\n"
        "@hookimpl\nasync def trunkline_run(ctx):\n    ctx.started()\n"
        "    try:\n        await trio.sleep_forever()\n"
        "    finally:\n        with ctx.cleanup():\n            await trio.sleep_forever()\n"
    )
    path = plugin(tmp_path, "stuck", body)
    start = 0.0
    async with running({"plugins": {"paths": [path]}}) as (host, simulator):
        await host.connection.wait_connected()
        simulator.push({"topic": "audit", "type": "audit_event"})
        await trio.sleep(1)
        start = trio.current_time()
    assert trio.current_time() - start <= 15


async def test_dr2_who_iterates_outside_a_cancelled_host_is_at_the_end(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The program that runs the host may have tasks of its own."""
    data = {"connection": {"url": "ws://127.0.0.1:1/ws"}, "plugins": {"disable": ["approval"]}}
    host = Host(config_from_mapping(data, environ={}))
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery, host.connection.events("t") as events:
            with trio.move_on_after(5):
                await host.run(handle_signals=False)
            nursery.cancel_scope.deadline = trio.current_time() + 10
            assert [item async for item in events] == []
        assert not nursery.cancel_scope.cancelled_caught


async def test_dr1_a_stop_waits_for_no_plugin_that_is_starting(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """It may take `start_timeout`, which is 30 s; and what would be closed at once is not opened."""
    body = "@hookimpl\nasync def trunkline_run(ctx):\n    await trio.sleep_forever()\n"
    data = {
        "connection": {"url": "ws://127.0.0.1:1/ws"},
        "plugins": {"paths": [plugin(tmp_path, "starting", body)], "disable": ["approval"]},
    }
    host = Host(config_from_mapping(data, environ={}))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: host.run(handle_signals=False))
        await trio.sleep(1)
        host.stop()
        start = trio.current_time()
    assert trio.current_time() - start < 1
    assert host.connection.statistics().disconnects == {}


async def test_a_second_stop_only_hastens_a_plugin(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """The impatient one first, the orderly one just behind it: the earlier time holds."""
    body = (
        "@hookimpl\nasync def trunkline_run(ctx):\n    ctx.started()\n"
        "    try:\n        await trio.sleep_forever()\n"
        "    finally:\n        with ctx.cleanup():\n            await trio.sleep_forever()\n"
    )
    path = plugin(tmp_path, "stubborn", body)
    async with running({"plugins": {"paths": [path]}}) as (host, _):
        await host.connection.wait_connected()
        [stubborn] = [each for each in host.runners if each.record.name == "stubborn"]
        now = trio.current_time()
        stubborn.stop(now)
        stubborn.stop(now + 10)
        with trio.fail_after(1):
            await stubborn.wait_stopped()


async def test_a_stop_without_a_link_does_not_wait_for_one(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Recorded activity cannot leave any more: counted, and the stop goes on."""
    simulator = Simulator(seed=1, handshake_delay=math.inf)
    start = 0.0
    async with running(simulator=simulator) as (host, _):
        host.tracker.track_action("never.sent")
        await trio.sleep(3)
        start = trio.current_time()
    assert trio.current_time() - start < 3


async def test_p10_a_required_plugin_that_fails_later_ends_the_host(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """In order, and by name."""
    body = (
        "from trunkline.plugin_api import PluginFatal\n\n"
        "@hookimpl\nasync def trunkline_run(ctx):\n"
        "    ctx.started()\n    await trio.sleep(5)\n    raise PluginFatal('no licence')\n"
    )
    tables = {"plugins": {"paths": [plugin(tmp_path, "needed", body)], "require": ["needed"]}}
    with pytest.RaisesGroup(
        pytest.RaisesExc(RequiredPluginMissing, match="plugin needed.*no licence")
    ):
        async with running(tables) as (host, _):
            await host.connection.wait_connected()
            await trio.sleep(60)


async def test_p17_plugins_delay_the_first_connect_by_start_timeout_at_most(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """One that never says it is up does not keep the host from its server."""
    body = "@hookimpl\nasync def trunkline_run(ctx):\n    await trio.sleep_forever()\n"
    tables = {
        "plugins": {"paths": [plugin(tmp_path, "late", body)]},
        "host": {"start_timeout": 7.0},
    }
    start = trio.current_time()
    async with running(tables) as (host, _):
        await host.connection.wait_connected()
        assert 7.0 <= trio.current_time() - start < 8.0


async def test_a_broken_plugin_is_named_and_the_rest_runs(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """Its record says phase and reason; late subscribers of `system` learn it too."""
    path = plugin(tmp_path, "broken", "import not_there\n")
    async with running({"plugins": {"paths": [path]}}) as (host, _):
        await host.connection.wait_connected()
        by_name = {record.name: record for record in host.records}
        assert by_name["broken"].state.value == "failed"
        assert "not_there" in by_name["broken"].reason
        assert by_name["flow"].state.value == "running"
        seen: list[Any] = []
        host.router.subscribe("system", seen.append, {"plugin": "broken"})
        assert [event.get("new") for event in seen] == ["failed"]


async def test_status_tells_everything_as_plain_data(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """What `trunkline status` shows can be written as JSON and holds no token."""
    import orjson

    async with running() as (host, simulator):
        await host.connection.wait_connected()
        simulator.push({"topic": "audit", "type": "audit_event"})
        await trio.sleep(1)
        text = orjson.dumps(host.status())
        status = orjson.loads(text)
        assert status["connection"]["user"] == "alice"
        assert status["routing"]["routed"]["audit"] == 1
        assert b"demo-token" not in text
