"""The plugin in a host: rules decide, people hear of the rest, and nothing is missed for long."""

import errno
import json
import os
import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trio
from approval_bench import Wire, decision, in_line, log_of

from trunkline import Event, Gap, PluginContext, hookimpl
from trunkline.plugin_api import Topics
from trunkline.simulator import ACCOUNT_A, Approval
from trunkline.simulator.frames import approval_frame
from trunkline.testing import HostFactory, HostUnderTest
from trunkline.testing.hosting import WALL
from trunkline_plugins.approval import plugin
from trunkline_plugins.approval.config import ApprovalConfig
from trunkline_plugins.approval.keeper import Keeper
from trunkline_plugins.approval.log import DecisionLog
from trunkline_plugins.approval.request import digest, view_of

RNG = random.Random(1)
DEPLOY = {"tool_name": "deploy_service"}


class Unlucky:
    """A `ctx` whose decisions can be lost on the way."""

    def __init__(self, ctx: PluginContext[ApprovalConfig], loses: str) -> None:
        self._ctx = ctx
        self.wire = Wire(ctx, loses=loses)
        self.request = self.wire.request

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ctx, name)


class VirtualApproval:
    """The plugin by a wall clock that follows Trio's; `loses` is what its wire loses."""

    def __init__(self, loses: str = "") -> None:
        self._loses = loses
        self.ctx: Any = None

    trunkline_plugin = plugin.trunkline_plugin

    @hookimpl
    def trunkline_register_topics(self, topics: Topics) -> None:
        plugin.trunkline_register_topics(topics)

    @hookimpl
    async def trunkline_run(self, ctx: PluginContext[ApprovalConfig]) -> None:
        self.ctx = Unlucky(ctx, self._loses)
        keeper = Keeper(self.ctx, walltime=lambda: WALL + trio.current_time(), run_sync=in_line)
        ctx.state[plugin.STORE] = keeper.store
        await keeper.run()

    @hookimpl
    async def trunkline_backfill(
        self, ctx: PluginContext[ApprovalConfig], gap: Gap
    ) -> list[dict[str, Any]]:
        return [*(await plugin.trunkline_backfill(ctx, gap) or ())]


@pytest.fixture
def approval_host(trunkline_host: HostFactory, tmp_path: Path) -> Callable[..., Any]:
    """Run a host with the plugin: `approval_host(rule=[...])`."""

    def run(**table: Any) -> Any:
        table.setdefault("audit", str(tmp_path / "log.jsonl"))
        return trunkline_host(only={"approval": VirtualApproval()}, config={"approval": table})

    return run


def ask(host: HostUnderTest, **details: Any) -> Approval:
    """Let an agent ask; it may for five minutes."""
    world = host.simulator.world
    approval = Approval.draw(RNG, ACCOUNT_A, world.walltime(), **details)
    world.request_approval(approval)
    return approval


def notices(host: HostUnderTest) -> list[str]:
    return [event.type for event in host.published("approval_notices")]


def last(host: HostUnderTest) -> Event:
    return host.published("approval_notices")[-1]


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


async def test_a_request_that_no_event_told_of_is_found_and_the_server_called_stalled(
    approval_host: Callable[..., Any],
) -> None:
    """Its bus is gone, while it answers pings (protocol §12); the next event ends that."""
    async with approval_host(reconcile=60.0) as host:
        await trio.sleep(10)
        told = ask(host, expires_at=WALL + 10**6)
        await host.settle()
        host.simulator.world.bus_is_up = False
        missed = ask(host, expires_at=WALL + 10**6)
        host.simulator.world.resolve_approval(told.id, "declined")
        await trio.sleep(70)
        repaired = [event for event in host.published("approvals") if event.origin == "local"]
        assert {(event.type, event.get("approval_request_id")) for event in repaired} == {
            ("approval_created", missed.id),
            ("approval_declined", told.id),
        }
        await trio.sleep(5)
        assert "1 pending, 1 settled; stalled: 2 repaired since" in host.note("approval")
        await trio.sleep(200)
        assert len(repaired) == 2
        host.simulator.world.bus_is_up = True
        ask(host, expires_at=WALL + 10**6)
        await trio.sleep(5)
        assert host.note("approval") == "2 pending, 1 settled"
        assert notices(host).count("approval.waiting") == 3


