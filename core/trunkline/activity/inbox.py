"""Where calls put what they record, from any thread, and the host's worker takes it.

Bounded in records and bytes; when it is full the newest is refused. What was taken still counts
until it is released, so that a store that cannot write fills the inbox and nothing else (A24).
"""

import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from trunkline.activity.outbox.rows import Row

INBOX_RECORDS = 10_000
INBOX_BYTES = 16 * 1024 * 1024


class Call(NamedTuple):
    """One recorded activity as the call left it: copied, and not looked at yet."""

    kind: str
    id: str
    wall_time: float
    """Seconds since 1970, at the call."""
    label: str
    """The path of a page view, else the name."""
    metadata: dict[str, Any]
    subject: str | None
    session: str
    at: Any
    """What the caller gave as the time."""
    referrer: str | None
    value: Any
    handling: dict[str, str] | None
    """Which plugin was handling which event."""
    size: int


class Inbound(NamedTuple):
    """A routed event, or a gap as an event, that some sink wants."""

    row: "Row"
    size: int


class Identify(NamedTuple):
    """The program's subject was set; the tracker has the latest, which alone counts."""

    size: int = 0


class Forget(NamedTuple):
    """Everything of this subject that was recorded before is to be deleted."""

    subject: str
    size: int = 0


Item = Call | Inbound | Identify | Forget


class Inbox:
    """Items in the order of the calls, with their sizes; its lock is held during nothing that waits.

    A signal handler may record in the middle of anything here, in the same thread, so the lock
    lets that thread in again: each step leaves a queue that another `put` may extend.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._items: deque[Item] = deque()
        self._wake: Callable[[], None] | None = None
        self._is_woken = False
        self._has_identify = False
        self.count = 0
        """Items that are here, or taken and not released."""
        self.used_bytes = 0
        self.put_count = 0
        """Items that ever came in."""

    @property
    def fill(self) -> float:
        """How much of it is used; 1 is full."""
        return max(self.count / INBOX_RECORDS, self.used_bytes / INBOX_BYTES)

    def put(self, item: Item, size: int, *, always: bool = False) -> bool:
        """Add an item; False where there is no room. With `always` there is room."""
        with self._lock:
            is_full = self.count >= INBOX_RECORDS or self.used_bytes + size > INBOX_BYTES
            if is_full and not always:
                return False
            self._items.append(item)
            self.count += 1
            self.used_bytes += size
            self.put_count += 1
            if self._is_woken or self._wake is None:
                return True
            self._is_woken = True
            wake = self._wake
        wake()
        return True

    def put_identify(self) -> None:
        """Say that the program's subject was set; once is enough for all that comes before a take."""
        with self._lock:
            if self._has_identify:
                return
            self._has_identify = True
        self.put(Identify(), 0, always=True)

    def take(self, limit: int) -> list[Item]:
        """Take up to `limit` items out; they count until they are released."""
        with self._lock:
            self._is_woken = self._has_identify = False
            items = self._items
            return [items.popleft() for _ in range(min(limit, len(items)))]

    def release(self, items: list[Item]) -> None:
        """Let items that were taken count no more."""
        size = sum(item.size for item in items)
        with self._lock:
            self.count -= len(items)
            self.used_bytes -= size

    def give_back(self, items: list[Item]) -> None:
        """Put items that were taken, and not released, to the front again."""
        with self._lock:
            self._items.extendleft(reversed(items))

    def on_put(self, wake: Callable[[], None] | None) -> None:
        """Let `wake` be called, from any thread, once for all that comes before the next take."""
        with self._lock:
            self._wake = wake
            self._is_woken = False
