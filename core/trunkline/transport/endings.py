"""What the end of a socket means, as our error; pure.

A code that the library gives is the peer's only if the peer has sent it; otherwise the library
found the peer at fault, and says so with the code of its own Close frame.
"""

from collections.abc import Iterable

from trunkline.errors import TransportError
from trunkline.retry_after import retry_after
from trunkline.text import peer_text

NORMAL, ABNORMAL, TOO_BIG = 1000, 1006, 1009
OUR_VERDICTS = {1002, 1007}  # the library found the peer at fault
UNKNOWN_TO_LIBRARY = {1014}  # registered with IANA: a bad gateway; wsproto 1.3 calls it a fault


def closed(code: int, reason: str, said: int | None) -> TransportError:
    """Return what it means that the library ended with `code`, while the peer had `said` another.

    1006 stands for no Close frame at all (T21).
    """
    if code == ABNORMAL:
        return TransportError("closed", "the connection ended without a Close frame")
    if said in UNKNOWN_TO_LIBRARY:
        return TransportError("closed", f"closed {said}", code=said)
    if said != code and code in OUR_VERDICTS:
        detail = f"the peer broke the WebSocket protocol ({code})"
        return TransportError("protocol", detail, code=code, ours=True)
    if said != code and code == TOO_BIG:
        return too_large()
    text = peer_text(reason)
    detail = f"closed {code}" + (f": {text}" if text else "")
    return TransportError("closed", detail, code=code, reason=text)


def too_large() -> TransportError:
    """Return what it means that a message went beyond our limit."""
    return TransportError("limit", "a message was too large", code=TOO_BIG, ours=True)


def rejected(
    status: int, headers: Iterable[tuple[bytes, bytes]], walltime: float
) -> TransportError:
    """Return what it means that the upgrade was answered with another status than 101."""
    fields = {bytes(name).lower(): bytes(value) for name, value in headers}
    hint = retry_after(fields.get(b"retry-after", b"").decode("ascii", "replace"), walltime)
    return TransportError("rejected", f"HTTP {status}", status=status, retry_after=hint)
