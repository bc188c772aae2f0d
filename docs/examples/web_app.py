"""A FastAPI application whose page views are tracked; the host runs in a thread beside it.

pip install fastapi
hypercorn web_app:app
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from trunkline import ActivityMiddleware, Host, Tracker, load_config

tracker = Tracker()


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Run the host as long as the application, in each worker of a server its own."""
    host = Host(load_config("trunkline.toml"), tracker=tracker)
    background = await asyncio.to_thread(host.start_in_thread)
    try:
        yield
    finally:
        await asyncio.to_thread(background.stop)


def subject(scope: Mapping[str, Any]) -> str | None:
    """Return whom a page view is about: what the application's own login has put there."""
    user: str | None = scope.get("state", {}).get("user")
    return user


app = FastAPI(lifespan=lifespan)
app.add_middleware(ActivityMiddleware, tracker=tracker, subject=subject)


@app.get("/reports/{report}", response_class=HTMLResponse)
async def show(report: int) -> str:
    """Show a page: the view is `/reports/{report}`, without the number."""
    tracker.track_action("report.show", {"report": report})
    return f"<h1>Report {report}</h1>"
