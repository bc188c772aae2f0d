"""Requests for approval over REST, the only way to decide one (protocol §10)."""

import uuid
from collections.abc import Mapping
from typing import Any

from trunkline.simulator.approvals import Approval, Entry
from trunkline.simulator.frames import approval_frame
from trunkline.simulator.rest.answers import Answer, Asked, Refused, invalid, own, page, require
from trunkline.simulator.users import User
from trunkline.simulator.wire import naive_iso
from trunkline.simulator.world import World

PAGE = 50  # rows where nothing is said
PAGE_LIMIT = 100  # more are an error

Parts = Mapping[str, str]


def list_all(world: World, user: User, asked: Asked, _: Parts) -> Answer:
    """Return a page of requests, the newest first; those past their time expire by this."""
    require(user, "view_approvals", granted=user.may_decide)
    skip, limit = asked.number("skip", 0), asked.number("limit", PAGE)
    if skip < 0:
        raise invalid("query", "skip", "Input should be greater than or equal to 0")
    if not 1 <= limit <= PAGE_LIMIT:
        raise invalid("query", "limit", f"Input should be from 1 to {PAGE_LIMIT}")
    for approval in world.approvals.values():
        approval.expire(world.walltime())
    found = [each for each in world.approvals.values() if _is_wanted(each, user, asked)]
    found.sort(key=lambda each: each.requested_at, reverse=True)
    return page([_row(each) for each in found], skip, limit)


def _is_wanted(approval: Approval, user: User, asked: Asked) -> bool:
    text = f"{approval.tool_name} {approval.summary} {approval.agent_reasoning}".lower()
    return (
        approval.account_id == user.account_id
        and asked.text("status") in {None, "", approval.status}
        and asked.text("execution_id") in {None, "", approval.execution_id}
        and asked.text("tool_name") in {None, "", approval.tool_name}
        and (asked.text("q") or "").lower() in text
    )


def show(world: World, user: User, _: Asked, parts: Parts) -> Answer:
    """Return one request."""
    require(user, "view_approvals", granted=user.may_decide)
    return Answer(200, _row(_find(world, user, parts)))


def history(world: World, user: User, _: Asked, parts: Parts) -> Answer:
    """Return what has happened to a request, the oldest first."""
    require(user, "view_approvals", granted=user.may_decide)
    approval = _find(world, user, parts)
    entries = [Entry("created", approval.requested_at), *approval.history]
    return Answer(200, [_entry(approval, number, each) for number, each in enumerate(entries)])


def approve(world: World, user: User, asked: Asked, parts: Parts) -> Answer:
    """Approve a request, or give a vote for it."""
    return _decide(world, user, parts, _decision(asked, approved=True))


def decline(world: World, user: User, asked: Asked, parts: Parts) -> Answer:
    """Decline a request."""
    return _decide(world, user, parts, _decision(asked, approved=False))


def decide(world: World, user: User, asked: Asked, parts: Parts) -> Answer:
    """Decide as the body says."""
    return _decide(world, user, parts, _decision(asked, approved=None))


def _decision(asked: Asked, *, approved: bool | None) -> tuple[bool, str | None]:
    """Return what is decided and what is said with it; the path and the body must agree."""
    fields = asked.fields()
    said = fields.get("approved")
    if said is None and approved is None:
        raise invalid("body", "approved", "Field required")
    if said is not None and not isinstance(said, bool):
        raise invalid("body", "approved", "Input should be a valid boolean")
    if None not in {said, approved} and said is not approved:
        raise Refused(400, "The field `approved` does not agree with the path")
    comment = fields.get("comment", fields.get("reason"))
    if comment is not None and not isinstance(comment, str):
        raise invalid("body", "comment", "Input should be a valid string")
    return bool(said if approved is None else approved), comment


def _decide(world: World, user: User, parts: Parts, decision: tuple[bool, str | None]) -> Answer:
    """Decide, vote, or find that it is too late; 200 in all three cases."""
    require(user, "decide_approvals", granted=user.may_decide)
    approval = world.approvals.get(parts["id"].lower())
    if approval is None:
        raise Refused(404, "Approval request not found")
    if approval.account_id != user.account_id:
        raise Refused(403, "Not authorized to approve this request")
    if approval.status != "pending":
        raise Refused(400, f"Request already {approval.status}")
    now = world.walltime()
    approval.expire(now)
    if approval.status == "pending":
        approved, comment = decision
        if not approved or _is_enough(world, user, approval, comment):
            world.resolve_approval(
                approval.id, "approved" if approved else "declined", user, comment
            )
    return Answer(200, _row(approval))


def _is_enough(world: World, user: User, approval: Approval, comment: str | None) -> bool:
    """Count a vote; a second one of the same user changes nothing and is told to nobody."""
    if user.id in approval.votes:
        return False
    approval.votes.append(user.id)
    if len(approval.votes) >= approval.approvals_required:
        return True
    now = world.walltime()
    approval.history.append(Entry("vote", now, comment, user))
    votes = {
        "approval_count": len(approval.votes),
        "approvals_required": approval.approvals_required,
    }
    world.publish(approval_frame(approval, "approval_vote_received", now, **votes))
    return False


def _find(world: World, user: User, parts: Parts) -> Approval:
    return own(world.approvals, parts["id"], user, "Approval request")


def _row(approval: Approval) -> dict[str, Any]:
    """Return a request as REST has it: `id`, and more than its frames say."""
    return {
        "id": approval.id,
        "account_id": approval.account_id,
        "tool_configuration_id": approval.tool_configuration_id,
        "approval_workflow_id": approval.approval_workflow_id,
        "tool_name": approval.tool_name,
        "tool_args": approval.tool_args,
        "agent_reasoning": approval.agent_reasoning,
        "summary": approval.summary,
        "execution_id": approval.execution_id,
        "status": approval.status,
        "requested_at": naive_iso(approval.requested_at),
        "resolved_at": None if approval.resolved_at is None else naive_iso(approval.resolved_at),
        "expires_at": naive_iso(approval.expires_at),
        "approver_comment": approval.comment,
        "structured_answer": None,
        "webhook_posted_at": None,
        "webhook_error": None,
        "managed_agent_id": None,
        "runtime_session_id": None,
        "managed_agent_name": approval.managed_agent_name,
        "api_key_id": None,
        "decided_by_ai": False,
        "auto_approved_reason": None,
        "rule_context": None,
        "agent": None,
        "api_key": None,
        "session": None,
        "flow_execution": None,
        "risk_level": "low",
        "was_bypassed": False,
        "decided_by_human": approval.status in {"approved", "declined"},
        "is_question": False,
        "question": None,
        "question_options": None,
        "allow_free_text": False,
        "has_answer_form": False,
    }


def _entry(approval: Approval, number: int, entry: Entry) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid5(uuid.UUID(approval.id), str(number))),
        "event_type": entry.event_type,
        "detail": None,
        "comment": entry.comment,
        "actor_id": entry.actor.id if entry.actor else None,
        "actor_email": entry.actor.email if entry.actor else None,
        "timestamp": naive_iso(entry.at),
    }
