"""The table in a host is right whatever was missed: by comparing with the server, and after gaps."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import trio
from approval_host import VirtualApproval, ask, notices

from trunkline.testing import HostFactory
from trunkline.testing.hosting import WALL


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
