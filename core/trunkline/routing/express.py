"""The fast path: a batch of messages whose types are known, straight to those who want them.

Every message passes here, so all is written out: a call costs as much as the work. It decides
nothing: what is not known at one look (a type that is new, a message that names its topic, no
object at all) is handed over in its place. What it does is what `Router.route` does, only
quicker, and a property test holds the two together.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from trunkline.events import Event, Unsealed
from trunkline.routing.index import TopicIndex
from trunkline.where import key_of

Read = Callable[[bytes], object]

#: Unreadable; no object, or its type is no text; no type, or one that nobody has seen.
UNKNOWN = (ValueError, TypeError, KeyError)


def hand_out(
    payloads: Iterable[bytes],
    read: Read,
    by_type: Mapping[str, TopicIndex],
    everything: TopicIndex,
    otherwise: Callable[[object, bytes], None],
    epoch: int,
    received: float,
) -> None:
    """Route what `read` makes of each payload; what is not known here goes to `otherwise`.

    `read` raises `ValueError` for what it cannot read: then `otherwise` is handed None.
    """
    for payload in payloads:
        message: Any = None
        try:
            message = read(payload)
            index = by_type[kind := message["type"]]
        except UNKNOWN:
            index, kind = None, ""  # handed over below: nothing a handler raises comes of this
        if index is None or "topic" in message:
            otherwise(message, payload)
            continue
        index.routed.value += 1
        found = index.always  # `index.find`, written out
        for field, table in index.by_field:
            value = message.get(field)
            if (hit := table.get(value if type(value) is str else key_of(value))) is not None:
                found += hit
        if index.by_paths:
            found += index.find_by_paths(message)
        if everything.members:
            found += everything.find(message)
        if not found:
            continue
        event: Any = Unsealed()  # `sealed`, written out
        event.topic = index.topic
        event.type = kind
        event._data = message  # noqa: SLF001 - as above
        event.epoch = epoch
        event.origin = "live"
        event._received = received  # noqa: SLF001 - as above
        event._id = event._views = None  # noqa: SLF001 - as above
        event.__class__ = Event
        for subscription in found:
            if (direct := subscription.direct) is not None:
                try:
                    direct(event)
                except BaseException as exc:  # noqa: BLE001 - not ours; `failed` lets pass what ends a task
                    subscription.failed(exc)
            elif subscription.admits(event):
                subscription.deliver(event, len(payload))
