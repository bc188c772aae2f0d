"""Callbacks of others, in the order in which they came."""

from typing import Generic, TypeVar

from trunkline.plugin_api import Undo

T = TypeVar("T")


class Listeners(Generic[T]):
    """Whoever is to be told; `current` may be walked while it changes."""

    def __init__(self) -> None:
        self.current: tuple[T, ...] = ()
        self._by_key: dict[object, T] = {}

    def add(self, callback: T) -> Undo:
        """Tell `callback`, too, from now on; return its undo."""
        key = object()
        self._by_key[key] = callback
        self.current = tuple(self._by_key.values())

        def undo() -> None:
            self._by_key.pop(key, None)
            self.current = tuple(self._by_key.values())

        return undo
