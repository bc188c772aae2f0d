"""Guards: what breaks a rule is warned of or stopped, once, soon, and written down."""

from pathlib import Path
from typing import Any

import pytest
import trio
from guarded import Guarding, audit, begin, update

from trunkline import ConfigError
from trunkline.config import config_from_mapping
from trunkline.simulator import Simulator
from trunkline_plugins.flow import FlowSettings

TOPIC = "flow_executions"


BREACHES: dict[str, tuple[dict[str, Any], str, dict[str, Any], str]] = {
    "tokens": (
        {"max_tokens": 1000},
        "token_usage_update",
        {"total_tokens": 1001},
        "1,001 tokens, more than 1,000",
    ),
    "cost": (
        {"max_cost": 0.5},
        "model_gateway_call",
        {"api_usage_id": "1", "estimated_cost": 0.51},
        "$0.5100, more than $0.5000",
    ),
    "where": (
        {"where": {"type": "mcp_call", "payload.tool_name": "drop_table"}},
        "mcp_call",
        {"server_name": "db", "tool_name": "drop_table", "status": "pending"},
        "an event `mcp_call` as the rule describes",
    ),
}


@pytest.mark.parametrize("case", BREACHES)
async def test_a_breach_in_the_stream_is_stopped_within_a_second(
    guarding: Guarding, tmp_path: Path, case: str
) -> None:
    """Once, with its reason; decided and done are both on the disk."""
    limits, kind, payload, why = BREACHES[case]
    rule = {"name": "runaway", "action": "stop", **limits}
    async with guarding(rule) as host:
        execution = begin(host)
        await trio.sleep(1)
        crossed = trio.current_time()
        for _ in range(3):
            update(host, execution, kind, **payload)
        with trio.fail_after(5):
            await execution.stop_requested.wait()
        assert trio.current_time() - crossed < 1
        await trio.sleep(30)
        assert len(host.sent("command")) == 1
        assert execution.stop_reason == f"guard runaway: {why}"
        [acted] = [event for event in host.published(TOPIC) if event.type == "guard.acted"]
        assert (acted.get("execution_id"), acted.get("outcome")) == (execution.id, "stopped")
        assert host.note("flow") == "0 running, 1 ended; guards: stop 1"
    first, second = audit(tmp_path)
    assert (first["outcome"], second["outcome"]) == ("decided", "stopped")
    for line in (first, second):
        told = {key: line[key] for key in ("action", "rule", "why", "execution_id", "flow_name")}
        assert told == {
            "action": "stop",
            "rule": "runaway",
            "why": why,
            "execution_id": execution.id,
            "flow_name": "nightly",
        }


async def test_who_runs_too_long_is_stopped_without_another_event(guarding: Guarding) -> None:
    """By the server's clock: ours may be wrong by a day."""
    rule = {"name": "slow", "action": "stop", "max_seconds": 60}
    async with guarding(rule) as host:
        await trio.sleep(1)
        execution = begin(host)
        started = trio.current_time()
        await trio.sleep(59)
        assert not execution.stop_requested.is_set()
        with trio.fail_after(5):
            await execution.stop_requested.wait()
        assert 60 < trio.current_time() - started < 61.5
        await trio.sleep(600)
        assert len(host.sent("command")) == 1


async def test_a_clock_of_ours_that_is_wrong_stops_nobody(guarding: Guarding) -> None:
    """The lines of private runners have no time; ours is a day ahead, and says nothing of age."""
    rule = {"name": "slow", "action": "stop", "max_seconds": 60}
    yesterday = 1_767_225_600.0 - 86_400  # the host's own clock begins a day later
    simulator = Simulator(seed=1, walltime=lambda: yesterday + trio.current_time() % 10_000)
    async with guarding(rule, simulator=simulator) as host:
        execution = begin(host)
        line = {"execution_id": execution.id, "type": "agent_log_line", "payload": {"line": "x"}}
        await host.push(line)
        update(host, execution, "agent_log_line", line="y")
        await trio.sleep(50)
        assert not execution.stop_requested.is_set()
        await trio.sleep(15)
        assert execution.stop_requested.is_set()


async def test_a_wrong_time_stops_nobody(guarding: Guarding, tmp_path: Path) -> None:
    """A day ahead or a day ago, it says nothing of the others, nor of its own execution."""
    rule = {"name": "slow", "action": "stop", "max_seconds": 3600}
    async with guarding(rule) as host:
        executions = [host.simulator.world.add_execution() for _ in range(3)]
        for each in executions:
            update(host, each, "execution_started", status="PENDING", flow_name="nightly")
        await trio.sleep(1)
        for moment in ("2026-01-02T00:00:00+00:00", "2025-12-31T00:00:00+00:00"):
            await host.push(
                {
                    "type": "agent_status",
                    "execution_id": executions[0].id,
                    "account_id": executions[0].account_id,
                    "timestamp": moment,
                    "payload": {"status": "RUNNING"},
                }
            )
        await trio.sleep(60)
        assert not any(each.stop_requested.is_set() for each in executions)
    assert audit(tmp_path) == []


