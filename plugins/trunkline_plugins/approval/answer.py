"""What the server's answer to a decision means; pure.

200 is not yet a decision: late it says `expired`, under a quorum `pending` (protocol §10).
"""

from collections.abc import Mapping

import attrs

from trunkline_plugins.approval.decision import SETTLED, STATUS_OF, Outcome
from trunkline_plugins.asking import is_in_trouble

ALREADY_DECIDED = "already decided"
UNANSWERED = "unanswered"
BAD_REQUEST, NOT_FOUND = 400, 404


@attrs.frozen(kw_only=True)
class Result:
    """What became of a decision."""

    request: str
    outcome: Outcome
    result: str
    """`approved`, `declined`, `pending`, `expired`, `cancelled`, `already decided`, `altered`,
    `unknown`, `refused`, `withdrawn`, `not sent` or `unanswered`."""
    error: str = ""
    """In the server's words, where it gave any."""
    votes: int | None = None
    votes_required: int | None = None
    unwritten: str = ""
    """Why it does not stand in the log of decisions, where it does not."""

    @property
    def is_done(self) -> bool:
        """What was asked for is what stands now."""
        return self.result == STATUS_OF[self.outcome]

    @property
    def is_open(self) -> bool:
        """It is not known whether the server has it."""
        return self.result in {UNANSWERED, "not sent"}


def result_of(request: str, outcome: Outcome, data: object) -> Result:
    """Return what an answer of success says, by the request object in it."""
    word = data.get("status") if isinstance(data, Mapping) else None
    is_known = isinstance(word, str) and word in SETTLED | {"pending", "expired"}
    return Result(request=request, outcome=outcome, result=str(word) if is_known else UNANSWERED)


def refusal(request: str, outcome: Outcome, status: int, detail: str) -> Result:
    """Return what an answer of failure says, by its HTTP status and the server's words."""
    if status == BAD_REQUEST and "already" in detail:
        word = ALREADY_DECIDED
    elif status == NOT_FOUND:
        word = "unknown"
    else:  # a server that failed may have done it all the same; one that is busy may do it yet
        word = UNANSWERED if is_in_trouble(status) else "refused"
    return Result(request=request, outcome=outcome, result=word, error=detail)
