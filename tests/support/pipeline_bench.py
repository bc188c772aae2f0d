"""What the tests of the whole pipeline share: its books, its log, and a link that says what it is told to."""

from typing import Any

import pytest

from trunkline.activity.activity import Activity


def told(caplog: pytest.LogCaptureFixture, name: str) -> list[dict[str, Any]]:
    return [vars(record) for record in caplog.records if record.message == name]


def balance(activity: Activity, calls: int) -> None:
    """For each sink: calls = refused + dropped in the stages + results + waiting, exactly."""
    figures = activity.statistics()
    before = sum(figures.refused.values()) + figures.inbox_count
    before += sum(sum(reasons.values()) for reasons in figures.dropped.values())
    for sink in figures.sinks:
        results = sink.delivered_count + sink.dead_count + sink.forgotten_count
        assert calls == before + results + sum(sink.dropped.values()) + sink.waiting_count


class Link:
    """A connection that says what it is told to."""

    account: str | None = None
    tell: Any = None

    def greet(self) -> None: ...

    def on_state_change(self, callback: Any) -> Any:
        self.tell = callback
