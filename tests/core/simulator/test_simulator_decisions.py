"""Requests for approval over the server's HTTP paths (protocol §10): decided once, late, or by several."""

from typing import Any

from rest_bench import APPROVALS, NOW, URL, Bench, bench, request
from trio.testing import MockClock

import trunkline
from trunkline.simulator import Approval


async def decide(
    server: Bench, approval: Approval, word: str, token: str = "demo-token", **body: Any
) -> tuple[int, Any]:
    answer = await server.ask("POST", f"{APPROVALS}/{approval.id}/{word}", json=body, token=token)
    return answer.status, answer.data.get("status", answer.data.get("detail"))


async def test_a_decision_is_taken_once(autojump_clock: MockClock) -> None:
    """With its comment; the second one is told what was decided, another account nothing."""
    async with bench() as server:
        approval = request(server.simulator)
        assert (await decide(server, approval, "approve", "other-token"))[0] == 403
        assert (await decide(server, approval, "decide"))[0] == 422
        assert (await decide(server, approval, "approve", approved=False))[0] == 400
        assert await decide(server, approval, "approve", comment="fine") == (200, "approved")
        assert await decide(server, approval, "decline") == (400, "Request already approved")
        row = (await server.ask("GET", f"{APPROVALS}/{approval.id}")).data
        assert (row["approver_comment"], row["status"]) == ("fine", "approved")
        assert row["resolved_at"] == "2026-11-22T20:50:45.250000"
        other = await server.ask("GET", f"{APPROVALS}/{approval.id}", token="other-token")
        assert other.status == 404
        history = (await server.ask("GET", f"{APPROVALS}/{approval.id}/history")).data
        assert [entry["event_type"] for entry in history] == ["created", "approved"]
        assert history[1]["actor_email"] == "alice@example.com"


async def test_s10_a_late_decision_is_answered_200_and_expired(autojump_clock: MockClock) -> None:
    """No frame tells of it, and the comment is not kept."""
    async with bench() as server:
        approval = request(server.simulator, expires_at=NOW + 10)
        server.wall = NOW + 10
        assert await decide(server, approval, "decide", approved=True) == (200, "expired")
        assert approval.comment is None
        other = request(server.simulator, expires_at=NOW + 1)
        listed = (await server.ask("GET", APPROVALS, {"status": "pending"})).data
        assert listed == []
        assert other.status == "expired"


async def test_a_quorum_takes_as_many_people(autojump_clock: MockClock) -> None:
    """200 and pending until then; a second vote of the same person counts for nothing."""
    seen: list[str] = []
    async with (
        bench() as server,
        trunkline.open_connection(URL, "demo-token", dial=server.dial) as client,
    ):
        client.subscribe("approvals", lambda event: seen.append(event.type))
        await client.wait_connected()
        approval = request(server.simulator, approvals_required=2)
        assert await decide(server, approval, "approve") == (200, "pending")
        assert await decide(server, approval, "approve") == (200, "pending")
        assert await decide(server, approval, "approve", "second-token") == (200, "approved")
        await client.barrier()
    assert seen == ["approval_created", "approval_vote_received", "approval_approved"]


async def test_approvals_are_listed_in_pages(autojump_clock: MockClock) -> None:
    """A plain array, newest first; a limit out of range is refused, not clamped."""
    async with bench() as server:
        for number in range(120):
            request(server.simulator, tool_name=f"tool-{number}")
        found = await server.ask("GET", APPROVALS, {"limit": 100, "skip": 100})
        assert (len(found.data), found.headers["x-total-count"]) == (20, "120")
        assert len((await server.ask("GET", APPROVALS, {"tool_name": "tool-7"})).data) == 1
        for params in ({"limit": 0}, {"limit": 101}, {"skip": -1}):
            assert (await server.ask("GET", APPROVALS, params)).status == 422
