"""The `ctx`: what it gives, that all of it ends with its attempt, and what cannot be reached from it."""

import inspect
from collections.abc import Mapping
from typing import Any

import attrs
import pytest
from plugin_host import WALL, Host, Sender, hosted, loaded, plugin_object, up
from trio.testing import MockClock

from trunkline import Event, PluginContext
from trunkline.activity.tracker import Tracker
from trunkline.errors import PluginError
from trunkline.plugin.context import Context, open_context
from trunkline.plugin.lease import PUBLISH_LIMIT, Services
from trunkline.routing.router import Router


@attrs.frozen
class Settings:
    password: str = "own-config"


async def test_p13_publish_takes_owned_topics_and_json_alone(autojump_clock: MockClock) -> None:
    """Corpus 79: a foreign topic, 10 MiB, what JSON cannot hold: that call raises."""
    errors: list[str] = []

    async def run(ctx: PluginContext[Any]) -> None:
        for topic, data in (
            ("foreign", {}),
            ("mine", {"text": "x" * PUBLISH_LIMIT}),
            ("mine", {"what": object()}),
        ):
            try:
                ctx.publish(topic, "test", data)
            except PluginError as exc:
                errors.append(str(exc))
        await up(ctx)

    async with hosted(run, topics=["mine"]).running():
        pass
    assert errors[0] == "plugin one does not own topic `foreign`; it owns: mine"
    assert "bytes; at most" in errors[1]
    assert "is not JSON" in errors[2]


async def test_p13_a_published_event_is_its_own_copy(autojump_clock: MockClock) -> None:
    """What the plugin does to its dict afterwards is its own business."""
    data = {"counts": [1]}
    published: list[Event] = []

    async def run(ctx: PluginContext[Any]) -> None:
        ctx.subscribe("mine", published.append)
        assert ctx.publish("mine", "summary", data).id
        data["counts"].append(2)
        await up(ctx)

    async with hosted(run, topics=["mine"]).running():
        [event] = published
        assert (event.type, event.origin, event.get("counts")) == ("summary", "local", [1])
        assert event.received_at.timestamp() == WALL


async def test_p13_what_is_sent_and_asked_reaches_the_connection(
    autojump_clock: MockClock,
) -> None:
    """And the server's reply comes back."""
    replies: list[object] = []

    async def run(ctx: PluginContext[Any]) -> None:
        replies.append(await ctx.send({"type": "command"}))
        await ctx.barrier()
        replies.append((await ctx.request("GET", "/x", {"n": 1})).data)
        await up(ctx)

    host = hosted(run)
    async with host.running():
        pass
    assert host.sender.sent == [{"type": "command"}, "barrier", ("GET", "/x", {"n": 1}, None)]
    assert replies == [{"ok": True}, "answer"]


async def test_p13_a_note_is_one_short_line(autojump_clock: MockClock) -> None:
    """The last one counts."""

    async def run(ctx: PluginContext[Any]) -> None:
        ctx.note("first")
        ctx.note("two\nlines " + "x" * 500)
        await up(ctx)

    async with hosted(run).running() as runner:
        assert runner.note.startswith("two lines xxx")
        assert len(runner.note) == 200


async def test_p18_neither_token_nor_another_config_is_reachable_from_ctx(
    autojump_clock: MockClock,
) -> None:
    """A walk over every attribute and item, private ones too, and over methods' objects."""
    contexts: list[PluginContext[Any]] = []

    async def run(ctx: PluginContext[Any]) -> None:
        contexts.append(ctx)
        await up(ctx)

    @attrs.frozen
    class Other:
        password: str = "other-config"

    host = Host(loaded(one=plugin_object(run, config=Settings), two=plugin_object(config=Other)))
    async with host.running():
        texts = reachable_texts(contexts[0])
    assert "own-config" in texts
    assert "canary-token" not in texts
    assert "other-config" not in texts


def reachable_texts(root: object) -> set[str]:
    """Return every text that attributes and items lead to; classes and modules are left out."""
    texts: set[str] = set()
    seen: set[int] = set()
    waiting = [root]
    keep = []  # what is made while walking must not be freed, or its id would come again
    while waiting:
        thing = waiting.pop()
        keep.append(thing)
        if id(thing) in seen or isinstance(thing, type) or type(thing).__name__ == "module":
            continue
        seen.add(id(thing))
        if isinstance(thing, str):
            texts.add(thing)
            continue
        if isinstance(thing, Mapping):
            waiting += [*thing.keys(), *thing.values()]
        elif isinstance(thing, list | tuple | set | frozenset):
            waiting += thing
        waiting.append(getattr(thing, "__self__", None))
        waiting += vars(thing).values() if hasattr(thing, "__dict__") else ()
        slots = [slot for cls in type(thing).__mro__ for slot in getattr(cls, "__slots__", ())]
        waiting += [getattr(thing, slot, None) for slot in slots]
        if type(thing).__module__.startswith("trunkline"):
            waiting += [getattr(thing, name, None) for name in dir(thing) if name[0] != "_"]
    return texts


def test_p28_the_context_is_what_authors_are_promised() -> None:
    """Name by name, kind by kind, default by default."""
    promised = {name: value for name, value in vars(PluginContext).items() if name[0] != "_"}

    for name, value in promised.items():
        if inspect.isfunction(value):
            parameters = inspect.signature(value).parameters
            assert inspect.signature(getattr(Context, name)).parameters.keys() == parameters.keys()
        else:
            assert isinstance(getattr(Context, name), property)
    assert len(promised) > 10


async def test_p13_a_ctx_can_be_lent_outside_an_attempt(autojump_clock: MockClock) -> None:
    """To a command, or to sinks without a host: it ends with its scope, and errors leave bare."""
    sender = Sender()
    router = Router()
    services = Services(router, sender, Tracker(), lambda: WALL)

    async def later(event: Event) -> None: ...

    contexts: list[PluginContext[int]] = []

    async def use_and_fail() -> None:
        async with open_context("flows", 7, services, topics=frozenset({"mine"})) as ctx:
            contexts.append(ctx)
            ctx.subscribe("mine", later)
            ctx.publish("mine", "test", {})
            await ctx.send({"type": "command"})
            ctx.started()
            ctx.note("heard by nobody")
            raise LookupError("from the body")

    with pytest.raises(LookupError, match="from the body"):
        await use_and_fail()

    [ctx] = contexts
    assert (ctx.config, sender.sent) == (7, [{"type": "command"}])
    assert router.subscription_count() == 0
    with pytest.raises(PluginError, match="ended with its attempt"):
        await ctx.barrier()
