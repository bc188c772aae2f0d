"""A guard's stop: it leaves once, when it can, and nobody does it a second time."""

from pathlib import Path
from typing import Any, NoReturn

import pytest
import trio
from guarded import Guarding, audit, begin, update

from trunkline import OutboxFull
from trunkline.config import Secret
from trunkline.simulator import Simulator
from trunkline_plugins.flow import GuardRule, stop
from trunkline_plugins.flow.acts import UNSENT, Acts


async def test_two_rules_stop_an_execution_once(guarding: Guarding, tmp_path: Path) -> None:
    """Both are written down, one command is sent."""
    rules = [
        {"name": name, "action": "stop", "max_tokens": limit}
        for name, limit in (("first", 10), ("second", 20))
    ]
    async with guarding(*rules) as host:
        execution = begin(host)
        await trio.sleep(1)
        update(host, execution, "token_usage_update", total_tokens=30)
        await trio.sleep(5)
        assert len(host.sent("command")) == 1
    outcomes = {line["rule"]: line["outcome"] for line in audit(tmp_path)}
    assert sorted(outcomes.values()) == ["not sent: another guard has stopped it", "stopped"]


async def test_a_stop_waits_for_the_link_and_is_sent_once(guarding: Guarding) -> None:
    """The limit is crossed just before the link goes; the stop leaves when it is back."""
    rule = {"name": "tokens", "action": "stop", "max_tokens": 10}
    async with guarding(rule) as host:
        execution = begin(host)
        await trio.sleep(1)
        host.simulator.close_all(None)
        update(host, execution, "token_usage_update", total_tokens=30)
        await trio.sleep(120)  # fetched after the gap
        assert execution.status == "STOPPED"
        assert len(host.sent("command")) == 1


async def test_a_stop_outlasts_an_outage_however_long(guarding: Guarding, tmp_path: Path) -> None:
    """The time without a link is no time in which the server could have answered."""
    rule = {"name": "slow", "action": "stop", "max_seconds": 60}
    async with guarding(rule) as host:
        execution = begin(host)
        await trio.sleep(1)
        host.simulator.restart(600)
        await trio.sleep(550)
        assert [line["outcome"] for line in audit(tmp_path)] == ["decided"]
        await trio.sleep(120)
        assert execution.status == "STOPPED"
        assert len(host.sent("command")) == 1
    assert [line["outcome"] for line in audit(tmp_path)] == ["decided", "stopped"]


async def test_a_stop_that_never_left_is_sent_by_the_next_host(
    guarding: Guarding, tmp_path: Path
) -> None:
    """It is written down as not sent."""
    rule = {"name": "slow", "action": "stop", "max_seconds": 60}
    simulator = Simulator(seed=1)
    async with guarding(rule, simulator=simulator) as host:
        execution = begin(host)
        await trio.sleep(1)
        simulator.restart(95)
        await trio.sleep(90)
    assert [line["outcome"] for line in audit(tmp_path)] == ["decided", UNSENT]
    async with guarding(rule, simulator=simulator) as host:
        await trio.sleep(300)
        assert execution.status == "STOPPED"
        assert len(host.sent("command")) == 1
    assert [line["outcome"] for line in audit(tmp_path)][2:] == ["decided", "stopped"]


async def test_what_was_done_is_not_done_again_by_the_next_host(
    guarding: Guarding, tmp_path: Path
) -> None:
    """Nor after a restart of the plugin, which begins in the same way; a new rule acts."""
    rule = {"name": "tokens", "action": "stop", "max_tokens": 10}
    viewer = {"token": Secret("viewer-token")}
    simulator = Simulator(seed=1)
    execution = simulator.world.add_execution()
    simulator.world.update_execution(execution, "token_usage_update", {"total_tokens": 30})
    for rules in ([rule], [rule], [rule, {**rule, "name": "mild", "action": "warn"}]):
        async with guarding(*rules, simulator=simulator, connection=viewer) as host:
            await trio.sleep(5)
            assert len(host.sent("command")) == 1
    told = [(line["rule"], line["outcome"]) for line in audit(tmp_path)]
    assert told == [
        ("tokens", "decided"),
        ("tokens", "refused: unauthorized"),
        ("mild", "decided"),
    ]


