"""Loading: each plugin passes each phase alone, and the outcome is one route table."""

import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from trunkline.config import Config, config_from_mapping
from trunkline.errors import ConfigError, RequiredPluginMissing
from trunkline.plugin.discover import Found, find_local
from trunkline.plugin.loaded import Loaded
from trunkline.plugin.manager import load
from trunkline.plugin.record import PluginRecord
from trunkline.plugin.states import PluginState
from trunkline.routing.table import FilterRule, TopicRule

if TYPE_CHECKING:
    from tests.core.plugin.conftest import Site

Write = Callable[[str, str], Path]
HEAD = "import attrs\nfrom trunkline import PluginInfo, hookimpl\n"
TABLE = "@attrs.frozen\nclass Table:\n    file: str\ntrunkline_plugin = PluginInfo(config=Table)\n"


def config(tables: dict[str, object] | None = None, **plugins: object) -> Config:
    return config_from_mapping(
        {
            "connection": {"url": "ws://localhost"},
            "plugins": plugins,
            "plugin": tables or {},
        }
    )


class Folder:
    """Local plugins, written and loaded without what happens to be installed."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self.found: list[Found] = []

    def add(self, name: str, source: str) -> None:
        """Write a plugin; its source begins with what every plugin imports."""
        file = self._write(f"{name}.py", HEAD + dedent(source))
        self.found += find_local([file])

    def topic(self, name: str, topic: str, info: str = "") -> None:
        """Write a plugin that owns one topic, with `info` as arguments of its PluginInfo."""
        self.add(
            name,
            f"trunkline_plugin = PluginInfo({info})\n"
            f"@hookimpl\ndef trunkline_register_topics(topics): topics.add({topic!r})\n",
        )

    def load(self, settings: Config | None = None, **arguments: object) -> Loaded:
        return load(settings or config(), found=self.found, **arguments)  # type: ignore[arg-type]


@pytest.fixture
def folder(write: Write) -> Folder:
    return Folder(write)


def records(loaded: Loaded) -> dict[str, PluginRecord]:
    return {record.name: record for record in loaded.records}


def states(loaded: Loaded) -> dict[str, str]:
    return {record.name: record.state.value for record in loaded.records}


# row of P8 and corpus 72-77: source, phase, reason, place
FAILURES = {
    "import_error": ("import not_there", "import", "No module named 'not_there'", "bad.py:3"),
    "syntax": ("def (:", "import", "SyntaxError", "bad.py:3"),
    "attribute": ("import os\nos.gone", "import", "AttributeError", "bad.py:4"),
    "exit": ("raise SystemExit(3)", "import", "SystemExit: 3", "bad.py:3"),
    "no_hooks": ("", "audit", "implements no hook", ""),
    "register": (
        "@hookimpl\ndef trunkline_register_topics(topics):\n    topics.add('*')",
        "register",
        "'*' is no topic",
        "bad.py:5",
    ),
    "register_exit": (
        "@hookimpl\ndef trunkline_register_topics(topics):\n    raise SystemExit",
        "register",
        "SystemExit",
        "bad.py:5",
    ),
}


@pytest.mark.parametrize("name", sorted(FAILURES))
def test_p08_a_broken_plugin_is_recorded_and_the_others_load(
    folder: Folder, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It ends as `failed` with phase, reason and place, and one line says so, once."""
    source, phase, reason, place = FAILURES[name]
    folder.add("bad", source)
    folder.topic("good", "things")

    loaded = folder.load()

    bad = records(loaded)["bad"]
    assert (bad.state, bad.phase, bad.location) == (PluginState.FAILED, phase, place)
    assert reason in bad.reason
    assert [plugin.name for plugin in loaded.plugins] == ["good"]
    assert [rule.topic for rule in loaded.table.topics] == ["things"]
    assert [record.message for record in caplog.records] == ["plugin.failed"]
    loaded.require()


