"""The table of executions is right whatever is missing, comes twice or comes late."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline import Event, Gap
from trunkline_plugins.flow import FINAL_STATUSES, ExecutionStore

START = datetime(2026, 11, 22, 21, 4, 56, tzinfo=UTC)
ID = "e75f19b5-19ab-494b-8746-a8ddf35efaa0"


def told(kind: str, second: float, execution_id: str = ID, **payload: object) -> Event:
    """Make an event that happened `second` seconds into the run."""
    data = {
        "execution_id": execution_id,
        "flow_id": "dd17d9a8",
        "timestamp": (START + timedelta(seconds=second)).isoformat(),
        "type": kind,
        "payload": payload,
    }
    return Event("flow_executions", kind, data)


def acknowledged(status: str, execution_id: str = ID, **fields: object) -> Event:
    """Make the server's reply to a stop."""
    data = {
        "type": "command_ack",
        "execution_id": execution_id,
        "command": "stop",
        "status": status,
        **fields,
    }
    return Event("system", "command_ack", data, received=START.timestamp() + 100)


RUN = (
    told("execution_started", 0, status="PENDING", flow_name="nightly"),
    told("status_update", 1, status="INITIALIZING"),
    told("status_update", 2, status="RUNNING"),
    told("agent_status", 3, status="RUNNING", elapsed=1),
    told("agent_log_line", 4, line="one"),
    told("execution_warning", 5, message="slow", level="warning"),
    told("token_usage_update", 6, total_tokens=10),
    told("agent_log_line", 7, line="two"),
    told("tool_calls_update", 8, tool_calls=2),
    told("token_usage_update", 9, total_tokens=25),
    told("agent_status", 10, status="SUCCEEDED", elapsed=8),
    told("status_update", 11, status="SUCCEEDED", estimated_cost=0.5, error_message=None),
    told("agent_log_line", 12, line="last words"),
)


def store_of(*events: Event) -> ExecutionStore:
    store = ExecutionStore()
    for event in events:
        store.apply(event)
    return store


def test_store_tells_a_whole_run() -> None:
    """After all events of a run its row has the last value of everything."""
    [execution] = store_of(*RUN).executions()
    assert execution.id == ID
    assert execution.flow_name == "nightly"
    assert (execution.status, execution.is_final) == ("SUCCEEDED", True)
    assert execution.started_at == START
    assert execution.ended_at == START + timedelta(seconds=11)
    assert execution.updated_at == START + timedelta(seconds=12)
    assert execution.last_line == "last words"
    assert (execution.tokens, execution.tool_calls, execution.cost) == (25, 2, 0.5)
    assert execution.error is None


@given(st.permutations(RUN), st.lists(st.sampled_from(RUN)))
def test_store_is_the_same_in_any_order_and_with_repeats(
    shuffled: list[Event], repeats: list[Event]
) -> None:
    """The outcome depends on what was said, not on when it came or how often."""
    assert store_of(*shuffled, *repeats).executions() == store_of(*RUN).executions()


@given(st.permutations(RUN), st.integers(0, len(RUN) - 1))
def test_store_keeps_the_end_whatever_else_is_missing(shuffled: list[Event], count: int) -> None:
    """However few of the other events came, and in what order, an ended run has ended."""
    end = told("status_update", 11, status="FAILED", error_message="broken")
    others = [event for event in shuffled if event.get("payload.status") not in FINAL_STATUSES]
    [execution] = store_of(*others[:count], end, *others[count:]).executions()
    assert (execution.status, execution.error) == ("FAILED", "broken")


def test_store_learns_of_a_run_from_its_middle() -> None:
    """Where the beginning was missed, the row starts with what there was."""
    [execution] = store_of(told("agent_log_line", 4, line="one")).executions()
    assert (execution.status, execution.last_line) == ("UNKNOWN", "one")
    assert execution.started_at == START + timedelta(seconds=4)


def test_agent_end_is_not_the_end_of_the_run() -> None:
    """An agent that failed may be started again, so the run goes on until it says so itself."""
    store = store_of(
        told("status_update", 1, status="RUNNING"),
        told("agent_status", 2, status="FAILED", elapsed=1),
        told("execution_retry", 3, attempt=1, max_attempts=3, delay_seconds=1),
        told("agent_status", 4, status="RUNNING", elapsed=0),
    )
    [execution] = store.executions()
    assert (execution.status, execution.last_line) == ("RUNNING", "retry 1 of 3")


@pytest.mark.parametrize(
    ("kind", "payload", "line"),
    [
        ("execution_warning", {"message": "slow"}, "warning: slow"),
        ("execution_parked", {"park_kind": "human"}, "parked: human"),
        ("agent_log_error", {"error": "gone"}, "log error: gone"),
        ("agent_loop_detected", {"error": "again and again"}, "loop: again and again"),
        ("no_progress_nudge", {"elapsed": 9}, "no progress; the agent was asked to go on"),
    ],
)
def test_notices_the_console_missed_are_shown(
    kind: str, payload: dict[str, Any], line: str
) -> None:
    """What the original console filed elsewhere stands in the row of its execution."""
    [execution] = store_of(told(kind, 1, **payload)).executions()
    assert execution.last_line == line


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("user_stopped", "STOPPED"),
        ("execution_completed", "SUCCEEDED"),
        ("execution_failed", "FAILED"),
    ],
)
def test_types_that_mean_an_end_end_the_run(kind: str, status: str) -> None:
    """A type that says it all needs no status beside it."""
    store = store_of(told("status_update", 1, status="RUNNING"), told(kind, 2))
    [execution] = store.executions()
    assert (execution.status, execution.ended_at) == (status, START + timedelta(seconds=2))


