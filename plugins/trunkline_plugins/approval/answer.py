"""What the server's answer to a decision means; pure.

200 is not yet a decision: late it says `expired`, under a quorum `pending` (protocol §10).
"""

from collections.abc import Mapping
from typing import Any

import attrs

from trunkline_plugins.approval.decision import SETTLED, STATUS_OF, Outcome

ALREADY_DECIDED = "already decided"
UNANSWERED = "unanswered"
TEXT_LENGTH = 300  # characters kept of what the server says
BAD_REQUEST, NOT_FOUND = 400, 404
FAILURES = 500


@attrs.frozen(kw_only=True)
class Result:
    """What became of a decision."""

    request: str
    outcome: Outcome
    result: str
    """`approved`, `declined`, `pending`, `expired`, `cancelled`, `already decided`, `altered`,
    `unknown`, `refused`, `not sent` or `unanswered`."""
    error: str = ""
    """In the server's words, where it gave any."""
    votes: int | None = None
    votes_required: int | None = None

    @property
    def is_done(self) -> bool:
        """What was asked for is what stands now."""
        return self.result == STATUS_OF[self.outcome]

    @property
    def is_open(self) -> bool:
        """It is not known whether the server has it."""
        return self.result in {UNANSWERED, "not sent"}


def result_of(request: str, outcome: Outcome, status: int, data: object) -> Result:
    """Return what an answer with an HTTP `status` and a body says."""
    said = data if isinstance(data, Mapping) else {}
    if 200 <= status < 300:
        word = said.get("status")
        is_known = isinstance(word, str) and word in SETTLED | {"pending", "expired"}
        return Result(
            request=request, outcome=outcome, result=str(word) if is_known else UNANSWERED
        )
    error = error_text(status, said)
    if status == BAD_REQUEST and "already" in error:
        word = ALREADY_DECIDED
    elif status == NOT_FOUND:
        word = "unknown"
    else:  # a server that failed may have done it all the same
        word = UNANSWERED if status >= FAILURES else "refused"
    return Result(request=request, outcome=outcome, result=word, error=error)


def error_text(status: int, said: Mapping[str, Any]) -> str:
    """Return what the server calls an error, with its HTTP status where it gives no words."""
    detail = said.get("detail")
    if isinstance(detail, list):  # of a validation: [{"msg": ...}]
        detail = "; ".join(str(each.get("msg")) for each in detail if isinstance(each, Mapping))
    return str(detail)[:TEXT_LENGTH] if detail else f"HTTP {status}"