async def test_what_happened_in_a_gap_is_known_afterwards(
    approval_host: Callable[..., Any],
) -> None:
    """By the back-fill, and what that cannot know by reading again; nobody calls that stalled."""
    async with approval_host() as host:
        world = host.simulator.world
        early = ask(host, expires_at=WALL + 10**6)
        await host.settle()
        world.bus_is_up = False
        missed = [ask(host, expires_at=WALL + 10**6) for _ in range(3)]
        world.resolve_approval(early.id, "approved")
        world.resolve_approval(missed[0].id, "declined")
        world.bus_is_up = True
        await host.drop_connection()
        await trio.sleep(20)
        assert host.note("approval") == "2 pending, 2 settled"
        [done] = [
            event
            for event in host.published("system")
            if event.type == "backfill.done" and event.get("topic") == "approvals"
        ]
        assert done.get("count") == 4
        backfilled = [event for event in host.published("approvals") if event.origin == "backfill"]
        assert len(backfilled) == 4


async def test_a_host_that_starts_later_knows_what_is_pending(
    trunkline_host: HostFactory, tmp_path: Path
) -> None:
    """A rule decides it as if it had just come."""
    table = {"audit": str(tmp_path / "log.jsonl"), "rule": [{"decide": "decline"}]}
    only = {"approval": VirtualApproval()}
    async with trunkline_host(only=[]) as before:
        approval = ask(before)
        await before.settle()
        async with trunkline_host(
            only=only, config={"approval": table}, simulator=before.simulator
        ) as host:
            await trio.sleep(1)
            assert approval.status == "declined"
            assert notices(host) == ["approval.decided"]


async def test_a_stored_decision_is_completed_at_the_start(
    trunkline_host: HostFactory, tmp_path: Path
) -> None:
    """Once nobody else can be sending it; an approval only while the rules still approve."""
    path = tmp_path / "log.jsonl"
    only = {"approval": VirtualApproval()}
    async with trunkline_host(only=[]) as before:
        asked = {"decline": ask(before), "approve": ask(before)}
        log = DecisionLog(path, now=lambda: datetime.fromtimestamp(WALL + trio.current_time(), UTC))
        for outcome, approval in asked.items():
            seen = view_of(approval_frame(approval, "approval_created", WALL))
            log.store(decision(outcome, request=approval.id, hash=digest(seen)))  # type: ignore[arg-type] # two words
        async with trunkline_host(
            only=only, config={"approval": {"audit": str(path)}}, simulator=before.simulator
        ) as host:
            await trio.sleep(55)
            assert len(log_of(path)) == 2
            await trio.sleep(10)
            assert [each.status for each in asked.values()] == ["declined", "pending"]
            told = {event.type: event for event in host.published("approval_notices")}
            assert {*told} == {"approval.waiting", "approval.decided", "approval.withheld"}
            decided, withheld = told["approval.decided"], told["approval.withheld"]
            assert decided.get("text") == "deploy_service for an agent: declined by rule[0]."
            assert "rule[0] would approve" in withheld.get("text")
            assert "but: withdrawn. Answer within" in withheld.get("text")
    assert sorted(log_of(path)[2:]) == ["answer declined", "answer withdrawn"]


async def test_a_log_that_cannot_be_written_decides_nothing_and_says_so(
    approval_host: Callable[..., Any], tmp_path: Path
) -> None:
    """It is tried again; once the disk is back, the rule has its way."""
    (tmp_path / "full.jsonl").symlink_to("/dev/null")
    rules = [{"decide": "decline"}]
    async with approval_host(rule=rules, audit=str(tmp_path / "full.jsonl")) as host:
        approval = ask(host)
        await trio.sleep(5)
        assert approval.status == "pending"
        assert "symbolic links" in host.note("approval")  # the path may be cut
        (tmp_path / "full.jsonl").unlink()
        await trio.sleep(30)
        assert approval.status == "declined"
        assert host.note("approval") == "0 pending, 1 settled, 1 by rule"
    assert json.loads((tmp_path / "full.jsonl").read_bytes().splitlines()[0])["by"] == "rule[0]"


async def test_a_server_that_does_not_answer_is_said_and_asked_again(
    approval_host: Callable[..., Any],
) -> None:
    """A rule that cannot look at a request is withheld where the server says no."""
    async with approval_host(rule=[{"decide": "decline"}], reconcile=60.0) as host:
        await trio.sleep(10)
        host.simulator.refuse_tokens = True
        approval = ask(host)
        await trio.sleep(100)
        assert "cannot be compared with the server" in host.note("approval")
        assert "HTTP 401" in host.note("approval")
        assert notices(host)[0] == "approval.withheld"
        assert approval.status == "pending"
        host.simulator.refuse_tokens = False
        await trio.sleep(80)
        assert "compare" not in host.note("approval")


async def test_a_request_that_the_server_has_forgotten_is_cancelled(
    approval_host: Callable[..., Any],
) -> None:
    """Nobody waits for its answer any more."""
    async with approval_host(reconcile=60.0) as host:
        approval = ask(host, expires_at=WALL + 10**6)
        await trio.sleep(10)
        del host.simulator.world.approvals[approval.id]
        await trio.sleep(120)
        [gone] = [event for event in host.published("approvals") if event.origin == "local"]
        assert gone.type == "approval_cancelled"
        assert "0 pending, 1 settled" in host.note("approval")


