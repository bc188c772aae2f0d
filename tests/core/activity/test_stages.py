"""The stages: in their order, failing closed."""

import runpy
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest

from trunkline.activity.handling import HANDLING
from trunkline.activity.staged import Dropped, Staged
from trunkline.activity.stages import Stages, activity_event
from trunkline.activity.tracker import Tracker
from trunkline.events import Event


def passed(stages: Stages, name: str = "a.b", metadata: Any = None, **options: Any) -> Any:
    tracker = Tracker(environ={})
    tracker.track_action(name, metadata, **options)
    [call] = tracker.inbox.take(1)
    return stages.apply(call)  # type: ignore[arg-type] # it is a call


def raising(*_: object) -> Any:
    raise KeyError("secret-text")


def exiting(*_: object) -> Any:
    sys.exit(1)


@pytest.mark.parametrize("answer", [False, None, "yes", raising, exiting])
def test_a15_whatever_is_not_true_is_no_consent(answer: Any) -> None:
    """Also what raises; the exception's text is not told on."""
    consent = answer if callable(answer) else lambda _: answer
    outcome = passed(Stages(consent=consent), subject="u-1")
    assert isinstance(outcome, Dropped)
    assert (outcome.where, outcome.reason) == (
        "consent",
        "raised" if callable(answer) else "refused",
    )
    assert not Stages(consent=consent).permits("u-1")


def test_a15_without_a_subject_nobody_is_asked() -> None:
    """And with consent it passes."""
    asked: list[str] = []

    def consent(subject: str) -> bool:
        asked.append(subject)
        return True

    stages = Stages(consent=consent)
    assert isinstance(passed(stages), Staged)
    assert isinstance(passed(stages, subject="u-1"), Staged)
    assert stages.permits(None)
    assert asked == ["u-1"]
    assert Stages().permits("u-1")


@pytest.mark.parametrize(
    ("hook", "reason"),
    [
        (lambda event: None, "refused"), (raising, "raised"), (exiting, "raised"), (lambda event: {"name": "x"}, "not_an_event"),
        (lambda event: attrs.evolve(event, data={"metadata": {}}), "not_an_event"),
    ],
)  # fmt: skip
def test_a14_a19_before_send_drops_by_none_by_raising_and_by_nonsense(
    hook: Any, reason: str
) -> None:
    """Always that record alone."""
    outcome = passed(Stages(before_send=hook))
    assert isinstance(outcome, Dropped)
    assert (outcome.where, outcome.reason) == ("before_send", reason)


def test_a19_before_send_changes_what_it_may() -> None:
    """Data yes, but not id, type, time and context; what it brings back is redacted and bounded."""

    def hook(event: Event) -> Event:
        data = {
            "name": "x" * 500,
            "at": 5,
            "context": {"plugin": "forged"},
            "extra": 1,
            "metadata": {"password": "canary", "file": open, "kept": 1},
            "value": "12",
        }
        return attrs.evolve(event, data=data, type="conversion", id="mine", topic="other")

    tracker = Tracker(environ={}, application="shop")
    tracker.track_action("a.b", {"b": 2}, subject="u-1")
    [call] = tracker.inbox.take(1)
    staged = Stages(before_send=hook, application={"application": "shop"}).apply(call)  # type: ignore[arg-type] # as above
    assert isinstance(staged, Staged)
    event = activity_event(staged)
    assert (event.id, event.type, event.topic) == (call.id, "action", "activity")  # type: ignore[union-attr] # as above
    assert event.get("at") > 5
    assert event.get("context") == {"application": "shop"}
    assert event.get("metadata") == {
        "password": "[redacted]",
        "file": "[builtin_function_or_method]",
        "kept": 1,
    }
    assert len(event.get("name")) == 128
    assert (
        event.get("extra") is event.get("value") is event.get("subject") is staged.subject is None
    )


def test_a19_metadata_that_is_none_becomes_empty() -> None:
    """Whatever a hook has made of it."""
    staged = passed(
        Stages(before_send=lambda event: attrs.evolve(event, data={"name": "a", "metadata": 7}))
    )
    assert activity_event(staged).get("metadata") == {}


def test_a14_a_bug_of_ours_drops_by_name_too() -> None:
    """Nothing that goes wrong lets a record by."""
    stages = Stages()
    stages.redactor = None  # type: ignore[assignment] # the bug
    outcome = passed(stages)
    assert isinstance(outcome, Dropped)
    assert (outcome.where, outcome.reason) == ("stages", "raised")


def test_the_context_tells_what_was_handled() -> None:
    """Plugin, topic and execution id of the event, and the application; bounded."""
    event = Event("flow_executions", "agent_status", {"execution_id": "e-1"})
    token = HANDLING.set(("flow", event))
    try:
        staged = passed(Stages(application={"application": "s" * 500}))
        HANDLING.set(("flow", Event("audit", "x", {"execution_id": 7})))
        other = passed(Stages())
    finally:
        HANDLING.reset(token)
    assert activity_event(staged).get("context") == {
        "application": "s" * 128,
        "plugin": "flow",
        "topic": "flow_executions",
        "execution_id": "e-1",
    }
    assert activity_event(other).get("context") == {"plugin": "flow", "topic": "audit"}


def test_the_hooks_on_the_page_do_what_it_says() -> None:
    """One subject opted out, health checks are dropped, subjects become hashes."""
    hooks = runpy.run_path(str(Path(__file__).parents[3] / "docs/examples/shop_privacy.py"))
    stages = Stages(consent=hooks["consent"], before_send=hooks["scrub"])
    assert isinstance(passed(stages, subject="u-13"), Dropped)
    staged = passed(stages, subject="u-14")
    assert len(staged.subject) == 16
    assert isinstance(passed(stages), Staged)
    tracker = Tracker(environ={})
    tracker.track_page_view("/health/live")
    [call] = tracker.inbox.take(1)
    assert isinstance(stages.apply(call), Dropped)  # type: ignore[arg-type] # it is a call
