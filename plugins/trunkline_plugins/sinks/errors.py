"""What a sink says when the other side finds fault with a batch."""

from trunkline import TrunklineError


class Refused(TrunklineError):
    """Something in the batch is not taken: it is halved until the one event is found.

    The text holds nothing of the events, for it ends up in logs.
    """