async def test_two_hosts_with_contrary_rules_make_one_decision(
    trunkline_host: HostFactory, tmp_path: Path
) -> None:
    """Each has its rules and its log; the server takes one answer, and nobody is told two."""
    tables = {
        name: {
            "audit": str(tmp_path / f"{name}.jsonl"),
            "allow_auto_approve": True,
            "rule": [{"decide": name}],
        }
        for name in ("approve", "decline")
    }
    only = {"approval": VirtualApproval()}
    async with (
        trunkline_host(only=only, config={"approval": tables["approve"]}) as one,
        trunkline_host(
            only=only, config={"approval": tables["decline"]}, simulator=one.simulator
        ) as other,
    ):
        asked = [ask(one) for _ in range(5)]
        await trio.sleep(10)
        told = [notices(host).count("approval.decided") for host in (one, other)]
    assert sum(told) == 5
    for approval in asked:
        assert [entry.event_type for entry in approval.history] == [approval.status]
    decided = [log_of(tmp_path / f"{name}.jsonl") for name in tables]
    late = [line for lines in decided for line in lines if line.endswith("already decided")]
    assert len(late) == 5


async def test_a_rule_leaves_what_a_person_has_begun(
    approval_host: Callable[..., Any], tmp_path: Path
) -> None:
    """Somebody at this configuration has stored a decision; it is not the rule's any more."""
    async with approval_host(rule=[{"decide": "decline"}]) as host:
        world = host.simulator.world
        approval = Approval.draw(RNG, ACCOUNT_A, world.walltime())
        stored = decision("approve", request=approval.id, by="alice", is_by_rule=False)
        DecisionLog(tmp_path / "log.jsonl").store(stored)
        world.request_approval(approval)
        await trio.sleep(30)
        assert approval.status == "pending"
        assert notices(host) == ["approval.waiting"]
    assert log_of(tmp_path / "log.jsonl") == ["decision approve"]


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


async def test_a_decision_that_did_not_get_through_waits_and_is_said(
    trunkline_host: HostFactory, tmp_path: Path
) -> None:
    """Stored once, tried again with the same outcome until the way is free."""
    unlucky = VirtualApproval("request")
    table = {"audit": str(tmp_path / "log.jsonl"), "rule": [{"decide": "decline"}]}
    async with trunkline_host(only={"approval": unlucky}, config={"approval": table}) as host:
        approval = ask(host)
        await trio.sleep(40)
        assert approval.status == "pending"
        assert "no way to the server" in host.note("approval")
        unlucky.ctx.wire.loses = ""
        await trio.sleep(20)
        assert approval.status == "declined"
        assert host.note("approval") == "0 pending, 1 settled, 1 by rule"
    assert log_of(tmp_path / "log.jsonl") == ["decision decline", "answer declined"]


async def test_a_decision_that_was_stored_and_not_known_to_be_is_carried_out(
    approval_host: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line was written, and the disk said no; it is found, and it is the rule's own."""
    sync, failures = os.fsync, [OSError(errno.EIO, "Input/output error")]

    def fsync(fd: int) -> None:
        sync(fd)
        if failures:
            raise failures.pop()

    monkeypatch.setattr(os, "fsync", fsync)
    async with approval_host(rule=[{"decide": "decline"}]) as host:
        approval = ask(host)
        await trio.sleep(10)
        assert "Input/output error" in host.note("approval")
        await trio.sleep(40)
        assert approval.status == "pending"  # somebody else may have stored it
        await trio.sleep(40)
        assert approval.status == "declined"
        assert notices(host) == ["approval.decided"]
        assert host.note("approval") == "0 pending, 1 settled, 1 by rule"
    assert log_of(tmp_path / "log.jsonl") == ["decision decline", "answer declined"]


async def test_an_answer_that_cannot_be_written_is_told_and_written_later(
    approval_host: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was approved is not called withheld, and not decided again."""
    write, is_full = os.write, True

    def write_some(fd: int, data: Any) -> int:
        if is_full and b'"answer"' in bytes(data):
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(fd, data)

    monkeypatch.setattr(os, "write", write_some)
    async with approval_host(rule=[{"decide": "approve"}], allow_auto_approve=True) as host:
        approval = ask(host)
        await trio.sleep(40)
        assert notices(host) == ["approval.decided"]
        assert "No space left" in host.note("approval")
        is_full = False
        await trio.sleep(20)
        assert host.note("approval") == "0 pending, 1 settled, 1 by rule"
    assert [entry.event_type for entry in approval.history] == ["approved"]
    assert log_of(tmp_path / "log.jsonl") == ["decision approve", "answer approved"]
