"""The table of approvals is right in any order, and knows when time has run out."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from trunkline import Event, Gap
from trunkline_plugins.approval import Approval, ApprovalStore

START = datetime(2026, 11, 22, 21, 2, 0, tzinfo=UTC)
ID = "28a60712-7e48-40d8-80a6-27841d6fd67e"


class Clock:
    """A wall that shows what it is told."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return START.timestamp() + self.seconds


def told(
    change: str,
    second: float,
    request_id: str = ID,
    *,
    status: str = "pending",
    deadline: float | None = 300,
    **fields: object,
) -> Event:
    """Make an event that happened `second` seconds after the start."""
    data = {
        "type": f"approval_{change}",
        "approval_request_id": request_id,
        "status": status,
        "tool_name": "deploy_service",
        "summary": None,
        "agent_reasoning": "All checks passed.",
        "managed_agent_name": "emit-agent",
        "requested_at": naive(0),
        "expires_at": None if deadline is None else naive(deadline),
        "timestamp": naive(second),
        **fields,
    }
    return Event("approvals", f"approval_{change}", data)


def naive(second: float) -> str:
    """Write a time as the server does here: UTC without an offset."""
    return (START + timedelta(seconds=second)).replace(tzinfo=None).isoformat()


def store_of(*events: Event, clock: Clock | None = None, limit: int = 1000) -> ApprovalStore:
    store = ApprovalStore(limit, walltime=clock or Clock())
    for event in events:
        store.apply(event)
    return store


def ids(approvals: Iterable[Approval]) -> list[str]:
    return [approval.id for approval in approvals]


STORY = (
    told("created", 1),
    told("vote_received", 20, approval_count=1, approvals_required=3),
    told("escalated", 30, deadline=600, new_expires_at=naive(600)),
    told("vote_received", 40, deadline=600, approval_count=2, approvals_required=3),
    told("approved", 50, status="approved", deadline=600, resolved_at=naive(50)),
)


def test_store_tells_a_whole_story() -> None:
    """After all events of a request its row has the last value of everything."""
    [approval] = store_of(*STORY).approvals()
    assert (approval.status, approval.is_pending) == ("approved", False)
    assert (approval.votes, approval.votes_required) == (2, 3)
    assert approval.resolved_at == START + timedelta(seconds=50)
    assert approval.expires_at == START + timedelta(seconds=600)
    assert (approval.tool_name, approval.agent_name) == ("deploy_service", "emit-agent")
    assert approval.summary == "All checks passed."
    assert store_of(*STORY).pending() == ()


@given(st.permutations(STORY), st.lists(st.sampled_from(STORY)))
def test_store_is_the_same_in_any_order_and_with_repeats(
    shuffled: list[Event], repeats: list[Event]
) -> None:
    """The outcome depends on what was said, not on when it came or how often."""
    assert store_of(*shuffled, *repeats).approvals() == store_of(*STORY).approvals()


def test_request_past_its_deadline_has_expired_without_an_event() -> None:
    """The server is silent about most expiries (protocol §6.2), so the clock decides."""
    clock = Clock()
    store = store_of(told("created", 1), clock=clock)
    clock.seconds = 299.9
    assert ids(store.pending()) == [ID]
    clock.seconds = 300
    assert store.pending() == ()
    [approval] = store.approvals()
    assert approval.status == "expired"
    assert store.summary() == "0 pending, 1 settled"


def test_more_time_revives_a_request_that_had_expired_here() -> None:
    """A deadline that moved while we did not know of it is believed when we do."""
    clock = Clock()
    store = store_of(told("created", 1), clock=clock)
    clock.seconds = 400
    store.apply(told("escalated", 290, new_expires_at=naive(600)))
    assert ids(store.pending()) == [ID]
    [approval] = store.pending()
    assert approval.time_left(store.now()) == timedelta(seconds=200)
    assert approval.age(store.now()) == timedelta(seconds=400)


def test_decision_outweighs_a_local_expiry() -> None:
    """Our clock may be fast; what the server has settled is settled."""
    clock = Clock()
    store = store_of(told("created", 1), clock=clock)
    clock.seconds = 1000
    store.apply(told("approved", 299, status="approved"))
    [approval] = store.approvals()
    assert approval.status == "approved"


def test_request_without_a_deadline_never_expires() -> None:
    """No deadline means that somebody has to answer."""
    clock = Clock()
    store = store_of(told("created", 1, deadline=None), clock=clock)
    clock.seconds = 10**6
    [approval] = store.pending()
    assert approval.time_left(store.now()) is None


def test_pending_requests_are_sorted_by_the_time_they_have_left() -> None:
    """What is urgent stands on top; what has no deadline at the end."""
    store = store_of(
        told("created", 1, "calm", deadline=None),
        told("created", 1, "soon", deadline=10),
        told("created", 1, "later", deadline=100),
    )
    assert ids(store.pending()) == ["soon", "later", "calm"]


def test_gap_makes_pending_requests_uncertain_until_they_are_heard_of() -> None:
    """Behind a gap a pending one may be settled; a settled one stays settled."""
    store = store_of(told("created", 1, "a"), told("declined", 1, "b", status="declined"))
    store.note_gap(Gap("approvals", "reconnect", START, START, epoch=2))
    assert {each.id: each.is_uncertain for each in store.approvals()} == {"a": True, "b": False}
    store.apply(told("vote_received", 5, "a", approval_count=1, approvals_required=2))
    assert [each.is_uncertain for each in store.approvals()] == [False, False]


def test_unreadable_event_is_counted_and_changes_nothing() -> None:
    """A server that sends nonsense costs a count, no row and no exception."""
    store = store_of(told("created", 1, expires_at="soon"))
    assert (store.approvals(), store.invalid_count) == ((), 1)
    assert store.summary() == "0 pending, 0 settled, 1 events unreadable"


def test_full_store_gives_up_settled_requests_first() -> None:
    """The bound holds, and what can still be answered goes last."""
    store = store_of(
        told("created", 1, "old"),
        told("declined", 9, "done", status="declined"),
        told("created", 5, "new"),
        told("created", 6, "newer"),
        told("created", 7, "newest"),
        limit=3,
    )
    assert sorted(ids(store.approvals())) == ["new", "newer", "newest"]


def test_get_finds_a_request_in_either_case() -> None:
    """People paste ids as they find them, and see what is true now."""
    clock = Clock()
    store = store_of(told("created", 1), clock=clock)
    clock.seconds = 301
    found = store.get(ID.upper())
    assert found is not None
    assert found.status == "expired"
    assert store.get("unheard-of") is None
