"""The plugin in a host: rules decide, people hear of the rest, and nothing is missed for long."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from approval_bench import log_of
from approval_host import RNG, ask, last, notices

from trunkline.simulator import ACCOUNT_A, Approval
from trunkline.simulator.frames import approval_frame
from trunkline.testing.hosting import WALL

DEPLOY = {"tool_name": "deploy_service"}


async def test_a_request_is_told_of_when_new_when_nearly_over_and_when_over(
    approval_host: Callable[..., Any],
) -> None:
    """The server says nothing of the end (S10); the clock does."""
    async with approval_host() as host:
        approval = ask(host, managed_agent_name="emit-agent", agent_reasoning="All checks passed.")
        await host.settle()
        assert notices(host) == ["approval.waiting"]
        text = last(host).get("text")
        assert text == (
            "emit-agent asks to use deploy_service (All checks passed.)."
            f" Answer within 5 min 0 s: trunkline approvals show {approval.id[:8]}"
        )
        await trio.sleep(239)
        assert notices(host) == ["approval.waiting"]
        await trio.sleep(2)
        assert notices(host)[1:] == ["approval.reminder"]
        await trio.sleep(60)
        assert notices(host)[2:] == ["approval.expired"]
        assert "Nobody answered in time" in last(host).get("text")
        await trio.sleep(1000)
        assert len(notices(host)) == 3
        assert host.note("approval") == "0 pending, 1 settled"


@pytest.mark.parametrize(("remind", "at"), [(120, 180), (0, None)])
async def test_the_reminder_comes_when_the_table_says(
    approval_host: Callable[..., Any], remind: int, at: int | None
) -> None:
    """So long before the end; 0 is never."""
    async with approval_host(remind=remind) as host:
        ask(host)
        await trio.sleep((at or 300) - 1)
        assert notices(host) == ["approval.waiting"]
        await trio.sleep(2)
        told = ["approval.reminder"] if at else ["approval.expired"]
        assert notices(host)[1:] == told


@pytest.mark.parametrize(("decide", "status"), [("decline", "declined"), ("approve", "approved")])
async def test_a_rule_decides_and_says_so(
    approval_host: Callable[..., Any], tmp_path: Path, decide: str, status: str
) -> None:
    """Once, with its comment, in the log and in a notice; other requests are left to people."""
    rules = [{"decide": decide, "where": DEPLOY, "comment": "house rule"}]
    async with approval_host(rule=rules, allow_auto_approve=True) as host:
        approval = ask(host)
        other = ask(host, tool_name="drop_table")
        await host.settle()
        assert (approval.status, approval.comment) == (status, "house rule")
        assert other.status == "pending"
        assert sorted(notices(host)) == ["approval.decided", "approval.waiting"]
        [told] = [e for e in host.published("approval_notices") if e.type == "approval.decided"]
        assert told.get("text") == f"deploy_service for an agent: {status} by rule[0]."
        assert (told.get("rule"), told.get("result")) == ("rule[0]", status)
        await trio.sleep(10)
        assert host.note("approval") == "1 pending, 1 settled, 1 by rule"
    assert log_of(tmp_path / "log.jsonl") == [f"decision {decide}", f"answer {status}"]


async def test_an_altered_request_is_withheld_and_left_to_people(
    approval_host: Callable[..., Any], tmp_path: Path
) -> None:
    """What the event showed is not what the server would carry out."""
    async with approval_host(rule=[{"decide": "approve"}], allow_auto_approve=True) as host:
        approval = ask(host, tool_args={"env": "test"})
        approval.tool_args = {"env": "production"}
        await host.settle()
        assert approval.status == "pending"
        assert notices(host) == ["approval.withheld"]
        assert "rule[0] would approve deploy_service for an agent, but: altered. Answer within" in (
            last(host).get("text")
        )
    assert log_of(tmp_path / "log.jsonl") == ["withheld altered"]


async def test_a_vote_of_a_rule_is_told_as_a_vote(approval_host: Callable[..., Any]) -> None:
    """It is not a decision yet."""
    async with approval_host(rule=[{"decide": "approve"}], allow_auto_approve=True) as host:
        approval = ask(host, approvals_required=2)
        await host.settle()
        assert approval.status == "pending"
        assert last(host).get("text") == (
            "deploy_service for an agent: rule[0] has voted to approve."
        )
        await trio.sleep(1000)
        assert len(approval.votes) == 1


async def test_a_rule_decides_by_what_the_server_would_carry_out(
    approval_host: Callable[..., Any], tmp_path: Path
) -> None:
    """Not by an event that came late and says something else, nor by who asked as it seemed."""
    rules = [
        {"decide": "approve", "where": {"tool_args.env": "test"}},
        {"decide": "approve", "where": {"managed_agent_name": "trusted"}},
    ]
    async with approval_host(rule=rules, allow_auto_approve=True) as host:
        dangerous = Approval.draw(RNG, ACCOUNT_A, WALL, expires_at=WALL + 600)
        dangerous.tool_args = {"env": "production"}
        host.simulator.world.approvals[dangerous.id] = dangerous
        frame = approval_frame(dangerous, "approval_created", WALL)
        stale = {"tool_args": {"env": "test"}, "expires_at": "2026-01-01T00:05:00"}
        for each in (frame, {**frame, **stale}):  # before anybody looks
            host.host.router.route(each, 1000, epoch=1, received=WALL)
        asked = ask(host, managed_agent_name="trusted", tool_args={"env": "production"})
        asked.managed_agent_name = "somebody else"
        await host.settle()
        assert (dangerous.status, asked.status) == ("pending", "pending")
        assert sorted(notices(host)) == ["approval.waiting", "approval.withheld"]
    assert log_of(tmp_path / "log.jsonl") == ["withheld altered"]
