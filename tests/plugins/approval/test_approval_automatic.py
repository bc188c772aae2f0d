"""Rules decide each request once, whatever fails on the way: the disk, the server, or another host."""

import errno
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trio
from approval_bench import decision, log_of
from approval_host import RNG, VirtualApproval, ask, notices

from trunkline.simulator import ACCOUNT_A, Approval
from trunkline.simulator.frames import approval_frame
from trunkline.testing import HostFactory
from trunkline.testing.hosting import WALL
from trunkline_plugins.approval.log import DecisionLog
from trunkline_plugins.approval.request import digest, view_of


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
