"""An activity event in the server's form (activity A12, protocol §8).

The server ends the session for a timestamp that is no plain integer and for metadata that is no
object, so both are settled here, whatever the event holds. Limits were applied by the stages.
"""

from collections.abc import Collection
from typing import Any

from trunkline.connection.protocol.messages import Activity, unstructure
from trunkline.events import Event

#: The one metadata key that is ours; it carries the id by which repeats are recognised.
OWN_KEY = "_trunkline"


def encode_activity(
    event: Event, *, anonymous: bool, shares: Collection[str] = ()
) -> dict[str, Any]:
    """Return the message for `event`.

    While `anonymous` the server shows activity to every account (protocol §6.1), so nothing of
    the caller's metadata leaves then, and nothing about the device, unless `shares` holds
    `anonymous`. Subject and traits leave only where it holds `subject`, and never then.

    Raises:
        ValueError: the event is no activity.
    """
    is_bare = anonymous and "anonymous" not in shares
    own: dict[str, Any] = {"id": event.id}
    if (session := event.get("session")) and not is_bare:
        own["session"] = session
    if "subject" in shares and not anonymous:
        own |= {key: event.get(key) for key in ("subject", "traits") if event.get(key)}
    metadata = {} if is_bare else dict(event.get("metadata", {}))
    metadata[OWN_KEY] = own
    common: dict[str, Any] = {"event": event.type, "timestamp": int(event.get("at", 0))}
    match event.type:
        case "page_view":
            own_fields = {"path": event.get("path"), "referrer": event.get("referrer")}
            return unstructure(Activity(**common, metadata=metadata, **own_fields))
        case "action":
            return unstructure(Activity(**common, metadata=metadata, action=event.get("name")))
        case "conversion":
            return unstructure(
                Activity(
                    **common,
                    metadata=metadata,
                    conversion_event=event.get("name"),
                    value=event.get("value"),
                )
            )
        case "session_hello":
            return {**_hello(event, common, is_bare=is_bare), OWN_KEY: own}
        case other:
            raise ValueError(
                f"{other} is no activity: page_view, action, conversion, session_hello"
            )


def _hello(event: Event, common: dict[str, Any], *, is_bare: bool) -> dict[str, Any]:
    """Build the greeting of a socket; its metadata is dropped by the server, other keys are kept."""
    about = {} if is_bare else {key: event.get(key) for key in ("device", "attribution")}
    return unstructure(Activity(**common, visitor_id=event.get("visitor_id"), **about))