def test_p08_the_line_names_distribution_place_and_whom_to_tell(site: "Site") -> None:
    """The whole line, from a distribution that is really installed."""
    site.install(
        "trunkline-acme",
        {"audit": "import attrs\nimport not_there"},
        urls=["Bug Tracker, https://acme.example/bugs"],
    )

    [bad] = [each for each in load(config(enable=["audit"])).records if each.name == "audit"]

    assert bad.failure == (
        "plugin audit 2.1.0 (trunkline-acme; trunkline_acme_plugin0.py:2) failed to import: "
        "ModuleNotFoundError: No module named 'not_there'; skipped. Off: --disable audit. "
        "Report: https://acme.example/bugs"
    )


def test_p08_an_import_is_announced_before_it_begins(
    folder: Folder, caplog: pytest.LogCaptureFixture
) -> None:
    """A slow one cannot be cut short, so the last line of the log must name it."""
    folder.add("slow", "import logging\nlogging.getLogger('slow').debug('importing')")

    with caplog.at_level(logging.DEBUG):
        folder.load()

    assert [record.message for record in caplog.records][:2] == ["plugin.import", "importing"]


def test_p05_a_disabled_plugin_is_never_imported(tmp_path: Path, site: "Site") -> None:
    """In a process of its own: the module is absent, and what its import writes is not there."""
    mark = tmp_path / "imported"
    site.install("acme", {"audit": f"open({str(mark)!r}, 'w')"})
    script = """
        import sys
        sys.path.insert(0, sys.argv[1])
        from trunkline.config import config_from_mapping
        from trunkline.plugin.manager import load
        settings = {"connection": {"url": "ws://localhost"}, "plugins": {"disable": ["acme"]}}
        loaded = load(config_from_mapping(settings))
        assert "acme_plugin0" not in sys.modules
        print({record.name: record.state.value for record in loaded.records}["audit"])
    """

    result = subprocess.run(
        [sys.executable, "-c", dedent(script), str(site.folder)],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )

    assert result.stdout.strip() == "disabled"
    assert not mark.exists()


def test_p03_the_target_may_be_an_instance(site: "Site") -> None:
    """`module:attribute` points at an object whose methods are the hooks."""
    source = """
        from trunkline import hookimpl

        class Audit:
            @hookimpl
            def trunkline_register_topics(self, topics):
                topics.add("audit")

        plugin = Audit()
    """
    site.install("acme", {"audit": source}, target="acme_plugin0:plugin")

    loaded = load(config(enable=["audit"]))

    assert records(loaded)["audit"].hooks == ("trunkline_register_topics",)
    assert TopicRule("audit", "audit", None) in loaded.table.topics


@pytest.mark.parametrize(
    ("requirement", "state"),
    [
        ("trunkline>=99", "failed"),
        ("trunkline<0.1", "failed"),
        ("Trunkline>=0.0.1,<99", "waiting"),
        ("trunkline", "waiting"),
        ("trunkline>=99; python_version < '3'", "waiting"),
        ("trunkline-other>=99", "waiting"),
    ],
)
def test_p11_the_version_asked_for_is_checked_at_load(
    site: "Site", topic_plugin: Callable[[str], str], requirement: str, state: str
) -> None:
    """An editable or `--no-deps` install escapes pip, and does not escape this."""
    site.install("acme", {"audit": topic_plugin("audit")}, requires=["attrs", requirement])

    record = records(load(config(enable=["audit"])))["audit"]

    assert record.state.value == state
    assert (
        not record.reason.startswith("it needs") or requirement.partition(">")[0] in record.reason
    )


def test_p10_a_required_plugin_that_is_broken_ends_it(folder: Folder) -> None:
    """With the line that says why, and near matches for one that is not there."""
    folder.add("audit", "import not_there")

    loaded = folder.load(config(require=["audit", "adit"]))

    with pytest.raises(RequiredPluginMissing) as caught:
        loaded.require()
    broken, absent = str(caught.value).splitlines()
    assert "plugin audit" in broken
    assert "not_there" in broken
    assert absent == "required plugin `adit` is not there; did you mean `audit`?"


def test_p10_a_required_plugin_that_is_disabled_ends_it(folder: Folder) -> None:
    """Two sentences of the file contradict each other; the stricter one holds."""
    folder.topic("audit", "things")

    with pytest.raises(RequiredPluginMissing, match="disabled: by .plugins. disable"):
        folder.load(config(require=["audit"], disable=["audit"])).require()


