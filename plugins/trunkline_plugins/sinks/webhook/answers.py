"""What the answer of a webhook means; pure.

| answer | means |
| --- | --- |
| 2xx | taken, whatever the body says |
| 408, 425, 429, 5xx | wait, as long as `Retry-After` asks, at most 300 s |
| 400, 413, 422 | something in it is wrong: halve the batch until that is found |
| anything else | a person has to act: hold everything, look again every 300 s |
"""

from enum import Enum

LONGEST_WAIT = 300.0  # s; a receiver may ask for more, and does not get it


class Verdict(Enum):
    """What to do with the batch."""

    #: It is delivered.
    TAKEN = "taken"
    #: It comes again.
    WAIT = "wait"
    #: It comes again in two parts.
    HALVE = "halve"
    #: It comes again when somebody had time to mend the configuration.
    HOLD = "hold"


_WAIT = frozenset({408, 425, 429})
_HALVE = frozenset({400, 413, 422})


def verdict(status: int) -> Verdict:
    """Return what an HTTP status means."""
    if 200 <= status < 300:
        return Verdict.TAKEN
    if status in _WAIT or 500 <= status < 600:
        return Verdict.WAIT
    return Verdict.HALVE if status in _HALVE else Verdict.HOLD
