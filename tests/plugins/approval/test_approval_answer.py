"""200 is not yet a decision, and an error is told in the server's words."""

import pytest

from trunkline_plugins.approval.answer import result_of


@pytest.mark.parametrize(
    ("status", "data", "word", "error", "is_done", "is_open"),
    [
        (200, {"status": "approved"}, "approved", "", True, False),
        (200, {"status": "declined"}, "declined", "", False, False),
        (200, {"status": "expired"}, "expired", "", False, False),
        (200, {"status": "pending"}, "pending", "", False, False),
        (200, {"status": "new word"}, "unanswered", "", False, True),
        (200, {"status": ["approved"]}, "unanswered", "", False, True),
        (200, None, "unanswered", "", False, True),
        (
            400,
            {"detail": "Request already declined"},
            "already decided",
            "Request already declined",
            False,
            False,
        ),
        (400, {"detail": "approved must agree"}, "refused", "approved must agree", False, False),
        (
            403,
            {"detail": "Not authorized to approve this request"},
            "refused",
            "Not authorized to approve this request",
            False,
            False,
        ),
        (
            404,
            {"detail": "Approval request not found"},
            "unknown",
            "Approval request not found",
            False,
            False,
        ),
        (
            422,
            {"detail": [{"msg": "field required"}, "?"]},
            "refused",
            "field required",
            False,
            False,
        ),
        (401, "no", "refused", "HTTP 401", False, False),
        (503, {"detail": "later"}, "unanswered", "later", False, True),
    ],
)
def test_answers_of_the_server(
    status: int, data: object, word: str, error: str, *, is_done: bool, is_open: bool
) -> None:
    """Each of protocol §10, and what may come beside."""
    result = result_of("a", "approve", status, data)
    assert (result.result, result.error) == (word, error)
    assert (result.is_done, result.is_open) == (is_done, is_open)


def test_an_endless_error_is_cut() -> None:
    """Foreign text has a bound."""
    assert len(result_of("a", "decline", 400, {"detail": "x" * 10_000}).error) == 300
