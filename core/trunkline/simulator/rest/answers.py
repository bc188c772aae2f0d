"""What was asked and what is answered, in the server's form (FastAPI's); pure."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, Self, TypeVar
from urllib.parse import parse_qs, unquote

import attrs

from trunkline.simulator.users import User


class Owned(Protocol):
    """Something that belongs to an account."""

    account_id: str


R = TypeVar("R", bound=Owned)


@attrs.frozen
class Answer:
    """A status, and a body as JSON."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = attrs.Factory(dict)


class Refused(Exception):
    """The request is answered with an error."""

    def __init__(self, status: int, detail: Any, headers: Mapping[str, str] | None = None) -> None:
        self.answer = Answer(status, {"detail": detail}, headers or {})
        super().__init__(str(detail))


@attrs.frozen
class Asked:
    """A request, taken apart."""

    method: str
    path: tuple[str, ...]
    """The parts after `/api/v1`, decoded."""
    query: Mapping[str, Sequence[str]]
    token: str | None
    body: bytes

    @classmethod
    def of(cls, method: str, target: str, fields: Mapping[str, str], body: bytes) -> Self:
        """Read the target and the header that matters; `fields` are in lower case."""
        path, _, query = target.partition("?")
        scheme, _, token = fields.get("authorization", "").partition(" ")
        return cls(
            method,
            tuple(unquote(part) for part in path.strip("/").split("/")[2:]),
            parse_qs(query, keep_blank_values=True),
            token if scheme.lower() == "bearer" and token else None,
            body,
        )

    def text(self, name: str) -> str | None:
        """Return a query parameter; the last one counts."""
        values = self.query.get(name)
        return values[-1] if values else None

    def number(self, name: str, default: int) -> int:
        """Return a query parameter as a whole number.

        Raises:
            Refused: 422, it is none.
        """
        text = self.text(name)
        try:
            return default if text is None else int(text)
        except ValueError:
            raise invalid("query", name, "Input should be a valid integer") from None

    def fields(self) -> dict[str, Any]:
        """Return the body as an object; none is an empty one.

        Raises:
            Refused: 422, it is something else.
        """
        if not self.body:
            return {}
        try:
            found = json.loads(self.body)
        except ValueError:
            raise invalid("body", "", "JSON decode error") from None
        if not isinstance(found, dict):
            raise invalid("body", "", "Input should be a valid dictionary")
        return found


def invalid(place: str, name: str, message: str) -> Refused:
    """Return the 422 for a parameter or field, as FastAPI words it."""
    where = [place, name] if name else [place]
    return Refused(422, [{"type": "value_error", "loc": where, "msg": message}])


def page(rows: Sequence[Any], skip: int, limit: int) -> Answer:
    """Return a part of `rows`, and how many there are in all."""
    part = rows[skip : skip + limit]
    return Answer(200, part, {"X-Total-Count": str(len(rows))})


def own(records: Mapping[str, R], record_id: str, user: User, kind: str) -> R:
    """Return one of `records`, if it is of the user's account.

    Raises:
        Refused: 404; of another account's it is not even said that it is there.
    """
    record = records.get(record_id.lower())
    if record is None or record.account_id != user.account_id:
        raise Refused(404, f"{kind} not found")
    return record


def require(user: User, permission: str, *, granted: bool) -> None:
    """Let `user` pass where the permission is granted.

    Raises:
        Refused: 403.
    """
    if not granted:
        raise Refused(403, f"Insufficient permissions. Required: {permission}")
