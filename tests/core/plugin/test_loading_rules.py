"""Loading: tables, order, and what is wrong between plugins."""

import pytest
from plugin_files import FAILURES, TABLE, Folder, config, records, states

from trunkline.errors import ConfigError
from trunkline.plugin.states import PluginState
from trunkline.routing.table import FilterRule, TopicRule


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


def test_p22_every_key_that_is_missing_is_told_apart(folder: Folder) -> None:
    """In the one line that there is for a plugin."""
    table = TABLE.replace("    file: str", "    file: str\n    key: str")
    folder.add("audit", table + "@hookimpl\nasync def trunkline_run(ctx): ...")

    reason = records(folder.load())["audit"].reason

    assert reason.split("; ") == [
        "plugin.audit.file: this key is required",
        "plugin.audit.key: this key is required",
    ]


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
        "[plugin.adit] is not checked: the plugin is not loaded; did you mean `audit`?",
        "[plugin.audit] is not checked: the plugin is not loaded",
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

    order = ["b.mask", "*", "a.by_tipe", "filter.1"]
    loaded = folder.load(config(order=order), filters=[first])

    assert [rule.name for rule in loaded.table.filters] == ["filter.1", "b.mask", "a.mask"]
    assert [rule.name for rule in loaded.table.classifiers] == ["a.by_type", "b.by_type"]
    misspelt, of_the_file = loaded.warnings
    assert "`a.by_tipe`" in misspelt
    assert "did you mean `a.by_type`" in misspelt
    assert of_the_file == (
        "[plugins] order names `filter.1`, a filter of the file: those come first,"
        " in the order of the file"
    )


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


def test_p24_a_filter_or_sink_for_nobodys_topic_is_a_warning(folder: Folder) -> None:
    """A mask with a misspelt topic masks nothing; the host's own topics are known."""
    folder.add(
        "one",
        "@hookimpl\ndef trunkline_register_topics(topics): topics.add('audit')\n"
        "@hookimpl\ndef trunkline_register_filters(filters):\n"
        "    filters.add('mask', lambda event: event, topics=['audti', '*'])\n"
        "async def write(events): ...\n"
        "@hookimpl\ndef trunkline_register_sinks(sinks):\n"
        "    sinks.add('file', write, topics=['adit', 'activity', 'system'])",
    )

    warnings = folder.load().warnings

    assert warnings == (
        "filter `one.mask` is for topic `audti`, which nobody owns; did you mean `audit`?",
        "sink `one.file` takes topic `adit`, which nobody owns; did you mean `audit`?",
    )


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
