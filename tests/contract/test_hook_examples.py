"""Each example of a hook passes the audit and does what it is there to show (P27)."""

import json
from pathlib import Path

import pytest
import trio

from trunkline.plugin.hooks import SPECS
from trunkline.testing import HostFactory, assert_plugin_conforms

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "hooks"
HOOKS = sorted(name.removeprefix("trunkline_") for name in SPECS)


def example(hook: str) -> Path:
    """Return the file of a hook's example."""
    return EXAMPLES / f"{hook}.py"


def test_p27_every_hook_has_its_example_and_its_test() -> None:
    """None is added without; and no example is left over."""
    assert sorted(path.stem for path in EXAMPLES.glob("*.py")) == HOOKS
    for hook in HOOKS:
        assert f"def trunkline_{hook}(" in example(hook).read_text()
        assert any(name.startswith(f"test_hook_{hook}_") for name in globals()), hook


@pytest.mark.parametrize("hook", HOOKS)
def test_p27_every_example_conforms(hook: str, tmp_path: Path) -> None:
    """Whatever end it meets."""
    table = {"file": str(tmp_path / "archive.jsonl")} if hook == "register_sinks" else None
    assert_plugin_conforms(example(hook), table)


async def test_hook_register_topics_owns_what_matches(trunkline_host: HostFactory) -> None:
    """By the start of the type; the other topic is the plugin's own."""
    async with trunkline_host(only=[example("register_topics")]) as host:
        await host.push({"type": "deployment_started"})
        await host.push({"topic": "deployment_reports", "type": "report"})
        assert [event.type for event in host.published("deployments")] == ["deployment_started"]
        assert [event.type for event in host.published("deployment_reports")] == ["report"]


async def test_hook_register_classifiers_tells_the_topic(trunkline_host: HostFactory) -> None:
    """By the type first, then by the message."""
    async with trunkline_host(only=[example("register_classifiers")]) as host:
        await host.push({"type": "deploy_started", "payload": {"severity": "high"}})
        await host.push({"type": "alarm", "payload": {"severity": "high"}})
        await host.push({"type": "alarm", "payload": {"severity": "low"}})
        assert [event.type for event in host.published("deployments")] == ["deploy_started"]
        assert [event.get("payload.severity") for event in host.published("incidents")] == ["high"]
        assert [event.get("payload.severity") for event in host.published("alarm")] == ["low"]


async def test_hook_register_filters_masks_and_drops(trunkline_host: HostFactory) -> None:
    """The mask is the table's; what has no payload passes as it is."""
    name = "register_filters"
    async with trunkline_host(only=[example(name)], config={name: {"mask": ["host"]}}) as host:
        for payload in ({"host": "a", "ip": "b"}, {"action": "heartbeat"}, None):
            await host.push({"topic": "audit", "type": "audit_event", "payload": payload})
        payloads = [event.get("payload") for event in host.published("audit")]
    assert payloads == [{"host": "***", "ip": "b"}, None]


async def test_hook_register_sinks_delivers_in_batches(
    trunkline_host: HostFactory, tmp_path: Path
) -> None:
    """A disk that is not there is waited for; what is too long is given up, and nothing else."""
    folder = tmp_path / "later"
    file = folder / "archive.jsonl"
    name = "register_sinks"
    async with trunkline_host(only=[example(name)], config={name: {"file": str(file)}}) as host:
        for text in ("one", "x" * 20_000, "two"):
            await host.push({"topic": "audit", "type": "audit_event", "payload": {"text": text}})
        await trio.sleep(3)
        assert host.delivered("register_sinks.file") == []
        folder.mkdir()
        await trio.sleep(60)
        delivered = host.delivered("register_sinks.file")
    assert [event.get("payload.text") for event in delivered] == ["one", "two"]
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["data"]["payload"]["text"] for line in lines] == ["one", "two"]


async def test_hook_register_subscriptions_calls_the_handler(
    trunkline_host: HostFactory, caplog: pytest.LogCaptureFixture
) -> None:
    """With what holds to the condition; a gap is told."""
    async with trunkline_host(only=[example("register_subscriptions")]) as host:
        execution = host.simulator.world.add_execution()
        for kind in ("execution_started", "agent_status"):
            await host.push({"type": kind, "execution_id": execution.id, "payload": {}})
        await host.drop_connection()
    assert [command["message"] for command in execution.commands] == ["Good luck."]
    assert "ungreeted since 2026-01-01" in caplog.text


async def test_hook_run_works_until_the_end(trunkline_host: HostFactory) -> None:
    """A quarter of an hour without an event is noticed, and the event that breaks it, too."""
    async with trunkline_host(only=["flow", example("run")]) as host:
        await trio.sleep(600)
        await host.push({"type": "execution_started", "execution_id": "e"})
        await trio.sleep(600)
        assert host.published("silence") == []
        await trio.sleep(600)
        [event] = host.published("silence")
        assert dict(event.data) == {"topic": "flow_executions", "seconds": 900.0}
        assert host.note("run") == "flow_executions was quiet 1 times"


async def test_hook_backfill_publishes_what_it_returns(trunkline_host: HostFactory) -> None:
    """Once for the gap, marked as such; with an account that may not ask it is said to be impossible."""
    async with trunkline_host(only=[example("backfill")]) as host:
        execution = host.simulator.world.add_execution()
        await host.drop_connection()
        [event] = host.published("execution_snapshots")
        [done] = [event for event in host.published("system") if event.type == "backfill.done"]
    assert (event.origin, event.get("id")) == ("backfill", execution.id)
    assert done.get("count") == 1
