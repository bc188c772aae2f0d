"""What a person reads: one line of a result, and a request with all that a decision needs."""

from datetime import timedelta
from typing import Any

import pytest
from approval_bench import LATER, START, row

from trunkline_plugins.approval.answer import Result
from trunkline_plugins.approval.request import message_of
from trunkline_plugins.approval.words import request_lines, result_line

MESSAGE = message_of(row())


def line(word: str, **more: Any) -> str:
    return result_line(MESSAGE, Result(request="a", outcome="approve", result=word, **more))


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"word": "approved"}, "approved: deploy_service (28a60712)"),
        ({"word": "declined"}, "declined: deploy_service (28a60712)"),
        (
            {"word": "pending"},
            "pending: deploy_service (28a60712): the vote counts, and more are needed",
        ),
        (
            {"word": "pending", "votes": 1, "votes_required": 3},
            "pending: deploy_service (28a60712): 1 of 3 votes",
        ),
        (
            {"word": "already decided", "error": "Request already declined"},
            "already decided: deploy_service (28a60712): Request already declined",
        ),
        (
            {"word": "refused", "error": "no\x1b[2J"},
            "refused: deploy_service (28a60712): no\\x1b[2J",
        ),
    ],
)
def test_a_result_is_one_line_that_says_what_it_means(said: dict[str, Any], told: str) -> None:
    """The first word is the result; foreign words are disarmed."""
    assert line(**said) == told


def test_a_request_is_shown_with_its_time_and_not_without_end() -> None:
    """A long list of arguments is cut, and says so."""
    message = message_of(row(tool_args={f"key{n:03}": n for n in range(100)}))
    text = list(request_lines(message, (), START + timedelta(seconds=61)))
    assert "expires    in 3 min 59 s" in text
    assert "asked      2026-11-22 21:02:00 UTC, 1 min 1 s ago" in text
    assert "  ... 42 more lines; --json prints all" in text
    late = list(request_lines(message, (), START + LATER))
    assert "expires    now: its time is over" in late
    never = list(request_lines(message_of(row(expires_at=None)), (), START))
    assert "expires    never" in never


def test_history_says_who_and_why() -> None:
    """Whatever of it the server gives."""
    history = [
        {"event_type": "created", "timestamp": "2026-11-22T21:02:00.1"},
        {
            "event_type": "vote_received",
            "timestamp": "2026-11-22T21:03:00",
            "actor_email": "bob@example.com",
            "comment": "fine\nby me",
        },
    ]
    text = list(request_lines(MESSAGE, history, START))
    assert text[-2:] == [
        "  2026-11-22 21:02:00  created",
        "  2026-11-22 21:03:00  vote received by bob@example.com: fine\\nby me",
    ]
