"""Says in a chat room when an agent asks for approval, and when nobody has answered.

For any chat with incoming webhooks that take `{"text": ...}`. What happens within two seconds is said
in one post. A chat that is away is waited for: nothing is lost, and no other sink waits with it.
"""

import time
from collections.abc import Mapping, Sequence

import attrs
import httpx

from trunkline import Event, PluginInfo, hookimpl
from trunkline.plugin_api import NotReady, Secret, Sinks, retry_after

LIMIT = 10.0  # s for one post
PAUSE = 300.0  # s until a chat that refuses us is asked again: a person has to act
LONGEST = 300  # characters of what an agent has written

#: {event type: what it says}
SENTENCES: Mapping[str, str] = {
    "approval_created": "{agent} asks to call *{tool}*: {reason}",
    "approval_approved": "*{tool}* was approved",
    "approval_declined": "*{tool}* was declined",
    "approval_expired": "nobody has answered: *{tool}* will not be called",
    "approval_cancelled": "the question about *{tool}* was taken back",
}


def _check_types(_: object, __: object, types: tuple[str, ...]) -> None:
    unknown = sorted(set(types) - SENTENCES.keys())
    if unknown:
        raise ValueError(
            f"nothing to say of {', '.join(unknown)}; there are {', '.join(SENTENCES)}"
        )


@attrs.frozen
class NoticeConfig:
    """The table `[plugin.approval_notice]`."""

    url: Secret
    """The incoming webhook of the room; whoever knows it can post there, so it is a secret."""
    types: tuple[str, ...] = attrs.field(
        default=("approval_created", "approval_expired"), validator=_check_types
    )
    """What is worth a notice."""
    link: str = ""
    """Where a person decides, such as `https://app.example/approvals/{id}`; `{id}` is the request's."""


trunkline_plugin = PluginInfo(config=NoticeConfig)


@hookimpl
def trunkline_register_sinks(sinks: Sinks, config: NoticeConfig) -> None:
    """Deliver to the room."""

    async def write(events: Sequence[Event]) -> None:
        lines = [sentence(event, config.link) for event in events if event.type in config.types]
        if lines:
            await post(config.url.reveal(), "\n".join(lines))

    sinks.add("chat", write, topics=("approvals",), batch=20, linger=2.0)


async def post(url: str, text: str) -> None:
    """Post to the room.

    Raises:
        NotReady: the room could not be reached, or has refused; the batch comes again.
    """
    try:
        async with httpx.AsyncClient(timeout=LIMIT) as client:
            response = await client.post(url, json={"text": text})
    except httpx.HTTPError as exc:
        raise NotReady(f"the chat cannot be reached: {type(exc).__name__}") from exc
    if response.status_code == 429 or response.status_code >= 500:
        wait = retry_after(response.headers.get("retry-after", ""), time.time())
        raise NotReady(f"the chat answered {response.status_code}", retry_after=wait)
    if not response.is_success:
        raise NotReady(
            f"the chat answered {response.status_code}; is the URL right?", retry_after=PAUSE
        )


def sentence(event: Event, link: str) -> str:
    """Return what to say of an event, in one line."""
    said = SENTENCES[event.type].format(
        agent=plain(event.get("managed_agent_name") or "An agent"),
        tool=plain(event.get("tool_name")),
        reason=plain(event.get("agent_reasoning") or event.get("summary") or "no reason given"),
    )
    where = link.replace("{id}", plain(event.get("approval_request_id")))
    return f"{said} {where}".rstrip()


def plain(text: object) -> str:
    """Return foreign text as one short line without markup: it is data, not ours to trust."""
    line = " ".join(str(text).split())[:LONGEST]
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("*", "")
