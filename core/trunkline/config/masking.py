"""Settings as plain data for people to read: what `check -v` prints."""

from collections.abc import Mapping
from enum import Enum
from pathlib import PurePath
from typing import Any

import attrs

from trunkline.config.secret import MASK
from trunkline.config.url import Endpoint


def masked(value: object) -> Any:
    """Return what JSON can hold; `***` for whatever is or may be a secret."""
    if isinstance(value, Endpoint):
        return value.display
    if isinstance(value, Enum):
        return masked(value.value)
    cls: Any = type(value)
    if attrs.has(cls):
        return {field.name: masked(getattr(value, field.name)) for field in attrs.fields(cls)}
    if isinstance(value, Mapping):
        return {str(key): masked(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [masked(each) for each in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value) if isinstance(value, PurePath) else MASK
