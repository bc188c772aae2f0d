"""Life on the server: runs, approvals and what else an account sees, under a seed.

Each actor draws from a `Random` of its own, split off in a fixed order: which task trio lets go
first then decides nothing.
"""

import random
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import attrs
import trio

from trunkline.simulator.activity import Activity
from trunkline.simulator.approvals import Approval, Outcome
from trunkline.simulator.catalogue import AGENTS, FLOWS, REQUESTS, Flow
from trunkline.simulator.executions import Execution
from trunkline.simulator.frames import account_event, approval_frame
from trunkline.simulator.runs import Beat, Run
from trunkline.simulator.runs import Outcome as RunOutcome
from trunkline.simulator.users import User
from trunkline.simulator.wire import naive_iso, new_id
from trunkline.simulator.world import World

LANES = 3  # runs at a time
FIRST_REQUEST_PAUSE = (2.0, 4.0)  # s; soon, so that whoever looks on briefly sees one
REQUEST_PAUSE = (6.0, 10.0)  # s between two requests for approval
DECISION_PAUSE = (3.0, 9.0)  # s until somebody decides
LEFT_TO_US = 0.3  # the share of requests that no colleague decides
YOUR_PAUSE = (60.0, 90.0)  # s in which whoever looks on may
NEWS_PAUSE = (2.0, 6.0)  # s between two events of the account
BURST = 300  # events


@attrs.frozen
class Stage:
    """Where a scenario plays."""

    world: World
    rng: random.Random
    account_id: str
    speed: float = 1.0
    """2.0 plays twice as fast."""

    def split(self) -> "Stage":
        """Return a stage for another actor."""
        seed = self.rng.getrandbits(64)
        return attrs.evolve(self, rng=random.Random(seed))  # noqa: S311 - repeatable

    async def pause(self, span: tuple[float, float]) -> None:
        """Wait for a time within `span`, s."""
        await trio.sleep(self.rng.uniform(*span) / self.speed)

    def tell(self, topic: str, kind: str, payload: Mapping[str, Any], **ids: str) -> None:
        """Push an event of the account."""
        now = self.world.walltime()
        self.world.publish(account_event(self.account_id, topic, kind, payload, now, **ids))


def _begin(stage: Stage, flow: Flow) -> Execution:
    execution = Execution.draw(stage.rng, stage.account_id, flow.name)
    return stage.world.add_execution(execution)


async def _play(stage: Stage, flow: Flow, execution: Execution, outcome: RunOutcome) -> None:
    """Play one run to its end, or until a client stops it; `send_message` is taken up."""
    run = Run(stage.rng, flow, execution)
    heard = 0
    for beat in run.beats(outcome):
        if await execution.wait_stop(beat.pause / stage.speed):
            break
        for command in execution.commands[heard:]:
            play_beat(stage, execution, run.line(f"Operator says: {command.get('message')}"))
        heard = len(execution.commands)
        play_beat(stage, execution, beat)
    else:
        return
    for beat in run.stop_beats():
        await trio.sleep(beat.pause / stage.speed)
        play_beat(stage, execution, beat)


def play_beat(stage: Stage, execution: Execution, beat: Beat) -> None:
    """Let happen what a beat says."""
    if beat.topic is not None:
        ids = {"flow_id": execution.flow_id, "execution_id": execution.id}
        if "runtime_session_id" in beat.payload:
            ids = {"runtime_session_id": beat.payload["runtime_session_id"]} | ids
        stage.tell(beat.topic, beat.type, beat.payload, **ids)
        if beat.topic == "flow_executions":
            stage.world.log(execution, beat.type, beat.payload)
        return
    stage.world.update_execution(execution, beat.type, beat.payload)


async def _run(outcome: RunOutcome, stage: Stage) -> None:
    flow = stage.rng.choice(FLOWS)
    await _play(stage, flow, _begin(stage, flow), outcome)


async def _stopped_run(stage: Stage) -> None:
    """A colleague stops a run after a few seconds."""
    flow = stage.rng.choice(FLOWS)
    execution = _begin(stage, flow)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_play, stage.split(), flow, execution, "success")
        await stage.pause(DECISION_PAUSE)
        execution.stop_requested.set()


async def _flows(stage: Stage) -> None:
    """Always a few runs at a time, new ones as old ones end."""
    async with trio.open_nursery() as nursery:
        for lane in range(LANES):
            nursery.start_soon(_lane, stage.split(), lane)


async def _lane(stage: Stage, lane: int) -> None:
    flows = FLOWS[lane:] + FLOWS[:lane]
    while True:
        for flow in flows:
            await stage.pause((0.5, 3.0))
            outcome: RunOutcome = "failure" if stage.rng.random() < 0.2 else "success"
            await _play(stage, flow, _begin(stage, flow), outcome)


async def _approvals(stage: Stage) -> None:
    """Requests as agents make them, decided by colleagues or by nobody."""
    before = FIRST_REQUEST_PAUSE
    async with trio.open_nursery() as nursery:
        while True:
            await stage.pause(before)
            before = REQUEST_PAUSE
            outcomes: tuple[Outcome, ...] = ("approved", "declined", "expired", "cancelled")
            [outcome] = stage.rng.choices(outcomes, (6, 2, 2, 1))
            waits = stage.rng.random() < LEFT_TO_US
            pause = YOUR_PAUSE if waits else DECISION_PAUSE
            nursery.start_soon(_request, "expired" if waits else outcome, stage.split(), pause)


