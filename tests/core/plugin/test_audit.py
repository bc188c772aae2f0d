"""What the audit says about each mistake that pluggy would accept, and about honest plugins."""

import functools
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pluggy
import pytest
from bad_plugins import BROKEN, HONEST, REFUSED

from trunkline import PluginInfo, hookimpl, hookspecs
from trunkline.hookspecs import PROJECT
from trunkline.plugin.audit import audit
from trunkline.plugin.hooks import Hooks
from trunkline.plugin.local import load_local

Write = Callable[[str, str], Path]


def problems_of(write: Write, source: str) -> tuple[str, ...]:
    head = "from trunkline import PluginInfo, hookimpl\n"
    return audit(load_local("broken", write("broken.py", head + source))).problems


def pluggy_accepts(plugin: object) -> bool:
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(plugin)
        manager.check_pending()
    except pluggy.PluginValidationError:
        return False
    return True


@pytest.mark.parametrize("number", sorted(BROKEN))
def test_p11_each_kind_of_mistake_is_named_with_its_line(write: Write, number: int) -> None:
    """Of the eight kinds, those that a function can have: place, cause and way out."""
    source, text = BROKEN[number]

    [problem] = problems_of(write, source)

    assert text in problem
    assert problem.startswith("broken.py:")


@pytest.mark.parametrize("number", sorted(BROKEN))
def test_p11_pluggy_accepts_each_of_them(write: Write, number: int) -> None:
    """The day pluggy refuses one, its row may go from the audit."""
    head = "from trunkline import PluginInfo, hookimpl\n"

    assert pluggy_accepts(load_local("broken", write("broken.py", head + BROKEN[number][0])))


def test_p11_a_class_is_refused() -> None:
    """Kind 6: its hooks would fail at the first call, for want of `self`."""

    class Audit:
        @hookimpl
        def trunkline_register_topics(self, topics: object) -> None: ...

    [problem] = audit(Audit).problems

    assert pluggy_accepts(Audit)
    assert problem.startswith("test_audit.py:")
    assert "point the entry point at an instance or a module" in problem
    assert audit(Audit()).problems == ()


def test_p11_a_plugin_without_hooks_is_refused(write: Write) -> None:
    """Kind 8: it would load and do nothing."""
    [problem] = problems_of(write, "def helper(): ...")

    assert "implements no hook" in problem


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_p11_other_mistakes_are_explained(write: Write, name: str) -> None:
    """Unknown hooks and arguments with a suggestion and the right signature; options; the info."""
    source, text = REFUSED[name]

    assert any(text in problem for problem in problems_of(write, source))


def test_p11_all_problems_come_at_once(write: Write) -> None:
    """An author who fixes one is not told of the next."""
    source = "\n".join(BROKEN[number][0].replace("topics(", "sinks(") for number in (2, 7))

    assert len(problems_of(write, BROKEN[3][0] + "\n@hookimpl\ndef trunkline_run(): ...")) == 2
    assert len(problems_of(write, source)) == 2


EVERYTHING = """import attrs
from trunkline import PluginInfo, hookimpl

@attrs.frozen
class Inner:
    names: list[str]

@attrs.frozen
class Table:
    inner: tuple[Inner, ...]
    since: "datetime.datetime | None" = None
    counts: dict[str, int] = attrs.field(factory=dict)

import datetime

trunkline_plugin = PluginInfo(
    config=Table, requires="flow"
)

@hookimpl
def trunkline_register_topic(topics): ...

@hookimpl
def trunkline_register_sinks(sinks, confg=None): ...
"""


def test_p11_every_problem_of_a_file_comes_with_its_line_and_a_suggestion(write: Write) -> None:
    """Hooks, arguments, the info, the fields of its class and of those within: in one go."""
    problems = audit(load_local("broken", write("broken.py", EVERYTHING))).problems

    assert [problem.partition(" ")[0] for problem in problems] == [
        "broken.py:16",
        "broken.py:11",
        "broken.py:12",
        "broken.py:6",
        "broken.py:23",
        "broken.py:20",
    ]
    for words in (
        '`requires=("flow",)`',
        "`Table.since`: no table holds `datetime.datetime | None`; use str, int",
        "`Table.counts`: no table holds `dict[str, int]`; use `Mapping[str, T]`",
        "`Inner.names`: no table holds `list[str]`; use `tuple[T, ...]`",
        "did you mean `trunkline_register_topics`",
        "no argument `confg`; did you mean `config`?",
    ):
        assert any(words in problem for problem in problems), words


def test_p11_a_hook_may_grow(write: Write) -> None:
    """An implementation is given the arguments it names, so a new one harms no older plugin."""
    plugin = load_local("honest", write("honest.py", HONEST.replace("pass", "seen.append(topics)")))
    seen: list[object] = []
    vars(plugin)["seen"] = seen
    hooks = Hooks()
    hooks.register("honest", plugin)

    hooks.call("trunkline_register_topics", "honest", topics=1, config=None, of_tomorrow=2)

    assert seen == [1]
    assert hooks.call_count == 1


def test_p11_an_honest_plugin_passes(write: Write) -> None:
    """Naming fewer arguments, or giving one a default, is no mistake."""
    assert audit(load_local("honest", write("honest.py", HONEST))).problems == ()


def test_p11_nothing_is_evaluated() -> None:
    """Looking at a plugin neither reads its properties nor calls what it finds."""

    class Plugin:
        @property
        def trunkline_version(self) -> str:
            raise AssertionError("a property was evaluated")

        @hookimpl
        async def trunkline_run(self, ctx: object) -> None:
            raise AssertionError("a hook was called")

    assert audit(Plugin()).problems == ()


def test_p11_hooks_of_other_projects_are_their_own_business() -> None:
    """One module may serve two programs."""

    @pluggy.HookimplMarker("pytest")
    def pytest_configure() -> None: ...

    @hookimpl
    def trunkline_register_topics(topics: object) -> None: ...

    plugin = SimpleNamespace(
        pytest_configure=pytest_configure, trunkline_register_topics=trunkline_register_topics
    )

    assert audit(plugin).problems == ()


def test_p11_a_decorated_hook_is_judged_by_what_it_wraps() -> None:
    """`functools.wraps` shows the signature; the line is the wrapped function's."""

    def decorated(function: Callable[..., object]) -> Callable[..., object]:
        @functools.wraps(function)
        def wrapper(*args: object) -> object:
            return function(*args)

        return wrapper

    @hookimpl
    @decorated
    def trunkline_register_topics(topics: object) -> None: ...

    assert (
        audit(SimpleNamespace(trunkline_register_topics=trunkline_register_topics)).problems == ()
    )


def test_p11_the_info_is_handed_on() -> None:
    """What a plugin says it needs is read once, here."""

    @hookimpl
    def trunkline_register_topics(topics: object) -> None: ...

    info: PluginInfo[None] = PluginInfo(requires=("flow",))
    plugin = SimpleNamespace(
        trunkline_plugin=info, trunkline_register_topics=trunkline_register_topics
    )

    assert audit(plugin).info is info
