"""A decision is looked at, stored, sent and written down; whatever fails on the way, it is one."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio
from approval_bench import Court, Deck, court, log_of
from trio.testing import MockClock, wait_all_tasks_blocked

from trunkline_plugins.approval.config import ApprovalConfig
from trunkline_plugins.approval.decision import Decision, Outcome, Rules
from trunkline_plugins.approval.log import AlreadyStored

if TYPE_CHECKING:
    from trunkline_plugins.approval.answer import Result


class Crash(Exception):
    """The process is gone."""


def crash_at(point: str, name: str) -> None:
    if name == point:
        raise Crash


@pytest.fixture
async def bench(tmp_path: Path, autojump_clock: MockClock) -> AsyncIterator[Court]:
    async with court(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize(("outcome", "status"), [("approve", "approved"), ("decline", "declined")])
async def test_a_decision_is_stored_sent_and_answered(
    bench: Court, outcome: Outcome, status: str
) -> None:
    """In this order, and the server has it with its comment."""
    approval = bench.ask()
    order: list[str] = []
    async with bench.host(at=lambda name: order.append(f"{name} {len(host.wire.sent)}")) as host:
        decision = await host.decision_on(approval, outcome, comment="as agreed")
        result = await host.deciding.decide(decision)
    assert (result.result, result.is_done) == (status, True)
    assert (approval.status, approval.comment) == (status, "as agreed")
    assert order == ["stored 0", "sent 1"]
    assert log_of(host.log) == [f"decision {outcome}", f"answer {status}"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"expires_at": 0.0}, "expired"),
        ({"tool_args": {"env": "production", "force": True}}, "altered"),
        ({"tool_name": "drop_table"}, "altered"),
        ({"account_id": "somebody else's"}, "unknown"),
        ({"status": "cancelled"}, "already decided"),
    ],
)
async def test_c53_c54_what_is_expired_altered_or_unknown_is_written_down_and_not_sent(
    bench: Court, change: dict[str, object], reason: str
) -> None:
    """It changed between the moment it was seen and the moment it was looked at."""
    approval = bench.ask()
    async with bench.host() as host:
        decision = await host.decision_on(approval)
        was = {field: getattr(approval, field) for field in change}
        for field, value in change.items():
            setattr(approval, field, value)
        result = await host.deciding.decide(decision)
        assert (result.result, result.is_done, result.is_open) == (reason, False, False)
        for field, value in was.items():
            setattr(approval, field, value)
        with pytest.raises(AlreadyStored):  # changed back it is no better
            await host.deciding.decide(decision)
    assert host.wire.sent == []
    assert approval.status != "approved"
    [line] = log_of(host.log)
    assert line.startswith("withheld")


async def test_c55_two_hosts_at_once_make_one_decision_and_one_already_decided(
    bench: Court,
) -> None:
    """Both have looked, both have stored; the server takes the first and says so to the other."""
    approval = bench.ask()
    results: list[Result] = []
    async with bench.host("one") as one, bench.host("other", "second-token") as other:
        decisions = {
            one: await one.decision_on(approval, "approve"),
            other: await other.decision_on(approval, "decline"),
        }
        gate = trio.Event()
        one.wire.gate = other.wire.gate = gate

        async def decide(host: Deck, decision: Decision) -> None:
            results.append(await host.deciding.decide(decision))

        async with trio.open_nursery() as nursery:
            for host, decision in decisions.items():
                nursery.start_soon(decide, host, decision)
            await wait_all_tasks_blocked()
            assert [log_of(host.log) for host in (one, other)] == [
                ["decision approve"],
                ["decision decline"],
            ]
            gate.set()
    assert {result.result for result in results} == {approval.status, "already decided"}
    [late] = [result for result in results if not result.is_done]
    assert late.error == f"Request already {approval.status}"
    decided = [entry for entry in approval.history if entry.event_type in {"approved", "declined"}]
    assert len(decided) == 1


async def test_a_vote_under_a_quorum_is_pending_and_not_cast_again(bench: Court) -> None:
    """200 is no decision; a rule has had its vote."""
    approval = bench.ask(approvals_required=2)
    async with bench.host() as host:
        decision = await host.decision_on(approval)
        result = await host.deciding.decide(decision)
        assert (result.result, result.is_done, result.is_open) == ("pending", False, False)
        assert await host.deciding.unanswered() == ()
        with pytest.raises(AlreadyStored):
            await host.deciding.decide(decision)
    assert len(approval.votes) == 1
    assert log_of(host.log) == ["decision approve", "answer pending"]


@pytest.mark.parametrize("point", ["stored", "sent"])
@pytest.mark.parametrize(("outcome", "status"), [("approve", "approved"), ("decline", "declined")])
async def test_crash_points_11_and_12_complete_the_same_outcome(
    bench: Court, point: str, outcome: Outcome, status: str
) -> None:
    """Stored and not sent: sent once. Sent and not answered: found, and not sent again."""
    approval = bench.ask()
    async with bench.host(at=partial(crash_at, point)) as host:
        decision = await host.decision_on(approval, outcome)
        with pytest.raises(Crash):
            await host.deciding.decide(decision)
    assert approval.status == ("pending" if point == "stored" else status)
    async with bench.host() as restarted:
        [unanswered] = await restarted.deciding.unanswered()
        assert unanswered.decision == decision
        result = await restarted.deciding.complete(unanswered.decision)
        assert result.is_done
        assert await restarted.deciding.unanswered() == ()
    assert host.wire.sent + restarted.wire.sent == [(approval.id, outcome)]
    assert log_of(host.log) == [f"decision {outcome}", f"answer {status}"]


async def test_a_completed_decision_is_for_what_was_stored_only(bench: Court) -> None:
    """Altered or too late after the restart: it is a denial, and written down."""
    for change, reason in (
        ({"tool_name": "drop_table"}, "altered"),
        ({"expires_at": 0.0}, "expired"),
    ):
        approval = bench.ask()
        async with bench.host(at=partial(crash_at, "stored")) as host:
            with pytest.raises(Crash):
                await host.deciding.decide(await host.decision_on(approval))
        for field, value in change.items():
            setattr(approval, field, value)
        async with bench.host() as restarted:
            [unanswered] = await restarted.deciding.unanswered()
            assert (await restarted.deciding.complete(unanswered.decision)).result == reason
        assert restarted.wire.sent == []
        assert log_of(host.log)[-1] == f"answer {reason}"
        assert approval.status != "approved"


@pytest.mark.parametrize(("outcome", "result"), [("approve", "withdrawn"), ("decline", "declined")])
async def test_a_restart_approves_only_what_the_rules_still_approve(
    bench: Court, outcome: Outcome, result: str
) -> None:
    """The operator took the permission back in between; to decline needs none."""
    approval = bench.ask()
    async with bench.host(at=partial(crash_at, "stored")) as host:
        with pytest.raises(Crash):
            await host.deciding.decide(await host.decision_on(approval, outcome))
    async with bench.host(rules=Rules(ApprovalConfig())) as restarted:
        [unanswered] = await restarted.deciding.unanswered()
        assert (await restarted.deciding.complete(unanswered.decision)).result == result
        assert await restarted.deciding.unanswered() == ()
    assert log_of(host.log) == [f"decision {outcome}", f"answer {result}"]
    assert approval.status == ("pending" if outcome == "approve" else "declined")


async def test_a_log_that_fails_after_the_send_takes_nothing_back(bench: Court) -> None:
    """The server has decided, and that is what is said; the line can follow."""
    approval = bench.ask()

    def fail(name: str) -> None:
        if name == "sent":
            host.log.rename(aside)
            host.log.symlink_to("/dev/full")

    async with bench.host(at=fail) as host:
        aside = host.log.with_suffix(".aside")
        decision = await host.decision_on(approval)
        result = await host.deciding.decide(decision)
        assert (result.result, result.is_done) == ("approved", True)
        assert "one.jsonl" in result.unwritten
        aside.rename(host.log)
        assert (await host.deciding.write(decision, result)).unwritten == ""
    assert len(host.wire.sent) == 1
    assert log_of(host.log) == ["decision approve", "answer approved"]


async def test_a_person_whose_decision_never_left_can_decide_otherwise(bench: Court) -> None:
    """Nobody carries it on for them, so it does not stay open."""
    approval = bench.ask()
    async with bench.host() as host:
        host.wire.loses = "request"
        decision = await host.decision_on(approval, by="alice", is_by_rule=False)
        assert (await host.deciding.decide(decision)).result == "not sent"
        host.wire.loses = ""
        other = await host.decision_on(approval, "decline", by="alice", is_by_rule=False)
        assert (await host.deciding.decide(other)).is_done
    assert log_of(host.log) == [
        *("decision approve", "answer not sent", "decision decline", "answer declined")
    ]


async def test_a_lost_answer_is_found_by_reading(bench: Court) -> None:
    """It had been handled, so it is not said again."""
    approval = bench.ask()
    async with bench.host() as host:
        host.wire.loses = "answer"
        result = await host.deciding.decide(await host.decision_on(approval))
    assert result.is_done
    assert host.wire.sent == [(approval.id, "approve")]
    assert log_of(host.log) == ["decision approve", "answer approved"]


async def test_what_never_left_stays_unanswered_and_is_completed_later(bench: Court) -> None:
    """The decision stands; the way to the server will come back."""
    approval = bench.ask()
    async with bench.host() as host:
        host.wire.loses = "request"
        result = await host.deciding.decide(await host.decision_on(approval))
        assert (result.result, result.is_open) == ("not sent", True)
        assert approval.status == "pending"
        host.wire.loses = ""
        [unanswered] = await host.deciding.unanswered()
        assert (await host.deciding.complete(unanswered.decision)).is_done
    assert log_of(host.log) == ["decision approve", "answer approved"]


async def test_a_user_without_the_right_decides_nothing(bench: Court) -> None:
    """The server does not even show the request, in words that are passed on and written down."""
    approval = bench.ask()
    async with bench.host() as alice:
        decision = await alice.decision_on(approval)
    async with bench.host("carol", "viewer-token") as host:
        result = await host.deciding.decide(decision)
    assert (result.result, result.is_open) == ("refused", False)
    assert "Insufficient permissions" in result.error
    assert log_of(host.log) == ["withheld refused"]
    assert host.wire.sent == []


async def test_a_decision_that_cannot_be_stored_is_not_sent(bench: Court) -> None:
    """No disk, no decision."""
    approval = bench.ask()
    async with bench.host() as host:
        decision = await host.decision_on(approval)
        host.log.symlink_to("/dev/full")
        with pytest.raises(OSError, match=r"one\.jsonl"):
            await host.deciding.decide(decision)
    assert host.wire.sent == []
