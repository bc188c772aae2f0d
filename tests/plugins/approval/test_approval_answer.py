"""200 is not yet a decision, and an error is told in the server's words."""

import pytest

from trunkline_plugins.approval.answer import refusal, result_of


@pytest.mark.parametrize(
    ("data", "word", "is_done", "is_open"),
    [
        ({"status": "approved"}, "approved", True, False),
        ({"status": "declined"}, "declined", False, False),
        ({"status": "expired"}, "expired", False, False),
        ({"status": "pending"}, "pending", False, False),
        ({"status": "new word"}, "unanswered", False, True),
        ({"status": ["approved"]}, "unanswered", False, True),
        (None, "unanswered", False, True),
    ],
)
def test_200_is_what_the_request_in_it_says(
    data: object, word: str, *, is_done: bool, is_open: bool
) -> None:
    """Late it says expired, under a quorum pending; what nobody knows is no approval."""
    result = result_of("a", "approve", data)
    assert (result.result, result.error) == (word, "")
    assert (result.is_done, result.is_open) == (is_done, is_open)


@pytest.mark.parametrize(
    ("status", "detail", "word", "is_open"),
    [
        (400, "Request already declined", "already decided", False),
        (400, "approved must agree with the path", "refused", False),
        (401, "Not authenticated", "refused", False),
        (403, "Not authorized to approve this request", "refused", False),
        (404, "Approval request not found", "unknown", False),
        (422, "body.comment: field required", "refused", False),
        (429, "slow down", "unanswered", True),
        (503, "later", "unanswered", True),
    ],
)
def test_an_error_is_told_in_the_servers_words(
    status: int, detail: str, word: str, *, is_open: bool
) -> None:
    """Each of protocol §10; a server that failed may have done it all the same."""
    result = refusal("a", "decline", status, detail)
    assert (result.result, result.error) == (word, detail)
    assert (result.is_done, result.is_open) == (False, is_open)
