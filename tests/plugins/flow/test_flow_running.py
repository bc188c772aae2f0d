"""The plugin in a host: what it finds, announces, fetches after a gap, and repairs."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import trio

from trunkline import Event, PluginContext, hookimpl
from trunkline.plugin_api import Subscriptions
from trunkline.simulator import Execution, Refusal, Simulator
from trunkline.testing import HostFactory, HostUnderTest
from trunkline_plugins.flow import (
    Finished,
    Started,
    on_execution_finished,
    on_execution_started,
    stop,
)

TOPIC = "flow_executions"
INTERVAL = 300.0  # s between two comparisons


def announced(host: HostUnderTest, kind: str) -> list[tuple[str, str]]:
    """Return execution and way of learning of each start or end that was announced."""
    events = [event for event in host.published(TOPIC) if event.type == kind]
    return [(str(event.get("execution_id")), str(event.get("learned_by"))) for event in events]


def update(host: HostUnderTest, execution: Execution, kind: str, **payload: Any) -> None:
    host.simulator.world.update_execution(execution, kind, payload)


async def test_what_is_at_work_when_the_host_starts_is_found(trunkline_host: HostFactory) -> None:
    """With its log; what had ended before is no news."""
    simulator = Simulator(seed=1)
    running = simulator.world.add_execution()
    simulator.world.update_execution(running, "agent_log_line", {"line": "before"})
    simulator.world.add_execution(status="SUCCEEDED")
    async with trunkline_host(only=["flow"], simulator=simulator) as host:
        await trio.sleep(3)
        assert announced(host, "execution.started") == [(running.id, "start")]
        assert announced(host, "execution.finished") == []
        assert host.note("flow") == "1 running, 0 ended"


async def test_a_start_and_an_end_are_announced_once(trunkline_host: HostFactory) -> None:
    """However often the server says it."""
    async with trunkline_host(only=["flow"]) as host:
        await trio.sleep(1)
        execution = host.simulator.world.add_execution(status="PENDING")
        for _ in range(2):
            update(host, execution, "execution_started", status="PENDING", flow_name="nightly")
        for _ in range(2):
            update(host, execution, "status_update", status="SUCCEEDED", estimated_cost=0.5)
        await host.push({"type": "other"})
        assert announced(host, "execution.started") == [(execution.id, "live")]
        assert announced(host, "execution.finished") == [(execution.id, "live")]
        [finished] = [e for e in host.published(TOPIC) if e.type == "execution.finished"]
        view = finished.as_(Finished)
        assert (view.has_succeeded, view.cost, view.flow_name) == (True, 0.5, "nightly")
        assert view.duration is not None


async def test_an_acknowledged_stop_is_an_end(trunkline_host: HostFactory) -> None:
    """The server sends no event for it."""
    async with trunkline_host(only=["flow"]) as host:
        await trio.sleep(1)
        execution = host.simulator.world.add_execution()
        update(host, execution, "status_update", status="RUNNING")
        await host.push({"type": "other"})
        reply = await stop(host.host.connection, execution.id)
        assert reply["status"] == "stopped"
        await host.settle()
        assert announced(host, "execution.finished") == [(execution.id, "acknowledged")]


HANDLERS: dict[str, Callable[[list[Any]], Callable[..., Any]]] = {}


def handler(make: Callable[[list[Any]], Callable[..., Any]]) -> None:
    HANDLERS[make.__name__] = make


@handler
def plain(seen: list[Any]) -> Callable[..., Any]:
    return seen.append


@handler
def with_ctx(seen: list[Any]) -> Callable[..., Any]:
    def call(view: object, ctx: PluginContext[None]) -> None:
        assert ctx.name == "mine"
        seen.append(view)

    return call


@handler
def waiting(seen: list[Any]) -> Callable[..., Any]:
    async def call(view: object) -> None:
        await trio.sleep(0.1)
        seen.append(view)

    return call


@handler
def waiting_with_ctx(seen: list[Any]) -> Callable[..., Any]:
    async def call(view: object, ctx: PluginContext[None]) -> None:
        await ctx.barrier()
        seen.append(view)

    return call


@pytest.mark.parametrize("form", HANDLERS)
async def test_handlers_are_given_typed_events(trunkline_host: HostFactory, form: str) -> None:
    """In each form that a handler may have; the flow's name narrows."""
    seen: list[Any] = []
    others: list[Any] = []

    @hookimpl
    def trunkline_register_subscriptions(subscriptions: Subscriptions) -> None:
        on_execution_started(subscriptions, HANDLERS[form](seen))
        on_execution_finished(subscriptions, HANDLERS[form](seen), flow="nightly")
        on_execution_finished(subscriptions, others.append, flow="another")

    mine = SimpleNamespace(trunkline_register_subscriptions=trunkline_register_subscriptions)
    async with trunkline_host(only={"mine": mine, "flow": flow_module()}) as host:
        await trio.sleep(1)
        execution = host.simulator.world.add_execution(status="PENDING")
        update(host, execution, "execution_started", status="PENDING", flow_name="nightly")
        update(host, execution, "status_update", status="FAILED", error_message="broken")
        await host.push({"type": "other"})
    finished, started = sorted(seen, key=lambda view: str(view.type))  # of two handlers
    assert isinstance(started, Started)
    assert isinstance(finished, Finished)
    assert (finished.execution_id, finished.status) == (execution.id, "FAILED")
    assert (finished.error, finished.has_succeeded) == ("broken", False)
    assert not others


