"""Conditions in a plugin's own table, checked where they enter."""

from collections.abc import Mapping
from typing import Any

from trunkline.plugin_api import WhereError, compile_where


def compiles(_: object, __: object, where: Mapping[str, Any] | None) -> None:
    """Validate a field that holds conditions, or None; attrs passes instance, field and value.

    Raises:
        ValueError: they cannot be used; the text says why.
    """
    try:
        compile_where(where or {})
    except WhereError as exc:
        raise ValueError(str(exc)) from None