def test_stop_changes_the_store_at_its_acknowledgement() -> None:
    """The server sends no event for a stop; what runs on the wire after it does not undo it."""
    store = store_of(told("status_update", 1, status="RUNNING"), acknowledged("stopped"))
    store.apply(told("agent_status", 500, status="RUNNING", elapsed=500))
    [execution] = store.executions()
    assert execution.status == "STOPPED"
    assert execution.ended_at == START + timedelta(seconds=100)


def test_stop_of_an_ended_run_tells_how_it_ended() -> None:
    """`not_running` names the status, in whatever case the id was sent (protocol §9)."""
    store = store_of(
        told("status_update", 1, status="RUNNING"),
        acknowledged("not_running", ID.upper(), execution_status="SUCCEEDED"),
    )
    [execution] = store.executions()
    assert (execution.id, execution.status) == (ID, "SUCCEEDED")


def test_the_servers_own_end_outweighs_an_acknowledgement() -> None:
    """An acknowledgement has no time of the server's, so any end that has one replaces it."""
    end = told("status_update", 50, status="TIMEOUT")
    for events in ((acknowledged("stopped"), end), (end, acknowledged("stopped"))):
        [execution] = store_of(*events).executions()
        assert execution.status == "TIMEOUT"


@pytest.mark.parametrize(
    "reply",
    [
        acknowledged("not_running"),
        Event("system", "command_ack", {"command": "send_message", "status": "command_sent"}),
        Event("system", "command_ack", {"command": "stop", "status": "stopped", "execution_id": 7}),
    ],
)
def test_replies_that_say_nothing_of_an_end_change_nothing(reply: Event) -> None:
    """Only a stop that names an execution and an end is one."""
    assert store_of(reply).executions() == ()


def test_gap_makes_running_executions_uncertain_until_they_are_heard_of() -> None:
    """Behind a gap a running one may have ended; an ended one stays ended."""
    store = store_of(
        told("status_update", 1, "a", status="RUNNING"),
        told("status_update", 1, "b", status="FAILED"),
    )
    store.note_gap(Gap("flow_executions", "reconnect", START, START, epoch=2))
    assert {each.id: each.is_uncertain for each in store.executions()} == {"a": True, "b": False}
    store.apply(told("agent_log_line", 5, "a", line="still here"))
    assert [each.is_uncertain for each in store.executions()] == [False, False]


def test_unreadable_event_is_counted_and_changes_nothing() -> None:
    """A server that sends nonsense costs a count, no row and no exception."""
    store = store_of(
        told("status_update", 1, status=["RUNNING"]),
        Event("flow_executions", "status_update", {"type": "status_update"}),
    )
    assert (store.executions(), store.invalid_count) == ((), 2)
    assert store.summary() == "0 running, 0 ended, 2 events unreadable"


def test_unlisted_type_is_a_sign_of_life() -> None:
    """A type of tomorrow's server still says that the execution is there."""
    [execution] = store_of(told("something_new", 3, any="thing")).executions()
    assert execution.updated_at == START + timedelta(seconds=3)


def test_event_without_a_time_counts_from_its_arrival() -> None:
    """The lines of private runners have no timestamp."""
    data = {"execution_id": ID, "type": "agent_log_line", "payload": {"line": "hello"}}
    event = Event("flow_executions", "agent_log_line", data, received=START.timestamp())
    [execution] = store_of(event).executions()
    assert (execution.started_at, execution.last_line) == (START, "hello")


def test_full_store_gives_up_ended_executions_first() -> None:
    """The bound holds, and what is still running goes last."""
    store = ExecutionStore(limit=3)
    for name, second, status in (
        ("old", 1, "RUNNING"),
        ("done", 9, "FAILED"),
        ("new", 5, "RUNNING"),
    ):
        store.apply(told("status_update", second, name, status=status))
    store.apply(told("status_update", 6, "one more", status="RUNNING"))
    assert {each.id for each in store.executions()} == {"old", "new", "one more"}
    store.apply(told("status_update", 7, "yet another", status="RUNNING"))
    assert {each.id for each in store.executions()} == {"new", "one more", "yet another"}
    assert len(store) == 3


def test_long_texts_are_cut() -> None:
    """A log line may have 900 KiB; a thousand of them must not stay in memory."""
    store = store_of(told("agent_log_line", 1, "x" * 10_000, line="y" * 900_000))
    [execution] = store.executions()
    assert len(execution.id) <= 100
    assert len(execution.last_line or "") <= 1000


def test_executions_are_running_first_then_latest_first() -> None:
    """What an operator looks for stands on top."""
    store = store_of(
        told("status_update", 1, "a", status="RUNNING"),
        told("status_update", 2, "b", status="FAILED"),
        told("status_update", 3, "c", status="RUNNING"),
        told("status_update", 4, "d", status="SUCCEEDED"),
    )
    assert [each.id for each in store.executions()] == ["c", "a", "d", "b"]
    assert store.summary() == "2 running, 2 ended"


def test_get_finds_an_execution_in_either_case() -> None:
    """People paste ids as they find them."""
    store = store_of(told("status_update", 1, status="RUNNING"))
    found = store.get(ID.upper())
    assert found is not None
    assert found.status == "RUNNING"
    assert store.get("unheard-of") is None
