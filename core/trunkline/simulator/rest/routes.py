"""Who may ask what: the table of paths, and the login before them."""

from collections.abc import Callable, Mapping
from typing import Any

from trunkline.simulator.rest import approvals, executions
from trunkline.simulator.rest.answers import Answer, Asked, Refused, invalid
from trunkline.simulator.users import PASSWORD, Tokens, User
from trunkline.simulator.world import World

Handler = Callable[[World, User, Asked, Mapping[str, str]], Answer]

#: {(method, path): handler}; a part in braces is passed on by its name.
ROUTES: Mapping[tuple[str, str], Handler] = {
    ("GET", "flows/executions"): executions.list_all,
    ("GET", "flows/executions/{id}"): executions.show,
    ("GET", "flows/executions/{id}/logs"): executions.logs,
    ("GET", "flows/executions/{id}/metrics"): executions.metrics,
    ("POST", "flows/executions/{id}/command"): executions.command,
    ("POST", "flows/{flow_id}/trigger"): executions.trigger,
    ("GET", "approval-requests"): approvals.list_all,
    ("GET", "approval-requests/{id}"): approvals.show,
    ("GET", "approval-requests/{id}/history"): approvals.history,
    ("POST", "approval-requests/{id}/approve"): approvals.approve,
    ("POST", "approval-requests/{id}/decline"): approvals.decline,
    ("POST", "approval-requests/{id}/decide"): approvals.decide,
}


class Rest:
    """Answers requests out of a world."""

    def __init__(self, world: World, tokens: Tokens) -> None:
        self._world = world
        self._tokens = tokens

    def answer(self, asked: Asked) -> Answer:
        """Return the answer to a request, an error's too."""
        try:
            return self._open_door(asked) or self._behind_the_login(asked)
        except Refused as refused:
            return refused.answer

    def _open_door(self, asked: Asked) -> Answer | None:
        """Answer what needs no token; None: it needs one."""
        match asked.method, asked.path:
            case "GET", ("health",):
                return Answer(200, {"status": "healthy"})
            case "POST", ("auth", "token", "json"):
                fields = asked.fields()
                name = _text(fields, "username")
                token = self._tokens.of_user(name)
                if token is None or _text(fields, "password") != PASSWORD:
                    raise Refused(401, "Incorrect username or password")
                return self._login(name, token)
            case "POST", ("auth", "refresh"):
                presented = _text(asked.fields(), "refresh_token")
                user = self._tokens.users.get(presented)
                token = self._tokens.of_user(user.username) if user else None
                if user is None or token is None or not presented.startswith("refresh-"):
                    raise Refused(401, "Invalid refresh token")
                return self._login(user.username, token)
        return None

    def _login(self, username: str, token: str) -> Answer:
        return Answer(
            200,
            {
                "access_token": token,
                "refresh_token": self._tokens.of_user(username, refreshing=True),
                "token_type": "bearer",
                "expires_in": 86_400,
            },
        )

    def _behind_the_login(self, asked: Asked) -> Answer:
        user = self._user(asked.token)
        if (asked.method, asked.path) == ("GET", ("auth", "users", "me")):
            me = {"id": user.id, "username": user.username, "email": user.email}
            return Answer(200, {**me, "account_id": user.account_id})
        methods = []
        for (method, pattern), handler in ROUTES.items():
            parts = _matched(pattern.split("/"), asked.path)
            if parts is not None:
                if method == asked.method:
                    return handler(self._world, user, asked, parts)
                methods.append(method)
        raise Refused(405, "Method Not Allowed") if methods else Refused(404, "Not Found")

    def _user(self, token: str | None) -> User:
        challenge = {"WWW-Authenticate": "Bearer"}
        if token is None:
            raise Refused(401, "Not authenticated", challenge)
        user = self._tokens.user_of_request(token)
        if user is None:
            raise Refused(401, "Invalid authentication credentials", challenge)
        return user


def _matched(pattern: list[str], path: tuple[str, ...]) -> dict[str, str] | None:
    """Return the named parts of a path; None where it is another one."""
    if len(pattern) != len(path):
        return None
    found = {}
    for wanted, part in zip(pattern, path, strict=True):
        if wanted.startswith("{"):
            found[wanted.strip("{}")] = part
        elif wanted != part:
            return None
    return found


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise invalid("body", name, "Field required")
    return value