async def test_time_goes_on_where_no_event_comes_any_more(guarding: Guarding) -> None:
    """The server has fallen silent at a loss of the link; what it does not say is measured here."""
    rule = {"name": "slow", "action": "stop", "max_seconds": 600}
    async with guarding(rule) as host:
        execution = begin(host)
        await trio.sleep(1)
        host.simulator.world.bus_is_up = False
        await host.drop_connection()
        await trio.sleep(580)
        assert not execution.stop_requested.is_set()
        await trio.sleep(60)
        assert execution.stop_requested.is_set()


async def test_who_began_before_the_host_is_as_old_as_the_server_says(guarding: Guarding) -> None:
    """Once three events have told what time it is there."""
    rule = {"name": "slow", "action": "stop", "max_seconds": 3600}
    simulator = Simulator(seed=1, walltime=lambda: 1_767_225_600.0 + trio.current_time())
    execution = simulator.world.add_execution()
    execution.created_at -= 3590
    async with guarding(rule, simulator=simulator) as host:
        await trio.sleep(1)
        for number in range(3):
            update(host, execution, "agent_log_line", line=f"{number}")
        await trio.sleep(5)
        assert not execution.stop_requested.is_set()
        await trio.sleep(10)
        assert execution.stop_requested.is_set()


async def test_what_was_over_the_limit_when_the_host_starts_is_stopped(guarding: Guarding) -> None:
    """It says nothing more by itself."""
    simulator = Simulator(seed=1)
    execution = simulator.world.add_execution()
    simulator.world.update_execution(execution, "token_usage_update", {"total_tokens": 30})
    rule = {"name": "tokens", "action": "stop", "max_tokens": 10}
    async with guarding(rule, simulator=simulator) as host:
        await trio.sleep(3)
        assert execution.status == "STOPPED"
        assert len(host.sent("command")) == 1


@pytest.mark.parametrize(
    ("rule", "commands", "outcomes"),
    [
        ({"action": "warn"}, 0, ["decided"]),
        ({"action": "stop", "dry_run": True}, 0, ["not done: dry run"]),
        ({"action": "stop", "flow": "another"}, 0, []),
        ({"action": "stop", "flow": "nightly"}, 1, ["decided", "stopped"]),
    ],
)
async def test_a_rule_does_what_it_says_and_no_more(
    guarding: Guarding,
    tmp_path: Path,
    rule: dict[str, Any],
    commands: int,
    outcomes: list[str],
) -> None:
    async with guarding({"name": "tokens", "max_tokens": 10, **rule}) as host:
        execution = begin(host)
        await trio.sleep(1)
        for tokens in (10, 11, 12):
            update(host, execution, "token_usage_update", total_tokens=tokens)
        await trio.sleep(5)
        assert len(host.sent("command")) == commands
    assert [line["outcome"] for line in audit(tmp_path)] == outcomes


async def test_a_full_disk_does_not_save_a_runaway(guarding: Guarding, tmp_path: Path) -> None:
    """The stop is sent all the same, and the log says what is not written down."""
    rule = {"name": "tokens", "action": "stop", "max_tokens": 10}
    (tmp_path / "audit.jsonl").mkdir()
    async with guarding(rule) as host:
        execution = begin(host)
        await trio.sleep(1)
        update(host, execution, "token_usage_update", total_tokens=30)
        await trio.sleep(5)
        assert execution.status == "STOPPED"


RULE = {"name": "a", "max_tokens": 1}
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no limit": ({"guard": [{"name": "a"}]}, "needs max_seconds, max_tokens, max_cost or where"),
    "bad where": ({"guard": [{"name": "a", "where": {"x": {"near": 1}}}]}, "no operator 'near'"),
    "bad action": ({"guard": [{**RULE, "action": "kill"}]}, "expected one of warn, stop"),
    "nothing written down": ({"guard": [RULE]}, "set audit"),
    "one name": ({"audit": "a.jsonl", "guard": [RULE, RULE]}, "two guards have one name"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_rule_that_cannot_be_used_is_refused(case: str) -> None:
    """With its place in the file."""
    flow, words = WRONG[case]
    config = config_from_mapping(
        {"connection": {"url": "ws://localhost"}, "plugin": {"flow": flow}}
    )
    with pytest.raises(ConfigError, match=words) as caught:
        config.plugin("flow", FlowSettings)
    assert str(caught.value).startswith("plugin.flow")