def test_p06_safe_lifts_require_for_third_parties(folder: Folder) -> None:
    """Otherwise the mode that must always start would not."""
    folder.topic("audit", "things")

    folder.load(config(require=["audit"]), safe=True).require()


def test_p10_a_required_plugin_is_marked(folder: Folder) -> None:
    """Whoever runs it knows that its failure ends the host."""
    folder.topic("audit", "a")
    folder.topic("other", "b")

    loaded = folder.load(config(require=["audit"]))

    assert {each.name: each.is_required for each in loaded.plugins} == {
        "audit": True,
        "other": False,
    }


def test_p19_a_plugin_gets_its_own_table_structured(folder: Folder) -> None:
    """The register hooks and `ctx` see the class, not the table."""
    folder.add(
        "audit",
        TABLE + "@hookimpl\ndef trunkline_register_topics(topics, config): topics.add(config.file)",
    )

    loaded = folder.load(config({"audit": {"file": "named-by-config"}}))

    assert [rule.topic for rule in loaded.table.topics] == ["named-by-config"]
    assert loaded.plugins[0].config.file == "named-by-config"


def test_p22_a_wrong_table_of_an_active_plugin_is_a_problem(folder: Folder) -> None:
    """Every problem of every table comes at once, and the host does not start."""
    for name in ("one", "two"):
        folder.add(name, TABLE + "@hookimpl\nasync def trunkline_run(ctx): ...")

    loaded = folder.load(config({"one": {"file": 1}, "two": {"file": 2}}))

    assert states(loaded) == {"one": "failed", "two": "failed"}
    with pytest.raises(ConfigError) as caught:
        loaded.require()
    assert ["plugin.one" in str(caught.value), "plugin.two" in str(caught.value)] == [True, True]


def test_p22_a_plugin_that_needs_keys_and_has_no_table_fails_alone(folder: Folder) -> None:
    """Installing a package must not stop a host whose file is right."""
    folder.add("audit", TABLE + "@hookimpl\nasync def trunkline_run(ctx): ...")

    loaded = folder.load()

    assert (states(loaded), records(loaded)["audit"].phase) == ({"audit": "failed"}, "configure")
    assert "file" in records(loaded)["audit"].reason
    loaded.require()


def test_p22_a_table_for_a_plugin_without_settings_is_a_problem(folder: Folder) -> None:
    """It would be read by nobody."""
    folder.topic("audit", "things")

    [problem] = folder.load(config({"audit": {"file": "x"}})).problems

    assert "no settings" in problem.cause


def test_p22_a_table_nobody_can_judge_is_a_warning(folder: Folder) -> None:
    """So that `--safe` and `--disable` start from the same file."""
    folder.topic("audit", "things")

    loaded = folder.load(config({"audit": {"file": 3}, "adit": {}}, disable=["audit"]))

    assert loaded.problems == ()
    assert loaded.warnings == (
        "[plugin.audit] is not checked: the plugin is not loaded",
        "[plugin.adit] is not checked: the plugin is not loaded; did you mean `audit`?",
    )


def test_p24_plugins_load_in_order(folder: Folder) -> None:
    """`requires` and `after`, then the name; the records say the same."""
    folder.topic("a", "ta", "after=('c',)")
    folder.topic("b", "tb")
    folder.topic("c", "tc", "requires=('d',)")
    folder.topic("d", "td")

    loaded = folder.load()

    assert [plugin.name for plugin in loaded.plugins] == ["b", "d", "c", "a"]
    assert [record.name for record in loaded.records] == ["b", "d", "c", "a"]
    assert records(loaded)["c"].requires == ("d",)


@pytest.mark.parametrize("name", sorted(FAILURES))
def test_p24_who_requires_a_broken_plugin_fails_too(folder: Folder, name: str) -> None:
    """In whatever phase it breaks, and on to their dependents."""
    folder.add("bad", FAILURES[name][0])
    folder.topic("user", "tu", "requires=('bad',)")
    folder.topic("a_user_of_user", "ta", "requires=('user',)")
    folder.topic("follower", "tf", "after=('bad',)")

    loaded = folder.load()

    assert [plugin.name for plugin in loaded.plugins] == ["follower"]
    assert records(loaded)["user"].reason == "it requires `bad`, which is not loaded"
    assert [rule.topic for rule in loaded.table.topics] == ["tf"]