async def _request(
    outcome: Outcome, stage: Stage, pause: tuple[float, float] = DECISION_PAUSE
) -> None:
    """An agent asks; after a pause the outcome comes, if nobody has decided meanwhile."""
    running = [
        each.id
        for each in stage.world.executions.values()
        if not each.is_over and each.account_id == stage.account_id
    ]
    tool, arguments, reason = stage.rng.choice(REQUESTS)
    now = stage.world.walltime()
    decision_pause = stage.rng.uniform(*pause) / stage.speed
    approval = Approval.draw(
        stage.rng,
        stage.account_id,
        now,
        tool_name=tool,
        tool_args=arguments,
        agent_reasoning=reason,
        managed_agent_name=stage.rng.choice(AGENTS),
        execution_id=stage.rng.choice([None, *running]),
        **({"expires_at": now + decision_pause} if outcome == "expired" else {}),
    )
    stage.world.request_approval(approval)
    stage.tell("audit", "audit_event", _audit("approval_created", "created", approval, stage))
    await trio.sleep(decision_pause)
    if stage.world.resolve_approval(approval.id, outcome):
        stage.tell("audit", "audit_event", _audit(f"approval_{outcome}", outcome, approval, stage))


def _audit(action: str, status: str, approval: Approval, stage: Stage) -> dict[str, Any]:
    return {
        "action": action,
        "status": status,
        "audit_log_id": new_id(stage.rng),
        "approval_id": approval.id,
        "tool_name": approval.tool_name,
    }


async def _vote(stage: Stage) -> None:
    """A request that takes two votes, gets one, and is escalated."""
    world = stage.world
    approval = world.request_approval(Approval.draw(stage.rng, stage.account_id, world.walltime()))
    await stage.pause(DECISION_PAUSE)
    votes = {"approval_count": 1, "approvals_required": 2}
    now = world.walltime()
    world.publish(approval_frame(approval, "approval_vote_received", now, **votes))
    await stage.pause(DECISION_PAUSE)
    approval.expires_at += 60.0
    later = naive_iso(approval.expires_at)
    now = world.walltime()
    world.publish(approval_frame(approval, "approval_escalated", now, new_expires_at=later))
    await stage.pause(DECISION_PAUSE)
    world.resolve_approval(approval.id, "approved")


async def _news(stage: Stage) -> None:
    """What else happens in an account: audit, runners, budget, agents, code."""
    runner, agent, visit = (new_id(stage.rng) for _ in range(3))
    colleague = User(new_id(stage.rng), "dana", stage.account_id)
    spent = 0.0
    while True:
        await stage.pause(NEWS_PAUSE)
        match stage.rng.choice(("audit", "runner", "budget", "agent", "visit", "code")):
            case "audit":
                payload = {"action": "policy_allow", "status": "allowed"}
                stage.tell("audit", "audit_event", payload | {"audit_log_id": new_id(stage.rng)})
            case "runner":
                status = stage.rng.choice(("online", "busy", "offline"))
                payload = {"id": runner, "name": "build-runner-1", "status": status}
                stage.tell("runners", "runner_updated", payload, runner_id=runner)
            case "budget":
                spent += stage.rng.uniform(0.01, 0.4)
                _tell_budget(stage, spent)
            case "agent":
                kind = stage.rng.choice(("managed_agent_online", "managed_agent_offline"))
                ids = {"managed_agent_id": agent}
                stage.tell("agent_control", kind, ids, **ids)
            case "visit":
                now = stage.world.walltime()
                path = stage.rng.choice(("/console/flows", "/console/approvals", "/console/agents"))
                page = Activity(event_type="page_view", timestamp=now, path=path, event_data={})
                stage.world.store_activity(visit, colleague, page)
            case _:
                number = stage.rng.randrange(480, 500)
                payload = {"action": stage.rng.choice(("opened", "merged")), "pr": f"acme#{number}"}
                stage.tell("code_activity", "code_activity", payload)


def _tell_budget(stage: Stage, spent: float) -> None:
    payload = {
        "api_usage_id": new_id(stage.rng),
        "model_alias": "claude-sonnet",
        "provider_name": "anthropic",
        "estimated_cost": round(spent, 4),
        "status_code": 200,
        "budget": {"soft_limit_exceeded": spent > 5.0, "hard_limit_exceeded": False},
    }
    stage.tell("budget_health", "budget_health_updated", payload)


async def _burst(stage: Stage) -> None:
    """Many numbered events at once; the server's order of one subject holds."""
    for number in range(BURST):
        stage.tell("audit", "audit_event", {"action": "tool_call", "number": number})
    await trio.lowlevel.checkpoint()


async def _demo(stage: Stage) -> None:
    async with trio.open_nursery() as nursery:
        for part in (_flows, _approvals, _news):
            nursery.start_soon(part, stage.split())


Scenario = Callable[[Stage], Awaitable[None]]

#: {name: what plays}; the first four play until they are cancelled, the others end.
SCENARIOS: Mapping[str, Scenario] = {
    "demo": _demo,
    "flows": _flows,
    "approvals": _approvals,
    "news": _news,
    "run_success": partial(_run, "success"),
    "run_failure": partial(_run, "failure"),
    "run_stopped": _stopped_run,
    "approval_approved": partial(_request, "approved"),
    "approval_declined": partial(_request, "declined"),
    "approval_expired": partial(_request, "expired"),
    "approval_cancelled": partial(_request, "cancelled"),
    "approval_escalated": _vote,
    "burst": _burst,
}