def test_what_others_have_written_is_no_action_of_a_guard() -> None:
    """Approvals and people may write to the same file."""
    acts = Acts()
    acts.recall([{"action": "stop", "execution_id": "1"}, {"rule": 3, "action": "stop"}, {}])
    acts.recall([{"rule": "a", "action": "stop", "execution_id": "2", "dry_run": True}])
    assert acts.is_first_stop("1")
    assert acts.is_first_stop("2")
    assert not acts.was_done(GuardRule(name="a", action="stop", max_tokens=1), "2")
    assert acts.was_done(GuardRule(name="a", action="stop", max_tokens=1, dry_run=True), "2")


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trunkline_plugins.flow.acts.REMEMBERED", 100)
    acts = Acts()
    rule = GuardRule(name="a", action="stop", max_tokens=1)
    for number in range(300):
        line = {"rule": "a", "action": "stop", "execution_id": f"before {number}"}
        acts.recall([line])
        assert acts.begin(rule, f"{number}")
        assert not acts.begin(rule, f"{number}")
        assert acts.is_first_stop(f"{number}")
        assert not acts.is_first_stop(f"{number}")
    assert sum(acts.was_done(rule, f"before {number}") for number in range(300)) == 100
    assert acts.is_first_stop("0")


async def test_a_stop_that_is_refused_is_written_down_and_not_repeated(
    guarding: Guarding, tmp_path: Path
) -> None:
    rule = {"name": "tokens", "action": "stop", "max_tokens": 10}
    async with guarding(rule) as host:
        execution = begin(host)
        await trio.sleep(1)
        del host.simulator.world.executions[execution.id]
        for tokens in (30, 40):
            update(host, execution, "token_usage_update", total_tokens=tokens)
        await trio.sleep(60)
        assert len(host.sent("command")) == 1
    assert [line["outcome"] for line in audit(tmp_path)] == ["decided", "refused: unauthorized"]


async def test_b6_a_stop_whose_answer_was_lost_is_not_sent_again(
    guarding: Guarding, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The link goes while it is in flight; a person looks, whatever the stream goes on to say."""
    rule = {"name": "tokens", "action": "stop", "max_tokens": 10}
    async with guarding(rule) as host:
        execution = begin(host)
        await trio.sleep(1)

        def lose(*_: object) -> dict[str, Any]:
            host.simulator.close_all(None)
            return {"type": "command_ack"}

        monkeypatch.setattr(host.simulator.world, "command", lose)
        for tokens in (30, 40, 50):
            update(host, execution, "token_usage_update", total_tokens=tokens)
            await trio.sleep(40)
        assert len(host.sent("command")) == 1
    decided, unknown = audit(tmp_path)
    assert decided["outcome"] == "decided"
    assert unknown["outcome"].startswith("unknown: the link was lost")


@pytest.mark.parametrize("ends", [False, True])
async def test_a_stop_that_found_no_room_is_sent_again_while_there_is_something_to_stop(
    guarding: Guarding, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: bool
) -> None:
    """The queue is full for a while."""
    full_until = trio.current_time() + 10

    async def send(*args: Any) -> Any:
        await trio.lowlevel.checkpoint()
        if trio.current_time() < full_until:
            raise OutboxFull("1000 messages wait already")
        return await stop(*args)

    monkeypatch.setattr("trunkline_plugins.flow.guarding.stop", send)
    rule = {"name": "tokens", "action": "stop", "max_tokens": 10}
    async with guarding(rule) as host:
        execution = begin(host)
        await trio.sleep(1)
        update(host, execution, "token_usage_update", total_tokens=30)
        await trio.sleep(3)
        if ends:
            update(host, execution, "status_update", status="SUCCEEDED")
        await trio.sleep(20)
        assert len(host.sent("command")) == (0 if ends else 1)
    outcome = "not sent: it has ended" if ends else "stopped"
    assert [line["outcome"] for line in audit(tmp_path)] == ["decided", outcome]


async def test_a_stop_that_is_not_answered_is_given_up(
    guarding: Guarding, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def wait(*_: object) -> NoReturn:
        await trio.sleep_forever()

    monkeypatch.setattr("trunkline_plugins.flow.guarding.stop", wait)
    rule = {"name": "tokens", "action": "stop", "max_tokens": 10}
    async with guarding(rule) as host:
        execution = begin(host)
        await trio.sleep(1)
        update(host, execution, "token_usage_update", total_tokens=30)
        await trio.sleep(310)
    outcomes = [line["outcome"] for line in audit(tmp_path)]
    assert outcomes == ["decided", "unknown: no answer within 300 s"]
