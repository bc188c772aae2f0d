"""The header by which a server asks for patience (RFC 9110 §10.2.3); pure."""

from email.utils import parsedate_to_datetime

DIGITS = 10  # more are no credible number of seconds


def retry_after(value: str, now: float) -> float | None:
    """Return how long to wait; None where `value` is neither seconds nor a date.

    `now` is wall time, in seconds since 1970.
    """
    if value.isascii() and value.isdigit():
        return float(value[:DIGITS])
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None