def flow_module() -> object:
    import trunkline_plugins.flow

    return trunkline_plugins.flow


async def test_f22_a_gap_is_filled_and_announced_as_done(trunkline_host: HostFactory) -> None:
    """What ended meanwhile has ended, what was written is there, each line once."""
    async with trunkline_host(only=["flow"]) as host:
        await trio.sleep(1)
        execution = host.simulator.world.add_execution()
        update(host, execution, "agent_log_line", line="one", timestamp=None)
        await host.push({"type": "other"})
        host.simulator.close_all(None)  # before the client notices, this is said to nobody
        update(host, execution, "agent_log_line", line="two", timestamp=None)
        update(host, execution, "status_update", status="SUCCEEDED")
        await host.drop_connection()
        await trio.sleep(5)
        done = [event.type for event in host.published("system") if "backfill" in event.type]
        assert set(done) == {"backfill.done"}
        assert announced(host, "execution.finished") == [(execution.id, "backfill")]
        lines = [e for e in host.published(TOPIC) if e.type == "agent_log_line"]
        assert {"one", "two"} == {event.get("payload.line") for event in lines}


async def test_a_gap_that_cannot_be_filled_is_told(trunkline_host: HostFactory) -> None:
    """The server's own words stand in `backfill.failed`; live events go on."""
    simulator = Simulator(seed=1)
    async with trunkline_host(only=["flow"], simulator=simulator) as host:
        await trio.sleep(1)
        simulator.tokens.users = {**simulator.tokens.users}
        answer = simulator.world.executions
        simulator.world.executions = None  # type: ignore[assignment] # a fault of the server's
        await host.drop_connection()
        await trio.sleep(1)
        simulator.world.executions = answer
        errors = host.errors()
        assert [error.event for error in errors] == ["backfill.failed"]
        execution = simulator.world.add_execution()
        update(host, execution, "status_update", status="RUNNING")
        await host.push({"type": "other"})
        assert announced(host, "execution.started") == [(execution.id, "live")]


async def test_a_server_that_has_fallen_silent_is_found_out(trunkline_host: HostFactory) -> None:
    """Repaired, published, told in `status` as stalled, until an event comes again."""
    async with trunkline_host(only=["flow"]) as host:
        await trio.sleep(1)
        world = host.simulator.world
        execution = world.add_execution()
        update(host, execution, "status_update", status="RUNNING")
        await trio.sleep(INTERVAL + 10)
        assert host.note("flow") == "1 running, 0 ended"

        world.bus_is_up = False
        update(host, execution, "status_update", status="FAILED", error_message="broken")
        started = world.add_execution()
        await trio.sleep(INTERVAL + 10)
        assert announced(host, "execution.finished") == [(execution.id, "reconciled")]
        assert (started.id, "reconciled") in announced(host, "execution.started")
        [repaired] = [e for e in host.published(TOPIC) if e.type == "store.repaired"]
        assert set(repaired.get("ids")) == {execution.id, started.id}
        assert "1 running, 1 ended; stalled: 2 repaired since" in host.note("flow")

        world.bus_is_up = True
        update(host, started, "agent_log_line", line="again")
        await host.push({"type": "other"})
        await trio.sleep(3)
        assert host.note("flow") == "1 running, 1 ended"


