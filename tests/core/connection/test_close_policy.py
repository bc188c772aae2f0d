"""The close policy, row by row."""

import pytest

from trunkline.connection.close_policy import Loss, Verdict, verdict
from trunkline.errors import TransportError

CLOSED = {
    None: "retry", 1000: "retry", 1001: "restart", 1002: "slow", 1003: "slow", 1004: "slow",
    1005: "retry", 1006: "retry", 1007: "slow", 1008: "slow", 1009: "slow", 1010: "slow",
    1011: "retry", 1012: "restart", 1013: "busy", 1014: "retry", 1015: "retry", 3000: "retry",
    4000: "retry", 4400: "slow", 4401: "slow", 4403: "slow", 4429: "busy", 4499: "slow",
    4500: "retry", 4999: "retry",
}  # fmt: skip
STATUSES = {
    200: "slow", 301: "slow", 302: "slow", 400: "slow", 401: "slow", 403: "slow", 404: "slow",
    408: "busy", 425: "busy", 426: "slow", 429: "busy", 500: "busy", 502: "busy", 503: "busy",
    599: "busy", 600: "slow",
}  # fmt: skip
CAUSES = {
    "dns": "retry", "refused": "retry", "timeout": "retry", "upgrade": "retry", "limit": "retry",
    "tls": "slow", "protocol": "slow", "token": "retry", "hello": "retry",
    "authenticate": "retry", "topics": "retry", "heartbeat": "retry", "send": "retry",
    "refusal": "refusal", "identity": "refusal",
}  # fmt: skip


@pytest.mark.parametrize(("code", "expected"), CLOSED.items())
def test_acceptance_07_a_close_code_has_its_verdict(code: int | None, expected: str) -> None:
    """Every close code that we did not ask for leads to another attempt, sooner or later."""
    assert verdict(Loss("closed", code=code)) is Verdict(expected)


@pytest.mark.parametrize(("status", "expected"), STATUSES.items())
def test_acceptance_07_a_rejected_upgrade_has_its_verdict(status: int, expected: str) -> None:
    """Only statuses that mean "later" count as busy; the upgrade carries no token."""
    assert verdict(Loss("rejected", status=status)) is Verdict(expected)


@pytest.mark.parametrize(("cause", "expected"), CAUSES.items())
def test_acceptance_07_every_other_cause_has_its_verdict(cause: str, expected: str) -> None:
    """What the session finds itself is retried; only refusals and misfits are not soon."""
    assert verdict(Loss(cause)) is Verdict(expected)  # type: ignore[arg-type] # the table's keys


def test_a_transport_error_becomes_a_loss_with_its_facts() -> None:
    """Nothing that the policy decides by is lost on the way."""
    error = TransportError("rejected", "HTTP 503", status=503, retry_after=7.0)
    loss = Loss.of(error)
    assert (loss.cause, loss.status, loss.retry_after) == ("rejected", 503, 7.0)
    assert str(loss) == "rejected: HTTP 503"
    assert str(Loss("timeout")) == "timeout"
