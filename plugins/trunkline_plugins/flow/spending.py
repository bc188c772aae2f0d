"""What the model calls of one execution came to; each counts once, in whatever order they come.

The server tells the cost of a run at its end, which is too late for whoever wants to stop it.
"""

from datetime import datetime

import attrs

from trunkline_plugins.flow.payloads import ModelCall

NANO = 1_000_000_000  # whole billionths of a dollar: their sum is the same in any order
CALLS_KEPT = 1000  # by their ids; of a run with more, the oldest could be counted twice


@attrs.define
class Spending:
    """The sum of the calls that were seen."""

    _seen: dict[str, None] = attrs.Factory(dict)  # ids, the oldest first
    _nanos: int = 0

    def add(self, call: ModelCall, at: datetime | None) -> float | None:
        """Take in a call; return the dollars so far, None where none had a price."""
        key = call.api_usage_id or str(at)
        if call.estimated_cost is not None and key not in self._seen:
            self._seen[key] = None
            self._nanos += round(call.estimated_cost * NANO)
            if len(self._seen) > CALLS_KEPT:
                del self._seen[next(iter(self._seen))]
        return self._nanos / NANO if self._seen else None