async def test_what_a_failed_backfill_left_out_is_compared_and_not_called_stalled(
    trunkline_host: HostFactory,
) -> None:
    """Soon, once the server answers; the gap explains it."""
    async with trunkline_host(only=["flow"]) as host:
        await trio.sleep(1)
        simulator = host.simulator
        answer = simulator.world.executions
        simulator.world.executions = None  # type: ignore[assignment] # a fault of the server's
        await host.drop_connection()
        await trio.sleep(10)
        assert "cannot be compared" in host.note("flow")
        assert [error.event for error in host.errors()] == ["backfill.failed"]
        simulator.world.executions = answer
        simulator.world.bus_is_up = False  # nobody is told
        started = simulator.world.add_execution()
        await trio.sleep(30)
        assert announced(host, "execution.started") == [(started.id, "reconciled")]
        assert host.note("flow") == "1 running, 0 ended"
        assert not [e for e in host.published(TOPIC) if e.type == "store.repaired"]


async def test_events_in_flight_while_the_server_is_asked_are_no_difference(
    trunkline_host: HostFactory,
) -> None:
    """A run that goes on changing is not reported as repaired."""
    async with trunkline_host(only=["flow"]) as host:
        execution = host.simulator.world.add_execution()
        for status in ("STARTING", "RUNNING", "WAITING_FOR_HUMAN", "RUNNING") * 50:
            update(host, execution, "status_update", status=status)
            await trio.sleep(3.1)
        assert not [e for e in host.published(TOPIC) if e.type == "store.repaired"]


async def test_a_server_that_does_not_answer_is_asked_again(trunkline_host: HostFactory) -> None:
    """And said to be so in `status`, in its own words."""
    async with trunkline_host(only=["flow"]) as host:
        await trio.sleep(1)
        host.simulator.refusal = Refusal(503)
        await trio.sleep(INTERVAL + 10)
        assert "cannot be compared with the server: " in host.note("flow")
        assert "HTTP 503: Service Unavailable" in host.note("flow")
        host.simulator.refusal = None
        await trio.sleep(INTERVAL + 10)
        assert host.note("flow") == "0 running, 0 ended"


@pytest.mark.parametrize("name", ["..", ".", "", "../../auth/users/me", "a b", "ü", "x" * 5000])
async def test_an_event_may_name_anything_and_nothing_else_is_asked_for(
    trunkline_host: HostFactory, name: str
) -> None:
    """An id of the server's stands in a path; what can be none is not asked for."""
    async with trunkline_host(only=["flow"]) as host:
        payload = {"status": "RUNNING"}
        await host.push({"type": "status_update", "execution_id": name, "payload": payload})
        await trio.sleep(INTERVAL + 10)
        await host.drop_connection()
        await trio.sleep(5)
        types = {event.type for event in host.published("system")}
        assert "backfill.done" in types
        assert "cannot be compared" not in host.note("flow")


async def test_without_an_interval_nothing_is_compared(trunkline_host: HostFactory) -> None:
    async with trunkline_host(only=["flow"], config={"flow": {"reconcile": 0}}) as host:
        await trio.sleep(1)
        asked = host.simulator.statistics().asked
        await trio.sleep(3 * INTERVAL)
        assert host.simulator.statistics().asked == asked


def test_an_event_of_our_own_changes_no_table() -> None:
    """What the plugin publishes comes back to it."""
    from trunkline_plugins.flow import ExecutionStore

    store = ExecutionStore()
    store.apply(Event(TOPIC, "execution.finished", {"execution_id": "1"}, origin="local"))
    assert len(store) == 0
    assert store.invalid_count == 0
