"""The server's HTTP interface, as the built-ins ask it: in pages, and with its refusals as errors."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

import attrs

from trunkline import InvalidData, NotSent, OutcomeUnknown, Rejected
from trunkline.plugin_api import Response

PAGE = 100  # rows; more the server does not give at once
MOST_ROWS = 10_000  # of one question; who has more wants an export, not a table
TOTAL = "x-total-count"
TROUBLE = 500
BUSY = frozenset({408, 425, 429})
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}")

#: How asking fails: refused, not asked, not answered, or not answered by what we know.
FAILURES = (Rejected, NotSent, OutcomeUnknown, InvalidData)


class Asker(Protocol):
    """Somebody who can ask: a plugin's context, and a connection."""

    async def request(
        self, method: str, path: str, params: Mapping[str, Any] | None = None, json: Any = None
    ) -> Response:
        """Ask the server's HTTP interface."""


async def ask(
    asker: Asker, method: str, path: str, params: Mapping[str, Any] | None = None, json: Any = None
) -> Any:
    """Return what the server answers, if it does what was asked.

    Raises:
        Rejected: it said no; the text is its own. `reply` has `status` and `detail`.
        NotSent: nothing has left; safe to ask again.
        OutcomeUnknown: it may have been done, but there is no usable answer.
    """
    return (await answered(asker, method, path, params, json)).data


async def answered(
    asker: Asker, method: str, path: str, params: Mapping[str, Any] | None = None, json: Any = None
) -> Response:
    """Return the whole answer; otherwise as `ask`."""
    response = await asker.request(method, path, params, json)
    if not 200 <= response.status < 300:
        detail = _detail(response.data)
        raise Rejected(
            f"{method} {path}: HTTP {response.status}: {detail}",
            {"status": response.status, "detail": detail},
        )
    return response


@attrs.frozen
class Rows:
    """Rows of a list, and whether that is all of them."""

    rows: tuple[Mapping[str, Any], ...]
    total: int | None
    """How many the server has; None where it does not say. Beyond `MOST_ROWS` none was asked for."""

    @property
    def are_all(self) -> bool:
        """Nothing is known to be left, nor may be."""
        return self.total is not None and self.total <= len(self.rows)


async def rows(
    asker: Asker, path: str, params: Mapping[str, Any] | None = None, *, most: int = MOST_ROWS
) -> Rows:
    """Return up to `most` rows of a list, page by page, each once.

    What is added meanwhile moves rows on to the next page, so some may come twice; by their `id`
    each is kept once. A row without one is left out: nothing could be done with it.

    Raises:
        InvalidData: the answer is no list of rows.
        Rejected, NotSent, OutcomeUnknown: as `ask`.
    """
    found: dict[str, Mapping[str, Any]] = {}
    total: int | None = None
    skip = 0
    while skip < most:
        limit = min(PAGE, most - skip)
        response = await answered(
            asker, "GET", path, {**(params or {}), "limit": limit, "skip": skip}
        )
        page = _list_of(path, response.data)
        found |= {row["id"]: row for row in page if is_row(row)}
        skip += limit
        total = _number(response.headers.get(TOTAL))
        if len(page) < limit:
            total = len(found) if total is None else total
            break
        if total is not None and skip >= total:
            break
    return Rows(tuple(found.values()), total)


def is_in_trouble(status: int) -> bool:
    """Tell whether an HTTP status speaks of the server, not of what was asked: it may change."""
    return status >= TROUBLE or status in BUSY


def is_id(text: str) -> bool:
    """Tell whether this may be an id, or the beginning of one: it stands in a path."""
    return _ID.fullmatch(text) is not None


def is_row(data: object) -> bool:
    """Tell whether this is an object with an id."""
    return isinstance(data, Mapping) and isinstance(data.get("id"), str)


def odd(path: str, wanted: str) -> InvalidData:
    """Return the error for an answer that is not the interface's, as of a console on its port."""
    return InvalidData(f"GET {path}: no {wanted}, though HTTP 200; is `url` the server's own?")


def _list_of(path: str, data: object) -> list[Any]:
    if not isinstance(data, list) or (data and not any(map(is_row, data))):
        raise odd(path, "list of objects with ids")
    return data


def moment(value: object) -> datetime | None:
    """Read a time of the server's; without offset it is UTC (protocol S14)."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _detail(data: object) -> str:
    """Return the server's own words for a refusal."""
    detail = data.get("detail") if isinstance(data, Mapping) else data
    if isinstance(detail, list):  # of a validation: one entry for each field
        return "; ".join(_invalid(each) for each in detail)
    return str(detail)[:500] if detail else "no reason given"


def _invalid(entry: object) -> str:
    if not isinstance(entry, Mapping):
        return str(entry)
    return f"{'.'.join(map(str, entry.get('loc', ())))}: {entry.get('msg', '')}"


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None
