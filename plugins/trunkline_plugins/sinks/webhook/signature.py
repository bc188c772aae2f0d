"""How a webhook is signed: https://www.standardwebhooks.com, symmetric; pure.

A receiver recomputes the signature over id, time and body, and refuses what is older than five
minutes, so that nobody who has seen a request can send it again later.
"""

import base64
import hashlib
import hmac

PREFIX = "whsec_"
LEAST_BYTES, MOST_BYTES = 24, 64  # of a key, as the specification has it


def key_of(secret: str) -> bytes:
    """Return the key that a secret stands for.

    Raises:
        ValueError: it is no such secret; the text says what one is, and repeats nothing.
    """
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except ValueError:
        key = b""
    if not (secret.startswith(PREFIX) and LEAST_BYTES <= len(key) <= MOST_BYTES):
        raise ValueError(
            f"expected `{PREFIX}` and {LEAST_BYTES} to {MOST_BYTES} random bytes in base64"
        )
    return key


def signature(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of `webhook-signature`; `timestamp` is in seconds since 1970."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
