"""Page views of ASGI applications: those of people, by their template, and nothing private (A10)."""

from typing import Annotated, Any
from uuid import UUID

import fastapi
import httpx
import pytest
from fastapi.responses import HTMLResponse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from trunkline import ActivityMiddleware, Tracker

HTML = {"content-type": "text/html; charset=utf-8"}


@pytest.fixture
def tracker() -> Tracker:
    return Tracker(environ={}, strict=True)


def views(tracker: Tracker) -> list[tuple[str, int]]:
    """Return path and status of what was recorded."""
    taken = list(tracker.take())
    assert {event.type for event in taken} <= {"page_view"}
    for event in taken:
        assert set(event.get("metadata")) == {"status", "duration_ms"}
        assert 0 <= event.get("metadata.duration_ms") < 60_000
    return [(event.get("path"), event.get("metadata.status")) for event in taken]


async def get(app: Any, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://test"
    ) as client:
        return await client.request(method, path, headers=fields)


def page(_: Request) -> Response:
    return HTMLResponse("<p>hello</p>")


def starlette() -> Starlette:
    async def parts() -> Any:
        for part in ("<p>", "hello", "</p>"):
            yield part

    users = [
        Route("/key/{key:uuid}", page),
        Route("/{id:int}", page),
        Route("/{id:int}/posts/{slug}", page),
    ]
    return Starlette(
        routes=[
            Route("/", page, methods=["GET", "POST"]),
            Mount("/users", routes=users),
            Route("/data", lambda _: PlainTextResponse("{}")),
            Route("/moved", lambda _: RedirectResponse("/")),
            Route("/gone", lambda _: HTMLResponse("gone", status_code=410)),
            Route("/slow", lambda _: StreamingResponse(parts(), media_type="text/html")),
            Route("/static/a.html", page),
        ]
    )


async def test_a10_a_page_of_starlette_is_a_view(tracker: Tracker) -> None:
    """By its template where parameters are known, also behind a mount; queries are left out."""
    app = ActivityMiddleware(starlette(), tracker)
    assert (await get(app, "/?token=canary")).status_code == 200
    await get(app, "/users/42")
    await get(app, "/users/42/posts/hello")
    await get(app, "/users/42/posts/users")
    await get(app, "/users/007")
    await get(app, f"/users/key/{str(UUID(int=171)).upper()}")
    await get(app, "/slow")
    assert views(tracker) == [
        ("/", 200),
        ("/users/{id}", 200),
        ("/users/{id}/posts/{slug}", 200),
        ("/users/{id}/posts/{slug}", 200),
        ("/users/{id}", 200),
        ("/users/key/{key}", 200),
        ("/slow", 200),
    ]


@pytest.mark.parametrize("parameters", [None, ("a",), {"id": "other"}, {"id": True}])
async def test_a10_parameters_that_tell_nothing_leave_the_path(
    tracker: Tracker, parameters: object
) -> None:
    """Whatever a framework of its own has put there."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["path_params"] = parameters
        await HTMLResponse("<p>hello</p>")(scope, receive, send)

    assert (await get(ActivityMiddleware(app, tracker), "/a/7")).status_code == 200
    assert views(tracker) == [("/a/7", 200)]


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/data", "GET"),
        ("/moved", "GET"),
        ("/gone", "GET"),
        ("/nothing", "GET"),
        ("/static/a.html", "GET"),
        ("/", "POST"),
        ("/", "HEAD"),
    ],
)
async def test_a10_what_is_no_page_is_none(tracker: Tracker, path: str, method: str) -> None:
    """Other types, errors, redirects without HTML, what is skipped, other methods."""
    await get(ActivityMiddleware(starlette(), tracker), path, method)
    assert views(tracker) == []


@pytest.mark.parametrize("header", ["Sec-GPC", "DNT"])
async def test_a10_a_browser_that_asks_not_to_be_tracked_is_not(
    tracker: Tracker, header: str
) -> None:
    """`1` means no; anything else is no such wish."""
    app = ActivityMiddleware(starlette(), tracker)
    await get(app, "/", **{header: "1"})
    assert views(tracker) == []
    await get(app, "/", **{header: "0"})
    assert views(tracker) == [("/", 200)]


async def test_a10_fastapi_tells_its_templates(tracker: Tracker) -> None:
    """Added as any middleware; the subject is what the application finds out."""
    api = fastapi.FastAPI()

    @api.get("/items/{item}", response_class=HTMLResponse)
    async def item(item: str, q: Annotated[str, fastapi.Query()] = "") -> str:
        return f"<p>{item}{q}</p>"

    def subject(scope: Any) -> str | None:
        return dict(scope["headers"]).get(b"x-user", b"").decode() or None

    api.add_middleware(ActivityMiddleware, tracker=tracker, subject=subject)
    await get(api, "/items/7?q=canary", x_user="u-17")
    [event] = tracker.take()
    assert (event.get("path"), event.get("subject")) == ("/items/{item}", "u-17")
    assert "canary" not in event.to_json()


async def test_a10_a_subject_that_raises_costs_the_view_alone(
    tracker: Tracker, caplog: pytest.LogCaptureFixture
) -> None:
    """Whose it is cannot be told, so it is nobody's; the visitor sees the page."""

    def subject(_: Any) -> str:
        raise KeyError("canary")

    answer = await get(ActivityMiddleware(starlette(), tracker, subject=subject), "/")
    assert answer.text == "<p>hello</p>"
    assert views(tracker) == []
    assert tracker.refused["subject"] == 1
    assert [record.message for record in caplog.records if "activity" in record.message] == [
        "activity.refused"
    ]
    assert "canary" not in caplog.text


async def test_a10_an_application_that_raises_is_no_view_and_raises(tracker: Tracker) -> None:
    """Before its answer, or in the middle of it."""

    async def broken(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": list(raw(HTML))})
        raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        await get(ActivityMiddleware(broken, tracker), "/")
    assert views(tracker) == []


def raw(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


@pytest.mark.parametrize("kind", ["lifespan", "websocket"])
async def test_a10_other_kinds_of_scope_pass_untouched(tracker: Tracker, kind: str) -> None:
    """The very same receive and send."""
    seen: list[Any] = []

    async def app(*arguments: Any) -> None:
        seen.extend(arguments)

    scope: Any = {"type": kind}
    passed: tuple[Any, Any] = (object(), object())
    await ActivityMiddleware(app, tracker)(scope, *passed)
    assert seen == [scope, *passed]