def test_hook_register_topics_two_owners_are_both_named(folder: Folder) -> None:
    """Neither loads, whoever comes first; their dependents do not either."""
    folder.topic("one", "things")
    folder.topic("two", "things")
    folder.topic("user", "other", "requires=('one',)")

    loaded = folder.load()

    reason = "topic `things` is claimed by `one` and by `two`; disable one"
    assert [records(loaded)[name].reason for name in ("one", "two")] == [reason, reason]
    assert states(loaded)["user"] == "failed"
    assert loaded.table.topics == ()


def test_hook_register_topics_two_owners_of_a_match_are_both_named(folder: Folder) -> None:
    """The same messages cannot belong to two topics."""
    for name in ("one", "two"):
        folder.add(
            name,
            "@hookimpl\ndef trunkline_register_topics(topics):\n"
            f"    topics.add({name!r}, match={{'type': 'x'}})",
        )

    assert set(states(folder.load()).values()) == {"failed"}


def test_hook_register_topics_one_owner_may_have_two_matches(folder: Folder) -> None:
    """A topic gathers what its owner says."""
    folder.add(
        "one",
        "@hookimpl\ndef trunkline_register_topics(topics):\n"
        "    topics.add('t', match={'type': 'x'})\n    topics.add('t', match={'type': 'y'})",
    )

    assert [rule.match for rule in folder.load().table.topics] == [{"type": "x"}, {"type": "y"}]


def test_p24_order_rules_filters_and_classifiers(folder: Folder) -> None:
    """Instead of load order; the file's own filters stay in front; a typo is a warning."""
    for name in ("a", "b"):
        folder.add(
            name,
            "@hookimpl\ndef trunkline_register_filters(filters):\n"
            "    filters.add('mask', lambda event: event)\n"
            "@hookimpl\ndef trunkline_register_classifiers(classifiers):\n"
            "    classifiers.add('by_type', lambda type: None)",
        )
    first = FilterRule("filter.1", lambda event: event, ("*",), None)

    loaded = folder.load(config(order=["b.mask", "*", "a.by_tipe"]), filters=[first])

    assert [rule.name for rule in loaded.table.filters] == ["filter.1", "b.mask", "a.mask"]
    assert [rule.name for rule in loaded.table.classifiers] == ["a.by_type", "b.by_type"]
    [warning] = loaded.warnings
    assert "`a.by_tipe`" in warning
    assert "did you mean `a.by_type`" in warning


def test_p24_a_subscription_to_nobodys_topic_is_a_warning(folder: Folder) -> None:
    """The host's own topics, the server's and the plugins' are known, and so is `*`."""
    folder.add(
        "one",
        "@hookimpl\ndef trunkline_register_topics(topics): topics.add('mine')\n"
        "@hookimpl\ndef trunkline_register_subscriptions(subscriptions):\n"
        "    for topic in ('mine', 'system', 'approvals', '*', 'mien'):\n"
        "        subscriptions.add(topic, print)",
    )

    loaded = folder.load(fallbacks=[TopicRule("approvals", "")])

    assert loaded.warnings == (
        "plugin `one` subscribes to topic `mien`, which nobody owns; did you mean `mine`?",
    )
    assert [rule.topic for rule in loaded.table.fallbacks] == ["approvals"]
    assert [rule.owner for rule in loaded.subscriptions] == ["one"] * 5


def test_p09_a_loaded_plugin_waits_to_be_started(folder: Folder) -> None:
    """With all its load has told: hooks, time, phase, reason."""
    folder.topic("audit", "things")

    [record] = folder.load().records

    assert (record.state, record.phase, record.reason) == (
        PluginState.WAITING,
        "run",
        "to be started",
    )
    assert record.hooks == ("trunkline_register_topics",)
    assert record.import_seconds is not None
